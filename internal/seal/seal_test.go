package seal_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/seal"
)

func key(t *testing.T, fill byte) seal.Key {
	t.Helper()
	k, err := seal.NewKey(bytes.Repeat([]byte{fill}, seal.KeySize))
	require.NoError(t, err)
	return k
}

func TestASealedValueOpensOnlyInItsOwnPlace(t *testing.T) {
	box := seal.NewBox(key(t, 1))
	sealed, err := box.Seal([]byte("tiihtNczf5v6AKRyjwEUhQ=="), "wx1/alice")
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "tiiht")

	plain, err := box.Open(sealed, "wx1/alice")
	require.NoError(t, err)
	require.Equal(t, "tiihtNczf5v6AKRyjwEUhQ==", string(plain))

	_, err = box.Open(sealed, "wx1/bob")
	require.ErrorIs(t, err, seal.ErrOpen)
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	box := seal.NewBox(key(t, 1))
	sealed, err := box.Seal([]byte("secret"), "row")
	require.NoError(t, err)
	for i := range sealed {
		forged := bytes.Clone(sealed)
		forged[i] ^= 1
		_, err := box.Open(forged, "row")
		require.ErrorIs(t, err, seal.ErrOpen, "byte %d", i)
		_, err = box.Open(sealed[:i], "row")
		require.ErrorIs(t, err, seal.ErrOpen, "cut at %d", i)
	}
}

func TestTheDataKeyCanBeChangedWhileOldValuesStillOpen(t *testing.T) {
	old := seal.NewBox(key(t, 1))
	sealed, err := old.Seal([]byte("secret"), "row")
	require.NoError(t, err)

	both := seal.NewBox(key(t, 2), key(t, 1))
	plain, err := both.Open(sealed, "row")
	require.NoError(t, err)
	require.Equal(t, "secret", string(plain))
	require.False(t, both.Current(sealed))
	require.Equal(t, [][]byte{seal.NewBox(key(t, 2)).Hash("138"), old.Hash("138")}, both.Hashes("138"))

	again, err := both.Seal(plain, "row")
	require.NoError(t, err)
	require.True(t, both.Current(again))
	_, err = seal.NewBox(key(t, 2)).Open(again, "row")
	require.NoError(t, err)
	_, err = seal.NewBox(key(t, 2)).Open(sealed, "row")
	require.ErrorIs(t, err, seal.ErrOpen)
}

func TestTwoSealingsOfOneValueDiffer(t *testing.T) {
	box := seal.NewBox(key(t, 1))
	a, err := box.Seal([]byte("x"), "row")
	require.NoError(t, err)
	b, err := box.Seal([]byte("x"), "row")
	require.NoError(t, err)
	require.NotEqual(t, a, b)
}

func TestAKeyIsReadFromAnyBase64AndNeverPrinted(t *testing.T) {
	raw := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		k, err := seal.ParseKey(enc.EncodeToString(raw))
		require.NoError(t, err)
		require.Equal(t, "[redacted] [redacted] [redacted]", fmt.Sprintf("%v %+v %#v", k, k, k))
		require.Equal(t, "[redacted]", fmt.Sprint(seal.NewBox(k)))
	}
	for _, bad := range []string{"", "c2hvcnQ=", "not base64 at all, but a secret"} {
		_, err := seal.ParseKey(bad)
		require.Error(t, err)
		if bad != "" {
			require.NotContains(t, err.Error(), bad)
		}
	}
}

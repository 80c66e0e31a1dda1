package auth_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/secret"
)

var algorithms = []string{verify.ES256, verify.EdDSA, verify.RS256, verify.HS256}

func newKey(t testing.TB, algorithm string, activeFrom time.Time) auth.SigningKey {
	t.Helper()
	k, err := auth.GenerateKey(algorithm, activeFrom)
	require.NoError(t, err)
	return k
}

func newSet(t testing.TB, keys ...auth.SigningKey) *auth.KeySet {
	t.Helper()
	s, err := auth.NewKeySet(keys...)
	require.NoError(t, err)
	return s
}

func private(t *testing.T, s *auth.KeySet) []byte {
	t.Helper()
	text, err := s.Private()
	require.NoError(t, err)
	return text
}

// secretParts are the members of a private JWK Set that no one else may see, as
// they stand in it and as bytes.
func secretParts(t *testing.T, text []byte) [][]byte {
	t.Helper()
	var file struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal(text, &file))
	var out [][]byte
	for _, key := range file.Keys {
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			part, ok := key[name].(string)
			if !ok {
				continue
			}
			raw, err := base64.RawURLEncoding.DecodeString(part)
			require.NoError(t, err)
			out = append(out, []byte(part), raw,
				fmt.Appendf(nil, "%x", raw), fmt.Appendf(nil, "%d", raw[:8]), fmt.Appendf(nil, "%d", raw)[1:20])
		}
	}
	require.NotEmpty(t, out)
	return out
}

func TestAKeyFileIsReadAsItWasWritten(t *testing.T) {
	from := noon.Add(time.Hour)
	var keys []auth.SigningKey
	for i, algorithm := range algorithms {
		keys = append(keys, newKey(t, algorithm, from.Add(time.Duration(i)*time.Hour)))
	}
	keys = append(keys, newKey(t, verify.ES256, time.Time{}))
	before := newSet(t, keys...)
	after, err := auth.ParseKeys(private(t, before))
	require.NoError(t, err)
	for i, k := range before.Keys() {
		got := after.Keys()[i]
		require.True(t, k.Same(got))
		require.Equal(t, k.ID, got.ID)
		require.Equal(t, k.Algorithm, got.Algorithm)
		require.True(t, k.ActiveFrom.Equal(got.ActiveFrom), k)
	}
	require.JSONEq(t, string(private(t, before)), string(private(t, after)))
}

func TestThePublicSetHoldsNoPrivateAndNoSymmetricKey(t *testing.T) {
	var keys []auth.SigningKey
	for _, algorithm := range algorithms {
		keys = append(keys, newKey(t, algorithm, time.Time{}))
	}
	s := newSet(t, keys...)
	public, err := s.Public()
	require.NoError(t, err)
	for _, part := range secretParts(t, private(t, s)) {
		require.NotContains(t, string(public), string(part))
	}
	var file struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal(public, &file))
	require.Len(t, file.Keys, 3)
	for _, key := range file.Keys {
		for name := range key {
			require.Contains(t, []string{"kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"}, name)
		}
		require.NotEqual(t, "oct", key["kty"])
	}
	alone, err := newSet(t, newKey(t, verify.HS256, time.Time{})).Public()
	require.NoError(t, err)
	require.JSONEq(t, `{"keys":[]}`, string(alone), "a set, not null: consumers read it")
}

func TestNoErrorAboutAKeyFileShowsWhatIsInIt(t *testing.T) {
	for _, algorithm := range algorithms {
		text := private(t, newSet(t, newKey(t, algorithm, time.Time{})))
		parts := secretParts(t, text)
		var file struct{ Keys []map[string]any }
		require.NoError(t, json.Unmarshal(text, &file))
		var broken [][]byte
		// Cut off, with each member gone, of another type, and changed.
		for at := 1; at < len(text)-2; at += 7 {
			broken = append(broken, text[:at])
		}
		for name, was := range file.Keys[0] {
			for _, value := range []any{nil, 7, []any{was}, map[string]any{"x": was}, "", fmt.Sprint(was) + "!", fmt.Sprint(was) + "AAAA", "AAAA"} {
				file.Keys[0][name] = value
				if value == nil {
					delete(file.Keys[0], name)
				}
				changed, err := json.Marshal(file)
				require.NoError(t, err)
				broken = append(broken, changed)
			}
			file.Keys[0][name] = was
		}
		refused := 0
		for _, data := range broken {
			s, err := auth.ParseKeys(data)
			if err == nil {
				require.NotNil(t, s)
				continue
			}
			refused++
			for _, part := range parts {
				require.NotContains(t, err.Error(), string(part))
				require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), string(part))
			}
			require.NotContains(t, err.Error(), "\n")
		}
		require.Greater(t, refused, len(broken)/2)
	}
}

func TestKeysArePrintedByTheirNamesAlone(t *testing.T) {
	var keys []auth.SigningKey
	for _, algorithm := range algorithms {
		keys = append(keys, newKey(t, algorithm, time.Time{}))
	}
	s := newSet(t, keys...)
	ring := auth.NewKeyring(s)
	var printed bytes.Buffer
	text, asJSON := slog.New(slog.NewTextHandler(&printed, nil)), slog.New(slog.NewJSONHandler(&printed, nil))
	for _, value := range []any{
		keys[0], &keys[1], keys[2], keys[3], keys, s, *s, ring,
		struct{ Inner *auth.KeySet }{s},
		struct{ inner auth.SigningKey }{keys[3]},
		struct{ inner auth.KeySet }{*s},
		map[string]any{"k": s},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb+"\n", value)
		}
		text.Info("value", "value", value)
		asJSON.Info("value", "value", value)
	}
	for _, part := range secretParts(t, private(t, s)) {
		require.NotContains(t, printed.String(), string(part))
	}
	require.Contains(t, printed.String(), "key "+keys[0].ID)
}

func TestTokensAndIdentitiesAreNeverPrinted(t *testing.T) {
	const canary = "canary-0123456789"
	var printed bytes.Buffer
	text, asJSON := slog.New(slog.NewTextHandler(&printed, nil)), slog.New(slog.NewJSONHandler(&printed, nil))
	for _, value := range []any{
		auth.Tokens{AccessToken: secret.New(canary), RefreshToken: secret.New(canary)},
		&auth.Tokens{AccessToken: secret.New(canary)},
		auth.LoginResult{Tokens: auth.Tokens{RefreshToken: secret.New(canary)}},
		auth.ProvenIdentity{OpenID: canary, SessionKey: secret.New(canary)},
		[]auth.ProvenIdentity{{SessionKey: secret.New(canary)}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			fmt.Fprintf(&printed, verb+"\n", value)
		}
		text.Info("value", "value", value)
		asJSON.Info("value", "value", value)
	}
	require.NotContains(t, printed.String(), canary)
	require.Contains(t, printed.String(), "[redacted]")
}

func TestTheNewestActiveKeySigns(t *testing.T) {
	always := newKey(t, verify.ES256, time.Time{})
	next := newKey(t, verify.ES256, noon)
	later := newKey(t, verify.EdDSA, noon.Add(time.Hour))
	s := newSet(t, next, later, always)
	for after, want := range map[time.Duration]auth.SigningKey{
		-time.Microsecond: always, 0: next, time.Hour - time.Microsecond: next, time.Hour: later, 1000 * time.Hour: later,
	} {
		require.Equal(t, want.ID, s.Signer(noon.Add(after)).ID, after)
	}
	require.Equal(t, next.ID, newSet(t, later, next).Signer(noon.Add(-time.Hour)).ID, "none is active yet: the service goes on with the oldest")
	for _, k := range []auth.SigningKey{always, next, later} {
		got, err := s.Key(t.Context(), k.ID)
		require.NoError(t, err, "all of them verify")
		require.Equal(t, k.Algorithm, got.Algorithm)
	}
	_, err := s.Key(t.Context(), "nonsense")
	require.ErrorIs(t, err, verify.ErrUnknownKey)
}

func TestARotationDropsAKeyOnlyWhenItsLastTokenIsDead(t *testing.T) {
	const drain = 5 * time.Hour
	first := newKey(t, verify.ES256, time.Time{})
	second := newKey(t, verify.ES256, noon)
	s := newSet(t, first, second)
	rotate := func(now time.Time) ([]string, int) {
		fresh := newKey(t, verify.ES256, now.Add(time.Hour))
		next, dropped, err := s.Rotate(fresh, now, drain)
		require.NoError(t, err)
		var ids []string
		for _, k := range next.Keys() {
			if k.ID != fresh.ID {
				ids = append(ids, k.ID)
			}
		}
		require.Len(t, next.Keys(), len(ids)+1, "the fresh one is there")
		return ids, dropped
	}
	kept, dropped := rotate(noon.Add(drain))
	require.Equal(t, []string{second.ID, first.ID}, kept, "the first key signed until noon")
	require.Zero(t, dropped)
	kept, dropped = rotate(noon.Add(drain + time.Second))
	require.Equal(t, []string{second.ID}, kept)
	require.Equal(t, 1, dropped)
	kept, _ = rotate(noon.Add(-time.Hour))
	require.Equal(t, []string{second.ID, first.ID}, kept, "a successor that does not sign yet replaces nobody")
	kept, _ = rotate(noon.Add(1000 * time.Hour))
	require.Equal(t, []string{second.ID}, kept, "the one that signs stays, however old")

	_, _, err := s.Rotate(first, noon, drain)
	require.Error(t, err, "a key that is there already is not a fresh one")
	require.Len(t, s.Keys(), 2, "a set does not change")
}

func TestAKeyIsForOneKindOfTokenUnderWhateverName(t *testing.T) {
	access, refresh := newKey(t, verify.ES256, time.Time{}), newKey(t, verify.HS256, time.Time{})
	require.NoError(t, auth.Separate(newSet(t, access), newSet(t, refresh)))
	for _, algorithm := range algorithms {
		key := newKey(t, algorithm, time.Time{})
		renamed := strings.Replace(string(private(t, newSet(t, key))), key.ID, "renamed", 1)
		other, err := auth.ParseKeys([]byte(renamed))
		require.NoError(t, err)
		err = auth.Separate(newSet(t, access, key), other)
		require.ErrorContains(t, err, "renamed", algorithm)
		require.True(t, key.Same(other.Keys()[0]))
		require.False(t, key.Same(access))
	}
	named := strings.Replace(string(private(t, newSet(t, refresh))), refresh.ID, access.ID, 1)
	other, err := auth.ParseKeys([]byte(named))
	require.NoError(t, err)
	require.ErrorContains(t, auth.Separate(newSet(t, access), other), "the same id")
	_, err = auth.New(auth.Config{Apps: []string{"wx"}, AccessKeys: auth.NewKeyring(newSet(t, access)), RefreshKeys: auth.NewKeyring(newSet(t, access))})
	require.Error(t, err, "nor can a Service be made of it")
}

func TestASecretMakesTheSameKeyOnEveryPod(t *testing.T) {
	one, err := auth.SecretKeys([]byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	two, err := auth.SecretKeys([]byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	other, err := auth.SecretKeys([]byte("0123456789abcdef0123456789abcdeF"))
	require.NoError(t, err)
	require.Equal(t, one.Keys()[0].ID, two.Keys()[0].ID)
	require.NotEqual(t, one.Keys()[0].ID, other.Keys()[0].ID)
	require.Error(t, auth.Separate(one, two))
	require.NoError(t, auth.Separate(one, other))
	_, err = auth.SecretKeys([]byte("0123456789abcdef0123456789abcde"))
	require.ErrorContains(t, err, "32 bytes")
	require.NotContains(t, err.Error(), "0123456789")
}

func TestAnAlgorithmThatIsNotOfferedMakesNoKey(t *testing.T) {
	for _, algorithm := range []string{"", "none", "HS512", "es256", "PS256", "ES384"} {
		_, err := auth.GenerateKey(algorithm, time.Time{})
		require.Error(t, err, algorithm)
	}
	_, err := auth.NewKeySet()
	require.Error(t, err)
}

func FuzzParseKeys(f *testing.F) {
	for _, algorithm := range algorithms {
		text, err := newSet(f, newKey(f, algorithm, noon)).Private()
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"a","k":""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := auth.ParseKeys(text)
		if err != nil {
			return
		}
		// What was taken can be written and is taken again.
		written, err := s.Private()
		require.NoError(t, err)
		again, err := auth.ParseKeys(written)
		require.NoError(t, err)
		require.Len(t, again.Keys(), len(s.Keys()))
		_, err = s.Public()
		require.NoError(t, err)
		require.NotEmpty(t, s.Signer(noon).ID)
	})
}

package verify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

func TestStaticRefusesWhatItCannotUse(t *testing.T) {
	es, ed := signers()[verify.ES256].key, signers()[verify.EdDSA].key
	twice := ed
	twice.ID = es.ID
	nameless, longName, wrongType := es, es, es
	nameless.ID, longName.ID, wrongType.Algorithm = "", strings.Repeat("k", 257), verify.RS256
	for name, keys := range map[string][]verify.Key{
		"no keys": {}, "one id twice": {es, twice}, "no id": {nameless}, "a long id": {longName}, "another type": {es, wrongType},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verify.NewStatic(keys...)
			require.Error(t, err)
			require.Panics(t, func() { verify.Static(keys...) })
		})
	}
}

func TestStaticKeysCannotBeChangedAfterwards(t *testing.T) {
	secret := bytes.Clone(signers()[verify.HS256].key.Public.(verify.Secret))
	edPublic := bytes.Clone(signers()[verify.EdDSA].key.Public.(ed25519.PublicKey))
	ec := *signers()[verify.ES256].key.Public.(*ecdsa.PublicKey)
	keys := []verify.Key{
		{ID: "hs-1", Algorithm: verify.HS256, Public: verify.Secret(secret)},
		{ID: "ed-1", Algorithm: verify.EdDSA, Public: ed25519.PublicKey(edPublic)},
		{ID: "es-1", Algorithm: verify.ES256, Public: &ec},
	}
	v := verify.New(issuer, audience, verify.Static(keys...), verify.WithClock(clock), verify.WithCache(0))
	clear(secret)
	clear(edPublic)
	ec.Curve = nil
	keys[0].ID, keys[1] = "x", verify.Key{}
	for _, algorithm := range []string{verify.HS256, verify.EdDSA, verify.ES256} {
		_, err := v.Verify(t.Context(), signers()[algorithm].good())
		require.NoError(t, err, algorithm)
	}
}

func TestSecretsArePrintedNowhere(t *testing.T) {
	const canary = "canary-canary-0123456789-canary!"
	key := verify.Key{ID: "k", Algorithm: verify.HS256, Public: verify.Secret(canary)}
	source := verify.Static(key)
	feed := verify.Feed("http://user:"+canary+"@127.0.0.1:1", canary)
	defer feed.Close()
	remote := verify.JWKS("http://user:" + canary + "@127.0.0.1:1/")
	defer remote.Close()
	v := verify.New(issuer, audience, source, verify.WithRevocations(feed))
	cached := verify.New(issuer, audience, source, verify.WithClock(clock))
	_, err := cached.Verify(t.Context(), signer{key: key, private: []byte(canary)}.good())
	require.NoError(t, err)
	values := []any{
		cached,
		struct{ hidden verify.KeySource }{source},
		struct{ hidden *verify.Verifier }{cached},
		*cached,
		verify.Secret(canary), key, &key,
		[]verify.Key{key},
		source, v, feed, remote,
		verify.Profile{Keys: source},
		&verify.Profile{Keys: source},
		map[string]any{"k": key},
	}
	var logged bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logged, nil))
	textLogger := slog.New(slog.NewTextHandler(&logged, nil))
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
			fmt.Fprintf(&logged, verb+"\n", value)
		}
		logger.Info("value", "value", value)
		textLogger.Info("value", "value", value)
	}
	encoded, err := json.Marshal(key)
	require.NoError(t, err)
	logged.Write(encoded)
	for _, err := range []error{
		verify.Key{ID: "k", Algorithm: verify.HS256, Public: verify.Secret(canary[:31])}.Validate(),
		verify.Key{ID: "k", Algorithm: verify.RS256, Public: verify.Secret(canary)}.Validate(),
		feed.Ready(cancelled(t)), remote.Ready(cancelled(t)),
	} {
		require.Error(t, err)
		fmt.Fprintf(&logged, "%v %+v %#v\n", err, err, err)
	}
	require.Contains(t, logged.String(), "[redacted]")
	for _, form := range []string{canary[:31], fmt.Sprintf("%x", canary[:16]), fmt.Sprintf("%X", canary[:16]), "99 97 110 97 114 121", "Y2FuYXJ5"} {
		require.NotContains(t, logged.String(), form)
	}
}

func TestCodesAndChallengesAreTheContracts(t *testing.T) {
	for err, want := range map[error][2]string{
		verify.ErrMissing:         {"token_missing", "Bearer"},
		verify.ErrInvalid:         {"token_invalid", `error="invalid_token"`},
		verify.ErrExpired:         {"token_expired", `error="invalid_token"`},
		verify.ErrRevoked:         {"session_revoked", `error="invalid_token"`},
		verify.ErrUnknownKey:      {"token_invalid", `error="invalid_token"`},
		verify.ErrKeysUnavailable: {"keys_unavailable", ""},
		errors.New("other"):       {"internal", ""},
	} {
		require.Equal(t, want[0], verify.Code(fmt.Errorf("wrapped: %w", err)))
		require.Contains(t, verify.Challenge(err), want[1])
	}
	require.Empty(t, verify.Code(nil))
	require.Equal(t, "Bearer", verify.Challenge(verify.ErrMissing), "RFC 6750: no error code when nothing was sent")
}

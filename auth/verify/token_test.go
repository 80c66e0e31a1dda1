package verify_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

const (
	issuer   = "https://auth.example.com"
	audience = "https://api.example.com"
)

// now is the moment at which tests verify, unless they say otherwise.
var now = time.Unix(1_800_000_000, 0).UTC()

func clock() time.Time { return now }

// signer is a private key and the verify.Key that goes with it.
type signer struct {
	key     verify.Key
	private any
}

// signers makes one key for each algorithm, once: RSA keys are slow to make.
var signers = sync.OnceValue(func() map[string]signer {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	secret := make([]byte, 32)
	_, err = rand.Read(secret)
	must(err)
	edPublic, _ := ed.Public().(ed25519.PublicKey)
	return map[string]signer{
		verify.ES256: {verify.Key{ID: "es-1", Algorithm: verify.ES256, Public: &ec.PublicKey}, ec},
		verify.EdDSA: {verify.Key{ID: "ed-1", Algorithm: verify.EdDSA, Public: edPublic}, ed},
		verify.RS256: {verify.Key{ID: "rs-1", Algorithm: verify.RS256, Public: &rs.PublicKey}, rs},
		verify.HS256: {verify.Key{ID: "hs-1", Algorithm: verify.HS256, Public: verify.Secret(secret)}, secret},
	}
})

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func algorithms() []string { return []string{verify.ES256, verify.EdDSA, verify.RS256, verify.HS256} }

// allKeys is a source of the four keys.
func allKeys() verify.KeySource {
	var keys []verify.Key
	for _, name := range algorithms() {
		keys = append(keys, signers()[name].key)
	}
	return verify.Static(keys...)
}

// claims are those of a good access token; changes override or, with nil, remove.
func claims(changes map[string]any) map[string]any {
	return with(map[string]any{
		"iss": issuer, "sub": "user-1", "aud": audience, "client_id": "wx0123456789abcdef",
		"iat": now.Unix() - 60, "exp": now.Unix() + 3600, "jti": "jti-1", "sid": "session-1",
		"roles": []string{"editor"},
	}, changes)
}

func with(base, changes map[string]any) map[string]any {
	for name, value := range changes {
		if value == nil {
			delete(base, name)
			continue
		}
		base[name] = value
	}
	return base
}

func (s signer) header(changes map[string]any) map[string]any {
	return with(map[string]any{"alg": s.key.Algorithm, "kid": s.key.ID, "typ": verify.AccessTokenType}, changes)
}

// sign makes a token of any header and claims, right or wrong.
func (s signer) sign(header, claims map[string]any) string {
	h, err := json.Marshal(header)
	must(err)
	c, err := json.Marshal(claims)
	must(err)
	return s.signText(string(h), string(c))
}

// signText makes a token of any two texts.
func (s signer) signText(header, payload string) string {
	return s.signSegments(b64(header), b64(payload))
}

func (s signer) signSegments(header, payload string) string {
	signed := header + "." + payload
	signature, err := jwt.GetSigningMethod(s.key.Algorithm).Sign(signed, s.private)
	must(err)
	return signed + "." + b64(string(signature))
}

// good is a token that passes.
func (s signer) good() string { return s.sign(s.header(nil), claims(nil)) }

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func profile() *verify.Profile {
	return &verify.Profile{
		Type: verify.AccessTokenType, Issuer: issuer, Audience: audience, Keys: allKeys(), Now: clock,
		RequiredClaims: []string{"sub", "client_id", "iat", "jti", "sid"},
	}
}

func verifier(opts ...verify.Option) *verify.Verifier {
	return verify.New(issuer, audience, allKeys(), append([]verify.Option{verify.WithClock(clock)}, opts...)...)
}

// refused asserts that a token is invalid for the profile and for the verifier,
// and that the error does not give the token away.
func refused(t *testing.T, token string, mention string) {
	t.Helper()
	_, err := profile().Check(t.Context(), token)
	require.ErrorIs(t, err, verify.ErrInvalid)
	require.ErrorContains(t, err, mention)
	_, verr := verifier().Verify(t.Context(), token)
	require.ErrorIs(t, verr, verify.ErrInvalid)
	for _, segment := range strings.Split(token, ".") {
		if len(segment) > 8 {
			require.NotContains(t, err.Error(), segment)
		}
	}
}

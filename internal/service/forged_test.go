package service

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/config"
)

// signerOf takes the private key out of a set, as a thief of the file would.
func signerOf(t *testing.T, set *auth.KeySet) (kid string, key any) {
	t.Helper()
	text, err := set.Private()
	require.NoError(t, err)
	var file struct{ Keys []jwkset.JWKMarshal }
	require.NoError(t, json.Unmarshal(text, &file))
	jwk, err := jwkset.NewJWKFromMarshal(file.Keys[0], jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	require.NoError(t, err)
	return file.Keys[0].KID, jwk.Key()
}

// forge signs claims under a header of one's own; a nil value takes a member
// away.
func forge(t *testing.T, algorithm string, key any, header, claims map[string]any) string {
	t.Helper()
	part := func(members map[string]any) string {
		members = maps.Clone(members)
		maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
		text, err := json.Marshal(members)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(header) + "." + part(claims)
	signature, err := jwt.GetSigningMethod(algorithm).Sign(signed, key)
	require.NoError(t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func but(members map[string]any, pairs ...any) map[string]any {
	out := maps.Clone(members)
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// kind is one kind of token and everywhere that it is taken.
type tokenKind struct {
	name      string
	algorithm string
	kid       string
	key       any
	header    map[string]any
	claims    map[string]any
	// refused presents a token at each endpoint and checks the refusals.
	refused func(t *testing.T, token, why string)
	taken   func(t *testing.T, token, why string)
}

func (k tokenKind) sign(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	return forge(t, k.algorithm, k.key, header, claims)
}

//nolint:tparallel // the subtests share a session, which both kinds of token belong to
func TestForgedTokensAreRefusedByBothEndpointsPointByPointOfRFC8725(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	w.access = keySet(t, "RS256") // whose public key is the classic HMAC secret
	p := w.pod(withOperatorKeys, func(c *config.Config) { c.RefreshGrace = time.Minute })
	mine := p.signIn("alice")

	header := func(token string) map[string]any {
		parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
		require.NoError(t, err)
		return parsed.Header
	}
	access := tokenKind{
		name: "access", algorithm: "RS256", header: header(mine.access), claims: claimsOf(t, mine.access),
		refused: func(t *testing.T, token, why string) {
			t.Helper()
			a := p.me(token)
			require.Equal(t, 401, a.status, why)
			require.Contains(t, []string{"token_invalid", "token_expired", "session_revoked"}, a.code(), why)
			require.Equal(t, 401, p.do("GET", "/api/v1/auth/verify", token, nil).status, why)
			require.JSONEq(t, `{"active":false}`, string(p.form("/oauth2/introspect", gatewayKey, "token", token).body), why)
			require.Equal(t, 401, p.do("POST", "/api/v1/auth/logout", token, nil).status, why)
			require.Equal(t, 401, p.do("POST", "/api/v1/auth/logout-all", token, nil).status, why)
		},
		taken: func(t *testing.T, token, why string) {
			t.Helper()
			require.Equal(t, 200, p.me(token).status, why)
		},
	}
	access.kid, access.key = signerOf(t, w.access)
	refresh := tokenKind{
		name: "refresh", algorithm: "HS256", header: header(mine.refresh), claims: claimsOf(t, mine.refresh),
		refused: func(t *testing.T, token, why string) {
			t.Helper()
			a := p.refresh(token)
			require.Equal(t, 401, a.status, "%s: %s", why, a.body)
			require.Contains(t, []string{"refresh_invalid", "refresh_expired"}, a.code(), why)
			a = p.form("/oauth2/token", "", "grant_type", "refresh_token", "client_id", appID, "refresh_token", token)
			require.Equal(t, 400, a.status, why)
			require.Equal(t, "invalid_grant", a.text("error"), why)
			// Nor does it end anybody's session.
			if a := p.do("POST", "/api/v1/auth/logout", "", map[string]any{"refreshToken": token}); a.status != 204 {
				expect(t, a, 401, "refresh_invalid")
			}
			require.Equal(t, 200, p.form("/oauth2/revoke", "", "token", token).status, "RFC 7009 section 2.2")
		},
		taken: func(t *testing.T, token, why string) {
			t.Helper()
			a := p.refresh(token)
			require.Equal(t, 200, a.status, "%s: %s", why, a.body)
		},
	}
	refresh.kid, refresh.key = signerOf(t, w.refresh)

	for _, k := range []tokenKind{access, refresh} {
		t.Run(k.name, func(t *testing.T) {
			k.taken(t, k.sign(t, k.header, k.claims), "what this test makes is good but for what it says")
			header, claims := k.header, k.claims

			// 3.1: the algorithm is that of the key.
			for _, none := range []string{"none", "None", "NONE", "nOnE"} {
				unsigned := forge(t, "none", jwt.UnsafeAllowNoneSignatureType, but(header, "alg", none), claims)
				k.refused(t, unsigned, "alg none")
				k.refused(t, unsigned+"AAAA", "alg none, and a signature")
			}
			public, err := x509.MarshalPKIXPublicKey(publicOf(t, access.key))
			require.NoError(t, err)
			jwks := p.do("GET", "/.well-known/jwks.json", "", nil).body
			for name, secret := range map[string][]byte{
				"DER": public, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), "the JWK Set": jwks, "an empty key": {}, "the kid": []byte(k.kid),
			} {
				for _, kid := range []string{access.kid, refresh.kid} {
					k.refused(t, forge(t, "HS256", secret, but(header, "alg", "HS256", "kid", kid), claims), "HS256 with "+name)
				}
			}
			for _, algorithm := range []string{"HS384", "HS512", "RS384", "PS256", "ES256", "EdDSA", "hs256", "rs256", ""} {
				k.refused(t, k.sign(t, but(header, "alg", algorithm), claims), "alg "+algorithm)
			}
			// 3.3, 3.4: signatures.
			good := k.sign(t, header, claims)
			parts := strings.Split(good, ".")
			k.refused(t, parts[0]+"."+parts[1]+".", "no signature")
			k.refused(t, parts[0]+"."+parts[1], "two parts")
			k.refused(t, good+".AAAA", "four parts")
			k.refused(t, tampered(good), "a changed signature")
			k.refused(t, parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x"}`))+"."+parts[2], "other claims")
			other := refresh
			if k.name == "refresh" {
				other = access
			}
			k.refused(t, forge(t, other.algorithm, other.key, but(header, "alg", other.algorithm, "kid", other.kid), claims), "the other kind's key")
			k.refused(t, forge(t, other.algorithm, other.key, header, claims), "the other kind's key under this one's name")

			// 3.8, 3.9: issuer, subject, audience.
			for name, values := range map[string][]any{
				"iss":       {nil, "", "https://evil.example.com", "https://auth.example.com/", 1, []string{"https://auth.example.com"}},
				"sub":       {nil, "", 1, []any{claims["sub"]}},
				"aud":       {nil, "", "https://other.example.com", []string{}, []string{"https://other.example.com"}, other.claims["aud"]},
				"client_id": {nil, "", "wxffffffffffffffff", 1},
				"exp":       {nil, "", 0, -1, "9999999999", time.Now().Add(-verify.MaxLeeway - time.Second).Unix(), 1.5, true}, // within it a logout is answered
				"iat":       {nil, "yesterday", true},
				"sid":       {nil, "", 1},
			} {
				for _, value := range values {
					k.refused(t, k.sign(t, header, but(claims, name, value)), fmt.Sprintf("%s: %v", name, value))
				}
			}
			k.refused(t, k.sign(t, header, but(claims, "nbf", time.Now().Add(time.Hour).Unix())), "not valid yet")
			k.refused(t, k.sign(t, header, but(claims, "SUB", uuid.NewString())), "a second spelling of a claim")

			// 3.10: nothing in the header leads anywhere.
			for _, kid := range []any{nil, "", 1, "../../etc/passwd", "' OR 1=1 --", "\x00", k.kid + "\n", strings.Repeat("k", 300), []string{k.kid}, other.kid} {
				k.refused(t, k.sign(t, but(header, "kid", kid), claims), fmt.Sprintf("kid %q", kid))
			}
			for _, name := range []string{"jku", "jwk", "x5u", "x5c"} {
				k.refused(t, k.sign(t, but(header, name, "https://evil.example.com/keys"), claims), name)
			}
			k.refused(t, k.sign(t, but(header, "crit", []string{"b64"}, "b64", false), claims), "an extension that must be understood")

			// 3.11, 3.12: the kinds exclude one another, whatever key signed.
			for _, typ := range []any{nil, "", "JWT", "jwt", other.header["typ"], "AT+JWT", "RT+JWT", "logout+jwt", 1} {
				k.refused(t, k.sign(t, but(header, "typ", typ), claims), fmt.Sprintf("typ %v", typ))
			}
			k.refused(t, k.sign(t, but(header, "typ", other.header["typ"]), but(claims, "aud", other.claims["aud"])), "the other kind in all but the key")
		})
	}
	t.Run("the counters of a refresh token", func(t *testing.T) {
		for name, values := range map[string][]any{
			"seq":  {nil, "1", 0, -1, 1.5, true, "", 1e300},
			"sid":  {"nonsense", "00000000"},
			"sub":  {"nonsense", "00000000"},
			"prev": {nil, "0", -1, 1, 2, 0.5, false},
		} {
			for _, value := range values {
				refresh.refused(t, refresh.sign(t, refresh.header, but(refresh.claims, name, value)), fmt.Sprintf("%s: %v", name, value))
			}
		}
		unknown := but(refresh.claims, "sid", uuid.NewString())
		expect(t, p.refresh(refresh.sign(t, refresh.header, unknown)), 401, "refresh_invalid")
		expect(t, p.refresh(refresh.sign(t, refresh.header, but(refresh.claims, "sub", uuid.NewString()))), 401, "refresh_invalid")
		expect(t, p.refresh(refresh.sign(t, refresh.header, but(refresh.claims, "client_id", otherApp))), 401, "refresh_invalid")
	})

	// None of it has touched the session.
	require.Equal(t, 200, p.me(mine.access).status)
	require.Equal(t, 200, p.refresh(mine.refresh).status)
	id := p.userOf(mine.access)
	for _, event := range p.admin("GET", "/users/"+id+"/events", nil).json()["events"].([]any) {
		require.NotContains(t, []any{"refresh_reused", "session_restored", "session_revoked"}, event.(map[string]any)["kind"])
	}
}

func publicOf(t *testing.T, key any) crypto.PublicKey {
	t.Helper()
	private, ok := key.(crypto.Signer)
	require.True(t, ok)
	return private.Public()
}

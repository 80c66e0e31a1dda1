package verify_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/wugan/wugan/auth/verify"
)

// FuzzCheck feeds any text to the checks: they never panic, give one of the
// documented errors, agree with one another, and accept again what they accepted.
func FuzzCheck(f *testing.F) {
	for _, algorithm := range algorithms() {
		f.Add(signers()[algorithm].good())
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Add("")
	p, v := profile(), verifier()
	f.Fuzz(func(t *testing.T, token string) {
		payload, err := p.Check(t.Context(), token)
		claims, verr := v.Verify(t.Context(), token)
		if (err == nil) != (verr == nil) {
			t.Fatalf("Check says %v, Verify says %v", err, verr)
		}
		if err != nil {
			if !errors.Is(err, verify.ErrInvalid) && !errors.Is(err, verify.ErrExpired) && !errors.Is(err, verify.ErrMissing) {
				t.Fatalf("undocumented error: %v", err)
			}
			return
		}
		again, err := p.Check(t.Context(), token)
		if err != nil || string(again) != string(payload) {
			t.Fatalf("accepted once, then %v", err)
		}
		cached, err := v.Verify(t.Context(), token)
		if err != nil || !reflect.DeepEqual(cached, claims) {
			t.Fatalf("accepted once, then from the cache %v", err)
		}
	})
}

// FuzzSigned signs any header and claims with a good key, so that everything
// behind the signature is reached: what is accepted must decode to the same with
// encoding/json, which is what callers use.
func FuzzSigned(f *testing.F) {
	s := signers()[verify.HS256]
	header, err := json.Marshal(s.header(nil))
	must(err)
	body, err := json.Marshal(claims(nil))
	must(err)
	f.Add(string(header), string(body))
	f.Add(string(header), strings.Replace(string(body), `"sub"`, `"SUB":"x","sub"`, 1))
	f.Add(strings.Replace(string(header), `{`, `{"crit":["x"],`, 1), string(body))
	v := verifier()
	f.Fuzz(func(t *testing.T, header, body string) {
		got, err := v.Verify(t.Context(), s.signText(header, body))
		if err != nil {
			if !errors.Is(err, verify.ErrInvalid) && !errors.Is(err, verify.ErrExpired) {
				t.Fatalf("undocumented error: %v", err)
			}
			return
		}
		var want struct {
			Iss, Sub, Jti, Sid string
			Client             string `json:"client_id"`
			Exp, Iat           int64
			Roles              []string
		}
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if got.Issuer != want.Iss || got.Subject != want.Sub || got.ID != want.Jti || got.SessionID != want.Sid ||
			got.ClientID != want.Client || got.ExpiresAt.Unix() != want.Exp || got.IssuedAt.Unix() != want.Iat ||
			len(got.Roles) != len(want.Roles) {
			t.Fatalf("read %+v, encoding/json reads %+v", got, want)
		}
	})
}

// FuzzParseJWKS: what an address answers is not trusted either.
func FuzzParseJWKS(f *testing.F) {
	for _, algorithm := range algorithms() {
		body, err := json.Marshal(map[string]any{"keys": []any{jwk(signers()[algorithm].key)}})
		must(err)
		f.Add(body)
	}
	// Coordinates that P-256 has no room for made the library panic.
	for _, crv := range []string{"P-256", "P-384", "P-521"} {
		long := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 80))
		f.Add([]byte(`{"keys":[{"kty":"EC","kid":"a","crv":"` + crv + `","x":"` + long + `","y":"` + long + `"}]}`))
	}
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"` + base64.RawURLEncoding.EncodeToString(make([]byte, 256)) + `","e":""}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := verify.ParseJWKS(body)
		if err != nil {
			return
		}
		for kid, key := range keys {
			if key.ID != kid || key.Validate() != nil || key.Algorithm == verify.HS256 {
				t.Fatalf("accepted %+v", key)
			}
		}
	})
}

package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"

	"github.com/wugan/wugan/auth/verify/jsonobject"
)

// ParseJWKS parses a JWK Set (RFC 7517 section 5) as [JWKS] does and returns the
// usable keys by id.
func ParseJWKS(data []byte) (map[string]Key, error) {
	keys, _, err := parseJWKS(data)
	return keys, err
}

// parseJWKS also returns why keys were left out.
func parseJWKS(data []byte) (keys map[string]Key, left []error, err error) {
	document, err := parseObject(data)
	if err != nil {
		return nil, nil, err
	}
	raw, ok := document.Get("keys")
	if !ok {
		return nil, nil, errors.New("not a JWK Set: no keys")
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, nil, errors.New("not a JWK Set: keys is not an array")
	}
	keys = make(map[string]Key, len(entries))
	seen := map[string]bool{}
	for i, entry := range entries {
		members, err := parseObject(entry)
		if err != nil {
			return nil, nil, fmt.Errorf("key %d: %w", i, err)
		}
		kid := textOf(members, "kid")
		if kid != "" && seen[kid] {
			// A token's kid would be ambiguous.
			return nil, nil, fmt.Errorf("two keys with the id %q", kid)
		}
		seen[kid] = true
		key, err := parseJWK(kid, members)
		if err != nil {
			left = append(left, fmt.Errorf("key %d (%q): %w", i, kid, err))
			continue
		}
		keys[kid] = key
	}
	if len(keys) == 0 {
		return nil, nil, errors.Join(append([]error{errors.New("no usable key")}, left...)...)
	}
	return keys, left, nil
}

// textOf returns a member that is a string; "" otherwise.
func textOf(members jsonobject.Object, name string) string {
	raw, _ := members.Get(name)
	text, _ := jsonobject.Text(raw)
	return text
}

// sizeP256 is the length in base64url of a coordinate on P-256.
const sizeP256 = 43

func parseJWK(kid string, members jsonobject.Object) (Key, error) {
	for _, private := range []string{"d", "k", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, ok := members.Get(private); ok {
			return Key{}, errors.New("a symmetric or private key")
		}
	}
	if use, ok := members.Get("use"); ok && string(use) != `"sig"` {
		return Key{}, errors.New("its use is not sig")
	}
	if ops, ok := members.Get("key_ops"); ok {
		if list, err := unquoteAll(ops); err != nil || !slices.Contains(list, "verify") {
			return Key{}, errors.New("its key_ops do not name verify")
		}
	}
	// Only what the key is made of goes to the library: no certificates, no
	// addresses, and no alg, whose agreement with the key Validate checks.
	var parts jwkset.JWKMarshal
	kty, crv := textOf(members, "kty"), textOf(members, "crv")
	parts.KTY, parts.CRV = jwkset.KTY(kty), jwkset.CRV(crv)
	parts.X = textOf(members, "x")
	parts.Y = textOf(members, "y")
	parts.N = textOf(members, "n")
	parts.E = textOf(members, "e")
	// The library panics over a coordinate that its curve has no room for.
	if kty == "EC" && (crv != "P-256" || len(parts.X) != sizeP256 || len(parts.Y) != sizeP256) {
		return Key{}, errors.New("an EC key must be on P-256, with x and y of 32 bytes each (RFC 7518 section 6.2.1)")
	}
	jwk, err := jwkset.NewJWKFromMarshal(parts, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return Key{}, fmt.Errorf("not a public key: %w", err)
	}
	key := Key{ID: kid, Public: jwk.Key()}
	if _, ok := members.Get("alg"); ok {
		key.Algorithm = textOf(members, "alg")
	} else {
		key.Algorithm = map[string]string{"EC": ES256, "OKP": EdDSA, "RSA": RS256}[kty]
	}
	if err := key.Validate(); err != nil {
		return Key{}, err
	}
	return key, nil
}

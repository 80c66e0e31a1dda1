package verify

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// The supported signature algorithms. All others are refused, whatever a key source
// returns (RFC 8725 section 3.1).
const (
	ES256 = "ES256" // ECDSA on P-256 with SHA-256
	EdDSA = "EdDSA" // Ed25519
	RS256 = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256
	HS256 = "HS256" // HMAC with SHA-256
)

const (
	maxKeyID   = 256  // bytes; a kid is a name, not a document
	minSecret  = 32   // bytes; RFC 7518 section 3.2
	minRSABits = 2048 // RFC 7518 section 3.3
	maxRSABits = 8192 // beyond it one check costs milliseconds
)

// Key is a verification key with its only algorithm (RFC 8725 section 3.1).
type Key struct {
	// ID is what the header's kid must equal: 1 to 256 bytes.
	ID string
	// Algorithm is ES256, EdDSA, RS256 or HS256.
	Algorithm string
	// Public is a *ecdsa.PublicKey, an ed25519.PublicKey, a *rsa.PublicKey, or
	// a [Secret] for HS256.
	Public any

	// mac makes the check of an HS256 key cheaper; nil where the key does not
	// come from a source of this package.
	mac *macs
}

// KeySource finds the key of a token.
//
// Key is called for every check, cached or not, so that the tokens of a removed key
// are refused. It must be fast and safe for concurrent use. It returns an error
// that is [ErrUnknownKey] if there is certainly no such key, and
// [ErrKeysUnavailable] if it cannot tell. The returned key must not be changed.
type KeySource interface {
	Key(ctx context.Context, kid string) (Key, error)
}

// Validate returns an error unless the key is usable: it has a supported algorithm
// and key material of that algorithm's type and size, its point is on the curve, and
// it is none of the weak keys for which everyone can forge signatures (RFC 8725
// sections 3.4 and 3.5).
func (k Key) Validate() error {
	if k.ID == "" || len(k.ID) > maxKeyID {
		return fmt.Errorf("key id: want 1 to %d bytes, got %d", maxKeyID, len(k.ID))
	}
	if err := k.usable(); err != nil {
		return fmt.Errorf("key %q: %w", k.ID, err)
	}
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		// ECDH checks that the point is on the curve and is not infinity.
		if _, err := public.ECDH(); err != nil {
			return fmt.Errorf("key %q: %w", k.ID, err)
		}
	case ed25519.PublicKey:
		if smallOrder(public) {
			return fmt.Errorf("key %q: an Ed25519 key of small order, for which anybody can sign", k.ID)
		}
	}
	return nil
}

// usable is the part of Validate that is cheap enough for every check. It protects
// against a key source that does not validate its keys.
func (k Key) usable() error {
	switch k.Algorithm {
	case ES256:
		public, ok := k.Public.(*ecdsa.PublicKey)
		if !ok || public == nil {
			return fmt.Errorf("ES256 wants a *ecdsa.PublicKey, got %T", k.Public)
		}
		// golang-jwt does not compare the curve with the algorithm.
		if public.Curve != elliptic.P256() {
			return errors.New("ES256 wants a key on P-256")
		}
	case EdDSA:
		public, ok := k.Public.(ed25519.PublicKey)
		if !ok || len(public) != ed25519.PublicKeySize {
			return fmt.Errorf("EdDSA wants an ed25519.PublicKey of %d bytes, got %T", ed25519.PublicKeySize, k.Public)
		}
	case RS256:
		public, ok := k.Public.(*rsa.PublicKey)
		if !ok || public == nil || public.N == nil {
			return fmt.Errorf("RS256 wants a *rsa.PublicKey, got %T", k.Public)
		}
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("RS256 wants %d to %d bits, got %d", minRSABits, maxRSABits, bits)
		}
		if public.E < 3 || public.E&1 == 0 {
			return errors.New("RS256 wants an odd exponent of 3 or more")
		}
	case HS256:
		secret, ok := k.Public.(Secret)
		if !ok {
			return fmt.Errorf("HS256 wants a verify.Secret, got %T", k.Public)
		}
		if len(secret) < minSecret {
			return fmt.Errorf("HS256 wants a secret of %d bytes or more, got %d", minSecret, len(secret))
		}
	default:
		return fmt.Errorf("algorithm %q is not supported", k.Algorithm)
	}
	return nil
}

// verify checks a signature, as base64url, over signed, the text
// "header.payload".
func (k Key) verify(signed, signature64 string) error {
	if secret, ok := k.Public.(Secret); ok && k.Algorithm == HS256 {
		if k.mac.matches(secret, signed, signature64) {
			return nil
		}
	}
	signature, err := decodeSegment(signature64)
	if err != nil {
		return invalid("signature: %s", err)
	}
	var method jwt.SigningMethod
	switch k.Algorithm {
	case ES256:
		method = jwt.SigningMethodES256
	case EdDSA:
		method = jwt.SigningMethodEdDSA
	case RS256:
		method = jwt.SigningMethodRS256
	case HS256:
		return invalid("the signature does not fit") // in its one spelling
	default:
		return fmt.Errorf("%w: algorithm %q is not supported", errMisconfigured, k.Algorithm)
	}
	if method.Verify(signed, signature, k.Public) != nil {
		return invalid("the signature does not fit")
	}
	return nil
}

// same reports whether two keys verify the same tokens.
func (k Key) same(other Key) bool {
	if k.ID != other.ID || k.Algorithm != other.Algorithm {
		return false
	}
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		o, ok := other.Public.(*ecdsa.PublicKey)
		return ok && (public == o || public.Equal(o))
	case *rsa.PublicKey:
		o, ok := other.Public.(*rsa.PublicKey)
		return ok && (public == o || public.Equal(o))
	case ed25519.PublicKey:
		o, ok := other.Public.(ed25519.PublicKey)
		return ok && bytes.Equal(public, o)
	case Secret:
		o, ok := other.Public.(Secret)
		return ok && subtle.ConstantTimeCompare(public, o) == 1
	default:
		return false
	}
}

// clone copies the key material, so that its owner cannot change it afterwards.
func (k Key) clone() Key {
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		// Neither can fail: Validate has seen that this is a point on P-256.
		if point, err := public.Bytes(); err == nil {
			if copied, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err == nil {
				k.Public = copied
			}
		}
	case *rsa.PublicKey:
		k.Public = &rsa.PublicKey{N: new(big.Int).Set(public.N), E: public.E}
	case ed25519.PublicKey:
		k.Public = slices.Clone(public)
	case Secret:
		k.Public, k.mac = slices.Clone(public), &macs{}
	}
	return k
}

// staticKeys is an immutable key set. It keeps each key in a closure: fmt prints
// the bytes of a [Secret] in an unexported field, of whatever struct holds this
// one, but not what a function has captured.
type staticKeys struct{ keys map[string]func() Key }

// NewStatic returns a source of a copy of these keys. It returns an error for a key
// that [Key.Validate] refuses, for a duplicate id and for an empty set.
func NewStatic(keys ...Key) (KeySource, error) {
	if len(keys) == 0 {
		return nil, errors.New("verify: no keys")
	}
	set := make(map[string]func() Key, len(keys))
	for _, key := range keys {
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
		if _, twice := set[key.ID]; twice {
			return nil, fmt.Errorf("verify: two keys with the id %q", key.ID)
		}
		set[key.ID] = key.clone().hidden()
	}
	return &staticKeys{keys: set}, nil
}

// Static is like [NewStatic] but panics if NewStatic returns an error.
func Static(keys ...Key) KeySource {
	source, err := NewStatic(keys...)
	if err != nil {
		panic(err)
	}
	return source
}

func (s *staticKeys) Key(_ context.Context, kid string) (Key, error) {
	key, ok := s.keys[kid]
	if !ok {
		return Key{}, ErrUnknownKey
	}
	return key(), nil
}

// hidden keeps the key where fmt cannot see it.
func (k Key) hidden() func() Key { return func() Key { return k } }

// Format prints the ids only.
func (s *staticKeys) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "verify.Static%q", slices.Sorted(maps.Keys(s.keys)))
}

// smallOrderPoints are the encodings (sign bit cleared) of the points on
// edwards25519 whose order divides 8. crypto/ed25519 accepts them as keys.
var smallOrderPoints = func() [][]byte {
	var points [][]byte
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 4, written as p
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 1, written as p+1
	} {
		point, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		points = append(points, point)
	}
	return points
}()

func smallOrder(public ed25519.PublicKey) bool {
	y := slices.Clone(public)
	y[len(y)-1] &= 0x7f
	return slices.ContainsFunc(smallOrderPoints, func(point []byte) bool { return bytes.Equal(point, y) })
}

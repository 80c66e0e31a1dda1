package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/wugan/wugan/auth/verify"
)

// SigningKey is a private key with its JWK parameters. It prints as its id only.
type SigningKey struct {
	ID        string
	Algorithm string
	// ActiveFrom is when the key begins to sign. The zero time means that it has
	// always been active. A key is published before it signs, so that every cache
	// of the JWK Set has it in time.
	ActiveFrom time.Time

	// fmt prints the bytes of unexported fields in whatever struct holds them,
	// but not what a function has captured.
	private func() any
	public  func() verify.Key
	headers headers
	macs    *macs
}

// Format prints the id, whatever the verb.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "key "+k.ID) }

// Same reports whether two keys have the same key material, whatever their ids.
func (k SigningKey) Same(other SigningKey) bool {
	type equaler interface{ Equal(crypto.PublicKey) bool }
	if a, ok := k.public().Public.(verify.Secret); ok {
		b, ok := other.public().Public.(verify.Secret)
		return ok && bytes.Equal(a, b)
	}
	a, ok := k.public().Public.(equaler)
	return ok && a.Equal(other.public().Public)
}

// KeySet is an immutable set of keys for one kind of token. The newest active key
// signs; all keys verify. It implements verify.KeySource.
type KeySet struct {
	keys    []SigningKey // newest first
	checked verify.KeySource
	public  func() ([]byte, error)
}

// NewKeySet returns a set of at least one key. Ids and key material must differ,
// and each key must be strong enough for its algorithm.
func NewKeySet(keys ...SigningKey) (*KeySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("the key set is empty")
	}
	s := &KeySet{keys: slices.Clone(keys)}
	slices.SortStableFunc(s.keys, func(a, b SigningKey) int { return b.ActiveFrom.Compare(a.ActiveFrom) })
	public := make([]verify.Key, len(keys))
	for i, k := range s.keys {
		public[i] = k.public()
		if err := public[i].Validate(); err != nil {
			return nil, err
		}
		for _, other := range s.keys[:i] {
			if k.ID == other.ID {
				return nil, fmt.Errorf("two keys have the id %q", k.ID)
			}
			if k.Same(other) {
				return nil, fmt.Errorf("the keys %q and %q are the same key", k.ID, other.ID)
			}
		}
	}
	var err error
	if s.checked, err = verify.NewStatic(public...); err != nil {
		return nil, err
	}
	s.public = sync.OnceValues(s.marshalPublic)
	return s, nil
}

// Separate returns an error if the two sets have a key in common: a refresh token
// must never be accepted as an access token.
func Separate(access, refresh *KeySet) error {
	for _, a := range access.keys {
		for _, r := range refresh.keys {
			if a.Same(r) {
				return fmt.Errorf("the access key %q also is the refresh key %q", a.ID, r.ID)
			}
			if a.ID == r.ID {
				return fmt.Errorf("an access key and a refresh key have the same id %q", a.ID)
			}
		}
	}
	return nil
}

// Keys returns the keys, newest first.
func (s *KeySet) Keys() []SigningKey { return slices.Clone(s.keys) }

// Signer returns the key that signs at now: the one that became active last. If
// none is active yet, it returns the oldest, so that the service can issue tokens.
func (s *KeySet) Signer(now time.Time) SigningKey {
	for _, k := range s.keys {
		if !k.ActiveFrom.After(now) {
			return k
		}
	}
	return s.keys[len(s.keys)-1]
}

// Key implements verify.KeySource.
func (s *KeySet) Key(ctx context.Context, kid string) (verify.Key, error) {
	return s.checked.Key(ctx, kid)
}

// Public returns the public keys as a JWK Set (RFC 7517 section 5). It omits
// symmetric keys, which can sign. The caller must not change the bytes: they are
// shared by all callers.
func (s *KeySet) Public() ([]byte, error) { return s.public() }

func (s *KeySet) marshalPublic() ([]byte, error) {
	set := struct {
		Keys []jwkset.JWKMarshal `json:"keys"`
	}{Keys: []jwkset.JWKMarshal{}}
	for _, k := range s.keys {
		if _, symmetric := k.public().Public.(verify.Secret); symmetric {
			continue
		}
		jwk, err := marshalKey(k.public().Public, k, false)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jwk)
	}
	return json.Marshal(set)
}

// storedKey is a JWK with the one member that we add.
type storedKey struct {
	jwkset.JWKMarshal
	ActiveFrom *time.Time `json:"wugan:active_from,omitempty"`
}

// Private returns the set as a private JWK Set, the form of a key file.
func (s *KeySet) Private() ([]byte, error) {
	var set struct {
		Keys []storedKey `json:"keys"`
	}
	for _, k := range s.keys {
		jwk, err := marshalKey(k.private(), k, true)
		if err != nil {
			return nil, err
		}
		stored := storedKey{JWKMarshal: jwk}
		if !k.ActiveFrom.IsZero() {
			at := k.ActiveFrom.UTC()
			stored.ActiveFrom = &at
		}
		set.Keys = append(set.Keys, stored)
	}
	return json.MarshalIndent(set, "", "  ")
}

func marshalKey(key any, k SigningKey, private bool) (jwkset.JWKMarshal, error) {
	if secret, ok := key.(verify.Secret); ok {
		key = []byte(secret)
	}
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
		Marshal:  jwkset.JWKMarshalOptions{Private: private},
		Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.ALG(k.Algorithm), KID: k.ID, USE: jwkset.UseSig},
	})
	if err != nil {
		return jwkset.JWKMarshal{}, fmt.Errorf("write key %q: %w", k.ID, err)
	}
	return jwk.Marshal(), nil
}

// ParseKeys parses a private JWK Set. Its errors name keys by id and never contain
// key material.
func ParseKeys(data []byte) (*KeySet, error) {
	var set struct {
		Keys []storedKey `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errors.New("it is not a JWK Set: expected a JSON object with the member keys")
	}
	keys := make([]SigningKey, 0, len(set.Keys))
	for i, stored := range set.Keys {
		k, err := parseKey(stored)
		if err != nil {
			name := strconv.Quote(stored.KID)
			if stored.KID == "" {
				name = fmt.Sprint("number ", i+1)
			}
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
		keys = append(keys, k)
	}
	return NewKeySet(keys...)
}

func parseKey(stored storedKey) (SigningKey, error) {
	if stored.KID == "" {
		return SigningKey{}, errors.New("it has no kid")
	}
	if stored.USE != "" && stored.USE != jwkset.UseSig {
		return SigningKey{}, fmt.Errorf("its use is %q, not sig", stored.USE)
	}
	if stored.KTY == jwkset.KtyEC && !sizedP256(stored) {
		return SigningKey{}, errors.New("an EC key must be on P-256, with x, y and d of 32 bytes each (RFC 7518 section 6.2)")
	}
	jwk, err := jwkset.NewJWKFromMarshal(stored.JWKMarshal, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	if err != nil {
		// The library's error can repeat members of the key.
		return SigningKey{}, errors.New("it is not a valid JWK (RFC 7517, RFC 7518, RFC 8037)")
	}
	var at time.Time
	if stored.ActiveFrom != nil {
		at = *stored.ActiveFrom
	}
	k, err := newSigningKey(stored.KID, jwk.Key(), at)
	if err != nil {
		return SigningKey{}, err
	}
	if stored.ALG != "" && string(stored.ALG) != k.Algorithm {
		return SigningKey{}, fmt.Errorf("its alg is %q, but a key of this type signs with %s", stored.ALG, k.Algorithm)
	}
	if err := k.public().Validate(); err != nil {
		return SigningKey{}, err
	}
	return k, k.fits()
}

// sizedP256 reports whether an EC key's numbers have the length that its curve
// gives them. The library panics over longer ones, and a file that changes while
// the service runs must not end it.
func sizedP256(stored storedKey) bool {
	const size = 43 // 32 bytes in base64url
	return stored.CRV == jwkset.CrvP256 && len(stored.X) == size && len(stored.Y) == size &&
		(stored.D == "" || len(stored.D) == size)
}

// fits reports an error when the private half does not belong to the public one:
// no verifier could check its tokens.
func (k SigningKey) fits() error {
	const text = "a text to sign"
	public := k.public().Public
	if secret, ok := public.(verify.Secret); ok {
		public = []byte(secret)
	}
	signature, err := k.signature(nil, []byte(text))
	if err == nil {
		err = jwt.GetSigningMethod(k.Algorithm).Verify(text, signature, public)
	}
	if err != nil {
		// The cause could repeat a part of the key.
		return errors.New("its private half does not belong to its public half")
	}
	return nil
}

// newSigningKey finds the one algorithm that a private key is for.
func newSigningKey(id string, private any, activeFrom time.Time) (SigningKey, error) {
	k := SigningKey{ID: id, ActiveFrom: activeFrom}
	var public any
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		k.Algorithm, public = verify.ES256, &key.PublicKey
	case ed25519.PrivateKey:
		k.Algorithm, public = verify.EdDSA, key.Public()
	case *rsa.PrivateKey:
		k.Algorithm, public = verify.RS256, &key.PublicKey
	case []byte:
		k.Algorithm, public = verify.HS256, verify.Secret(key)
		private = public
	default:
		return SigningKey{}, errors.New("it is not a private key of type EC (P-256), OKP (Ed25519), RSA or oct")
	}
	checked := verify.Key{ID: id, Algorithm: k.Algorithm, Public: public}
	k.private, k.public = func() any { return private }, func() verify.Key { return checked }
	k.headers, k.macs = headersOf(k), &macs{}
	return k, nil
}

// SecretKeys returns a set of one HS256 key made from a configured secret of at
// least 32 bytes. The key's id is derived from the secret, so that pods agree.
func SecretKeys(secret []byte) (*KeySet, error) {
	sum := sha256.Sum256(append([]byte("wugan key id\x00"), secret...))
	k, err := newSigningKey("hs-"+base64.RawURLEncoding.EncodeToString(sum[:6]), secret, time.Time{})
	if err != nil {
		return nil, err
	}
	return NewKeySet(k)
}

// GenerateKey generates a key for an algorithm (verify.ES256, EdDSA, RS256 or
// HS256) that signs from activeFrom on.
func GenerateKey(algorithm string, activeFrom time.Time) (SigningKey, error) {
	var (
		private any
		err     error
	)
	switch algorithm {
	case verify.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case verify.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case verify.RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case verify.HS256:
		secret := make([]byte, 32)
		_, err = rand.Read(secret)
		private = secret
	default:
		return SigningKey{}, fmt.Errorf("the algorithm %q is not one of ES256, EdDSA, RS256, HS256", algorithm)
	}
	if err != nil {
		return SigningKey{}, fmt.Errorf("generate a key: %w", err)
	}
	id := make([]byte, 9)
	if _, err := rand.Read(id); err != nil {
		return SigningKey{}, fmt.Errorf("generate a key: %w", err)
	}
	return newSigningKey(base64.RawURLEncoding.EncodeToString(id), private, activeFrom)
}

// Rotate returns a set with the key fresh added and with the keys removed that no
// valid token needs: those whose successor has been signing for longer than drain,
// the lifetime of their tokens. It also returns the number of removed keys.
func (s *KeySet) Rotate(fresh SigningKey, now time.Time, drain time.Duration) (*KeySet, int, error) {
	kept := []SigningKey{fresh}
	for i, k := range s.keys {
		if i > 0 && now.Sub(s.keys[i-1].ActiveFrom) > drain && !s.keys[i-1].ActiveFrom.IsZero() {
			continue
		}
		kept = append(kept, k)
	}
	set, err := NewKeySet(kept...)
	return set, len(s.keys) + 1 - len(kept), err
}

// Package seal encrypts values that must not be readable in a database, such as
// WeChat's session_key and phone numbers, and computes keyed hashes by which such
// values can be found. It owns the format of a sealed value and holds the keys in
// memory. It stores nothing and reads no settings.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/wugan/wugan/internal/secret"
)

// KeySize is the length of a data key in bytes.
const KeySize = 32

// A sealed value is: format (1 byte), key id (4), nonce (12), ciphertext, tag (16).
const (
	formatV1   = 1
	idSize     = 4
	nonceSize  = 12
	headerSize = 1 + idSize + nonceSize
)

// ErrOpen is returned if a sealed value was made with another key or other
// associated data, or was modified. The three cannot be distinguished.
var ErrOpen = errors.New("seal: the value cannot be opened with the data keys given")

// Key is one data key, 32 random bytes. It prints as [redacted].
type Key struct {
	secret.Redacted
	id      [idSize]byte
	sealing secret.String
	hashing secret.String
}

// NewKey returns a key of exactly [KeySize] bytes.
func NewKey(raw []byte) (Key, error) {
	if len(raw) != KeySize {
		return Key{}, fmt.Errorf("seal: a data key has %d bytes, not %d", KeySize, len(raw))
	}
	sealing, err := hkdf.Key(sha256.New, raw, nil, "wugan seal v1", KeySize)
	if err != nil {
		return Key{}, fmt.Errorf("seal: derive: %w", err)
	}
	hashing, err := hkdf.Key(sha256.New, raw, nil, "wugan hash v1", KeySize)
	if err != nil {
		return Key{}, fmt.Errorf("seal: derive: %w", err)
	}
	id, err := hkdf.Key(sha256.New, raw, nil, "wugan key id v1", idSize)
	if err != nil {
		return Key{}, fmt.Errorf("seal: derive: %w", err)
	}
	return Key{id: [idSize]byte(id), sealing: secret.New(string(sealing)), hashing: secret.New(string(hashing))}, nil
}

// ParseKey decodes a key of 32 bytes from base64 (standard or URL alphabet, padded
// or not). The error never contains the input.
func ParseKey(text string) (Key, error) {
	for _, enc := range []*base64.Encoding{
		base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding,
	} {
		if raw, err := enc.DecodeString(text); err == nil {
			return NewKey(raw)
		}
	}
	return Key{}, errors.New("seal: a data key is base64 of 32 bytes")
}

// Box seals with one key and opens with that key and earlier ones, so that the data
// key can be changed while the service runs. It is safe for concurrent use.
type Box struct {
	secret.Redacted
	active Key
	keys   map[[idSize]byte]Key
	all    []Key
}

// NewBox returns a Box that seals with active and also opens values that the earlier
// keys sealed.
func NewBox(active Key, earlier ...Key) *Box {
	b := &Box{active: active, keys: map[[idSize]byte]Key{active.id: active}, all: []Key{active}}
	for _, k := range earlier {
		if _, known := b.keys[k.id]; !known {
			b.keys[k.id] = k
			b.all = append(b.all, k)
		}
	}
	return b
}

// Seal encrypts plain and binds it to associatedData, such as the identity of the
// row: a value that is copied to another row cannot be opened there.
func (b *Box) Seal(plain []byte, associatedData string) ([]byte, error) {
	out := make([]byte, headerSize, headerSize+len(plain)+16)
	out[0] = formatV1
	copy(out[1:], b.active.id[:])
	nonce := out[1+idSize : headerSize]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal: nonce: %w", err)
	}
	aead, err := b.active.aead(associatedData)
	if err != nil {
		return nil, err
	}
	return aead.Seal(out, nonce, plain, []byte(associatedData)), nil
}

// Open decrypts a value that Seal made with the same associatedData. The error is
// always [ErrOpen].
func (b *Box) Open(sealed []byte, associatedData string) ([]byte, error) {
	if len(sealed) < headerSize || sealed[0] != formatV1 {
		return nil, ErrOpen
	}
	key, known := b.keys[[idSize]byte(sealed[1:1+idSize])]
	if !known {
		return nil, ErrOpen
	}
	aead, err := key.aead(associatedData)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, sealed[1+idSize:headerSize], sealed[headerSize:], []byte(associatedData))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Current reports whether a value was sealed with the active key. If not, it must be
// sealed again before the earlier key is removed.
func (b *Box) Current(sealed []byte) bool {
	return len(sealed) >= headerSize && [idSize]byte(sealed[1:1+idSize]) == b.active.id
}

// Hash returns the keyed hash (HMAC-SHA256) of a value, by which it can be found
// without being readable.
func (b *Box) Hash(value string) []byte { return b.active.hash(value) }

// Hashes returns the hashes of a value under the active key and then under each
// earlier one. A lookup uses all of them while the data key is being changed.
func (b *Box) Hashes(value string) [][]byte {
	out := make([][]byte, len(b.all))
	for i, k := range b.all {
		out[i] = k.hash(value)
	}
	return out
}

func (k Key) hash(value string) []byte {
	mac := hmac.New(sha256.New, []byte(k.hashing.Reveal()))
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

// aead derives a key for each associatedData, so that the number of random nonces
// under one key stays far below the 2^32 that NIST SP 800-38D allows, for any number
// of logins.
func (k Key) aead(associatedData string) (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, []byte(k.sealing.Reveal()))
	mac.Write([]byte(associatedData))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, fmt.Errorf("seal: cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal: cipher: %w", err)
	}
	return aead, nil
}

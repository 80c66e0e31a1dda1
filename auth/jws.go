package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/wugan/wugan/auth/verify"
)

// headers holds the encoded JOSE headers of a key's tokens, which are constant for
// a key and a type of token.
type headers struct{ access, refresh string }

func headersOf(k SigningKey) headers {
	encoded := func(typ string) string {
		header, err := json.Marshal(struct {
			Algorithm string `json:"alg"`
			KeyID     string `json:"kid"`
			Type      string `json:"typ"`
		}{k.Algorithm, k.ID, typ})
		if err != nil {
			panic(err) // three texts always can be encoded
		}
		return base64.RawURLEncoding.EncodeToString(header)
	}
	return headers{access: encoded(verify.AccessTokenType), refresh: encoded(verify.RefreshTokenType)}
}

// sign returns a compact JWS (RFC 7515 section 7.1) of one of the key's headers
// and of claims, a JSON object.
func (k SigningKey) sign(header string, claims []byte) (string, error) {
	work := takeBuffer()
	defer giveBuffer(work)
	encoding := base64.RawURLEncoding
	token := append(append((*work)[:0], header...), '.')
	token = encoding.AppendEncode(token, claims)
	var room [maxSignature]byte
	signature, err := k.signature(room[:0], token)
	if err != nil {
		return "", fmt.Errorf("sign with %v: %w", k, err)
	}
	token = append(token, '.')
	token = encoding.AppendEncode(token, signature)
	*work = token
	return string(token), nil
}

// maxSignature is the length in bytes of the longest signature, except for RSA,
// which allocates its own.
const maxSignature = 64

// signature appends the signature of input.
func (k SigningKey) signature(to, input []byte) ([]byte, error) {
	switch key := k.private().(type) {
	case *ecdsa.PrivateKey:
		return signES256(to, key, input)
	case verify.Secret:
		return k.macs.sum(to, key, input), nil
	default:
		signature, err := jwt.GetSigningMethod(k.Algorithm).Sign(string(input), key)
		return append(to, signature...), err
	}
}

// macs is a pool of prepared HMAC states of one key. Preparing a state takes half
// as long as the MAC of a token, and most of the memory.
type macs struct{ pool sync.Pool }

func (s *macs) sum(to []byte, key verify.Secret, input []byte) []byte {
	state, ok := s.pool.Get().(hash.Hash)
	if !ok {
		state = hmac.New(sha256.New, key)
	}
	state.Reset()
	state.Write(input)
	to = state.Sum(to)
	s.pool.Put(state)
	return to
}

// buffers is a pool of buffers in which tokens are built.
var buffers sync.Pool

func takeBuffer() *[]byte {
	if b, ok := buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 1024)
	return &b
}

// giveBuffer clears a buffer and returns it to the pool, so that no token stays in
// memory.
func giveBuffer(b *[]byte) {
	clear((*b)[:cap(*b)])
	buffers.Put(b)
}

// signES256 appends the signature of RFC 7518 section 3.4: R and S, 32 bytes each.
// The nonce derives from key and text (RFC 6979), as RFC 8725 section 3.2 asks:
// a weak source of randomness cannot give the key away. It also is faster than
// golang-jwt's, which draws the nonce.
func signES256(to []byte, key *ecdsa.PrivateKey, input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	der, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var r, s []byte
	text, inner := cryptobyte.String(der), cryptobyte.String(nil)
	if !text.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) {
		return nil, errors.New("an ECDSA signature that is not ASN.1")
	}
	const size = 32
	var zero [size]byte
	to = append(append(to, zero[len(r):]...), r...)
	return append(append(to, zero[len(s):]...), s...), nil
}

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

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/wugan/wugan/auth/verify"
)

// headers are the JOSE headers of a key's tokens, encoded: for one key and one
// type of token they are the same each time.
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

// sign makes a compact JWS (RFC 7515 section 7.1) of a header, which is one of
// the key's, and of claims that encoding/json turns into an object.
func (k SigningKey) sign(header string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	encoding := base64.RawURLEncoding
	token := make([]byte, 0, len(header)+encoding.EncodedLen(len(payload))+encoding.EncodedLen(maxSignature)+2)
	token = append(token, header...)
	token = append(token, '.')
	token = encoding.AppendEncode(token, payload)
	signature, err := k.signature(token)
	if err != nil {
		return "", fmt.Errorf("sign with %v: %w", k, err)
	}
	token = append(token, '.')
	return string(encoding.AppendEncode(token, signature)), nil
}

// maxSignature is the length of the longest signature but for RSA's, which is in
// no hurry.
const maxSignature = 64

func (k SigningKey) signature(input []byte) ([]byte, error) {
	switch key := k.private().(type) {
	case *ecdsa.PrivateKey:
		return signES256(key, input)
	case verify.Secret:
		mac := hmac.New(sha256.New, key)
		mac.Write(input)
		return mac.Sum(nil), nil
	default:
		return jwt.GetSigningMethod(k.Algorithm).Sign(string(input), key)
	}
}

// signES256 makes the signature of RFC 7518 section 3.4: R and S, 32 bytes each.
// The nonce derives from key and text (RFC 6979), as RFC 8725 section 3.2 asks:
// a weak source of randomness cannot give the key away. It also is faster than
// golang-jwt's, which draws the nonce.
func signES256(key *ecdsa.PrivateKey, input []byte) ([]byte, error) {
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
	signature := make([]byte, 2*size)
	copy(signature[size-len(r):], r)
	copy(signature[2*size-len(s):], s)
	return signature, nil
}

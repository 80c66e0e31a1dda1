package standin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"github.com/wugan/wugan/internal/secret"
)

// NewKey makes an RSA key of 2048 bits.
func NewKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

// PrivatePEM is a key in PEM (PKCS#1).
func PrivatePEM(key *rsa.PrivateKey) secret.String {
	return secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
}

// PublicText is a public key as the consoles of platforms show it: PKIX in base64,
// without a header.
func PublicText(key *rsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err) // every RSA key can be encoded
	}
	return base64.StdEncoding.EncodeToString(der)
}

package providers

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/wugan/wugan/internal/secret"
)

// keyBytes takes the DER of a key out of PEM, or out of bare base64, as some
// platforms' consoles hand it out.
func keyBytes(text string) ([]byte, bool) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, true
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	return der, err == nil && len(der) > 0
}

// RSAPrivateKey reads a private RSA key: PKCS#8 or PKCS#1, in PEM or bare base64.
func RSAPrivateKey(text secret.String) (*rsa.PrivateKey, error) {
	if der, ok := keyBytes(text.Reveal()); ok {
		if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
			if rsaKey, is := key.(*rsa.PrivateKey); is {
				return rsaKey, nil
			}
		}
		if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("a private RSA key in PEM or base64") // the parser's error may quote the key
}

// RSAPublicKey reads a public RSA key: PKIX or PKCS#1, in PEM or bare base64.
func RSAPublicKey(text secret.String) (*rsa.PublicKey, error) {
	if der, ok := keyBytes(text.Reveal()); ok {
		if key, err := x509.ParsePKIXPublicKey(der); err == nil {
			if rsaKey, is := key.(*rsa.PublicKey); is {
				return rsaKey, nil
			}
		}
		if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("a public RSA key in PEM or base64")
}

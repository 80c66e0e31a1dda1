package alipay

import (
	"crypto/md5" //nolint:gosec // Alipay's serial numbers are MD5; they are names and no proof
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
)

// The members of an app in certificate mode.
const (
	memberAppCert    = "appCertFile"
	memberAlipayCert = "alipayCertFile"
	memberRootCert   = "alipayRootCertFile"
)

// certificates are the serial numbers of certificate mode; empty in key mode.
type certificates struct {
	app, root, alipay string
}

func (c certificates) used() bool { return c.app != "" }

// readKeys reads what responses are verified by: Alipay's public key, or its
// certificate with the app's own and the root's.
func (p *provider) readKeys(app providers.App) error {
	names := []string{memberAppCert, memberAlipayCert, memberRootCert}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !app.Member(name).Empty() })
	keyMode := !app.Member(memberPublicKey).Empty()
	switch {
	case len(missing) == len(names) && keyMode:
		return p.readPublicKey(app)
	case len(missing) == len(names):
		return fmt.Errorf("the member %s, or the certificates %s", memberPublicKey, strings.Join(names, ", "))
	case keyMode:
		return fmt.Errorf("either %s or certificates", memberPublicKey)
	case len(missing) > 0:
		return fmt.Errorf("the member %s, which certificate mode needs", missing[0])
	}
	own, err := firstCertificate(app.Member(memberAppCert))
	if err != nil {
		return fmt.Errorf("%s, %w", memberAppCert, err)
	}
	if !p.private.PublicKey.Equal(own.PublicKey) {
		return fmt.Errorf("%s, the certificate of the key in %s", memberAppCert, memberPrivateKey)
	}
	theirs, err := firstCertificate(app.Member(memberAlipayCert))
	if err != nil {
		return fmt.Errorf("%s, %w", memberAlipayCert, err)
	}
	key, is := theirs.PublicKey.(*rsa.PublicKey)
	if !is || key.Equal(&p.private.PublicKey) {
		return fmt.Errorf("%s, Alipay's certificate of an RSA key, not the app's own", memberAlipayCert)
	}
	root := rootSerial(app.Member(memberRootCert))
	if root == "" {
		return fmt.Errorf("%s, Alipay's root certificates in PEM", memberRootCert)
	}
	p.alipay, p.certificates = key, certificates{app: serial(own), root: root, alipay: serial(theirs)}
	return nil
}

func (p *provider) readPublicKey(app providers.App) (err error) {
	if p.alipay, err = providers.RSAPublicKey(app.Member(memberPublicKey)); err != nil {
		return fmt.Errorf("%s, %w: Alipay's, not the app's own", memberPublicKey, err)
	}
	if p.alipay.Equal(&p.private.PublicKey) {
		return fmt.Errorf("%s, Alipay's public key, not the app's own", memberPublicKey)
	}
	return nil
}

// firstCertificate reads the first certificate of a file: those that issued it may
// follow.
func firstCertificate(text secret.String) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text.Reveal()))
	if block != nil && block.Type == "CERTIFICATE" {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			return c, nil
		}
	}
	return nil, errors.New("a certificate in PEM")
}

// serial is Alipay's name for a certificate: MD5 of the issuer's name (RFC 2253) and
// the serial number in decimal digits.
func serial(c *x509.Certificate) string {
	sum := md5.Sum([]byte(c.Issuer.String() + c.SerialNumber.String())) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// rootSerial joins the serials of the certificates in Alipay's bundle that are signed
// with RSA. The others are for SM2, whose curve crypto/x509 does not parse.
func rootSerial(text secret.String) string {
	var serials []string
	for rest := []byte(text.Reveal()); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return strings.Join(serials, "_")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil && (c.SignatureAlgorithm == x509.SHA1WithRSA || c.SignatureAlgorithm == x509.SHA256WithRSA) {
			serials = append(serials, serial(c))
		}
	}
}

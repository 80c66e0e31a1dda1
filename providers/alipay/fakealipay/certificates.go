package fakealipay

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // Alipay's choice for the names of certificates
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"time"
)

// Certificates are those of an app in certificate mode, in PEM: the app's own,
// Alipay's, and Alipay's roots. The zero value is key mode.
type Certificates struct {
	App, Alipay, Root []byte
}

// IssueCertificates makes the certificates of an app: a root of RSA and one of another
// kind, as Alipay's bundle has them, and under the first the app's and Alipay's own.
func (s *Server) IssueCertificates(app *rsa.PublicKey) (Certificates, error) {
	root, err := s.NewKey()
	if err != nil {
		return Certificates{}, err
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificates{}, err
	}
	issuer := template("Ant Financial Certification Authority R1")
	issuer.IsCA, issuer.BasicConstraintsValid = true, true
	other := template("Ant Financial Certification Authority E1")
	var out Certificates
	for _, one := range []struct {
		to              *[]byte
		subject, parent *x509.Certificate
		public, signer  any
	}{
		{&out.Root, other, other, &curve.PublicKey, curve},
		{&out.Root, issuer, issuer, &root.PublicKey, root},
		{&out.App, template("app"), issuer, app, root},
		{&out.Alipay, template("alipay"), issuer, &s.key.PublicKey, root},
	} {
		der, err := x509.CreateCertificate(rand.Reader, one.subject, one.parent, one.public, one.signer)
		if err != nil {
			return Certificates{}, err
		}
		*one.to = append(*one.to, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out, nil
}

func template(name string) *x509.Certificate {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system's random numbers do not fail
	}
	return &x509.Certificate{
		SerialNumber: number, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		Subject: pkix.Name{Country: []string{"CN"}, Organization: []string{"Ant Financial"}, OrganizationalUnit: []string{"Certification Authority"}, CommonName: name},
	}
}

func (c Certificates) appSN() string { return strings.Join(serials(c.App), "") }

func (c Certificates) rootSN() string { return strings.Join(serials(c.Root), "_") }

// named is the member by which a response names Alipay's certificate.
func (c Certificates) named() string {
	if len(c.Alipay) == 0 {
		return ""
	}
	return `,"alipay_cert_sn":"` + strings.Join(serials(c.Alipay), "") + `"`
}

// serials are the names of the certificates that are signed with RSA: MD5 of the
// issuer, its attributes from the last to the first, and of the number in decimal.
func serials(text []byte) (out []string) {
	for rest := bytes.Clone(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return out
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !strings.Contains(c.SignatureAlgorithm.String(), "RSA") {
			continue
		}
		short := map[string]string{"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU"}
		var parts []string
		for _, name := range c.Issuer.Names {
			parts = append([]string{short[name.Type.String()] + "=" + name.Value.(string)}, parts...)
		}
		sum := md5.Sum([]byte(strings.Join(parts, ",") + c.SerialNumber.Text(10))) //nolint:gosec // as above
		out = append(out, hex.EncodeToString(sum[:]))
	}
}

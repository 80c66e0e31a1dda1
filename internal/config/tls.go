package config

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"os"
	"strings"
)

// TLSWanted reports whether the service itself speaks TLS.
func (c *Config) TLSWanted() bool { return c.TLSCert != "" || len(c.TLSDomains) > 0 }

// checkTLS looks at the settings alone, not at files.
func (c *Config) checkTLS() error {
	switch {
	case c.TLSCert != "" && len(c.TLSDomains) > 0:
		return Wrong("TLS_DOMAINS", "is set, and so is WUGAN_TLS_CERT: expected one of them")
	case c.TLSCert != "" && c.TLSKey == "":
		return Wrong("TLS_KEY", "expected the file of the key that belongs to WUGAN_TLS_CERT, but it is not set")
	case c.TLSKey != "" && c.TLSCert == "":
		return Wrong("TLS_CERT", "expected the file of the certificate that belongs to WUGAN_TLS_KEY, but it is not set")
	case len(c.TLSDomains) > 0 && c.TLSCacheDir == "":
		return Wrong("TLS_CACHE_DIR", "expected a folder that outlives the process, for the certificates of WUGAN_TLS_DOMAINS: a new one for each start soon meets the authority's limits")
	case c.TLSAcmeURL != "" && (!absoluteHTTP(c.TLSAcmeURL) || withPassword(c.TLSAcmeURL)):
		return Wrong("TLS_ACME_URL", "expected the address of an ACME directory, without a user or a password")
	case c.TLSAcmeURL != "" && len(c.TLSDomains) == 0:
		return Wrong("TLS_ACME_URL", "is set, but WUGAN_TLS_DOMAINS is not: expected both, or neither")
	case c.TLSCacheDir != "" && len(c.TLSDomains) == 0:
		return Wrong("TLS_CACHE_DIR", "is set, but WUGAN_TLS_DOMAINS is not: expected both, or neither")
	}
	for _, domain := range c.TLSDomains {
		if strings.TrimSpace(domain) != domain || !strings.Contains(domain, ".") || strings.ContainsAny(domain, "/:*") || net.ParseIP(domain) != nil {
			return Wrong("TLS_DOMAINS", "expected names such as auth.example.com, separated by commas")
		}
	}
	return nil
}

// Certificate reads the certificate and its key from their files.
func (c *Config) Certificate() (*tls.Certificate, error) {
	chain, err := os.ReadFile(c.TLSCert)
	if err != nil {
		return nil, Wrong("TLS_CERT", "expected a certificate chain in PEM form: %s", Cause(err))
	}
	if !holds(chain, "CERTIFICATE") {
		return nil, Wrong("TLS_CERT", "expected a certificate chain in PEM form")
	}
	if problem := private(c.TLSKey); problem != "" {
		return nil, Wrong("TLS_KEY", "%s", problem)
	}
	key, err := os.ReadFile(c.TLSKey)
	if err != nil {
		return nil, Wrong("TLS_KEY", "expected the file of the key that belongs to WUGAN_TLS_CERT: %s", Cause(err))
	}
	if !holds(key, "PRIVATE KEY") {
		return nil, Wrong("TLS_KEY", "expected a private key in PEM form")
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, Wrong("TLS_KEY", "expected the key that belongs to WUGAN_TLS_CERT: %s", Cause(err))
	}
	return &pair, nil
}

// holds reports whether a file in PEM form has a block whose type ends so.
func holds(text []byte, kind string) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, kind) {
			return true
		}
	}
	return false
}

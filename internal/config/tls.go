package config

import (
	"net"
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
	case c.TLSAcmeURL != "" && !absoluteHTTP(c.TLSAcmeURL):
		return Wrong("TLS_ACME_URL", "expected the address of an ACME directory")
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

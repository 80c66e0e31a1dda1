package service

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/wugan/wugan/internal/config"
)

// lookEvery is how often the certificate files are compared with what is in
// use, at the next handshake.
const lookEvery = time.Second

// tlsConfig is how the service speaks TLS itself; nil where it does not. expiry
// gives the earliest end of the certificates in use, zero where there is none.
func tlsConfig(c config.Config, version string, log *slog.Logger) (out *tls.Config, expiry func() time.Time, err error) {
	if !c.TLSWanted() {
		return nil, nil, nil
	}
	if c.TLSCert != "" {
		files := &certFiles{settings: c, log: log, now: time.Now}
		if err := files.load(); err != nil {
			return nil, nil, err
		}
		return &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			GetCertificate: files.get,
		}, files.expiry, nil
	}
	if err := os.MkdirAll(c.TLSCacheDir, 0o700); err != nil {
		return nil, nil, config.Wrong("TLS_CACHE_DIR", "expected a folder that can be written: %s", config.Reason(err))
	}
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		HostPolicy: autocert.HostWhitelist(c.TLSDomains...),
		Cache:      autocert.DirCache(c.TLSCacheDir),
	}
	if c.TLSAcmeURL != "" {
		manager.Client = &acme.Client{DirectoryURL: c.TLSAcmeURL, UserAgent: "wugan/" + version}
	}
	// The authority proves the name by a handshake on port 443 (TLS-ALPN-01,
	// RFC 8737), which this listener answers.
	out = manager.TLSConfig()
	out.MinVersion = tls.VersionTLS12
	obtain := out.GetCertificate
	var obtained expiries
	out.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := obtain(hello)
		// A client that asks for a foreign name is not worth a log line.
		if err != nil && slices.ContainsFunc(c.TLSDomains, func(d string) bool { return strings.EqualFold(d, hello.ServerName) }) {
			log.Error("no certificate could be had", "domain", hello.ServerName, "error", err)
		}
		// The authority's own handshake gets a certificate for the proof alone.
		if err == nil && !slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
			obtained.note(hello.ServerName, cert)
		}
		return cert, err
	}
	return out, obtained.first, nil
}

// expiries remembers when the certificates end that were handed out by ACME. Its
// zero value is ready; any number of goroutines may use it.
type expiries struct {
	mu sync.Mutex
	// A name has one certificate for each kind of key.
	ends map[string]time.Time
}

func (e *expiries) note(domain string, cert *tls.Certificate) {
	if cert.Leaf == nil {
		return // it was not fetched by ACME
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ends == nil {
		e.ends = map[string]time.Time{}
	}
	e.ends[strings.ToLower(domain)+" "+cert.Leaf.PublicKeyAlgorithm.String()] = cert.Leaf.NotAfter
}

// first gives the earliest end; zero where nothing was noted.
func (e *expiries) first() (earliest time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, end := range e.ends {
		if earliest.IsZero() || end.Before(earliest) {
			earliest = end
		}
	}
	return earliest
}

// ownTLS talks to this very machine, whose certificate is for another name.
func ownTLS(c config.Config) *http.Transport {
	name := ""
	if len(c.TLSDomains) > 0 {
		name = c.TLSDomains[0] // by which the certificate is chosen
	}
	return &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: name,
		InsecureSkipVerify: true, //nolint:gosec // the loopback address: no attacker is in between
	}}
}

// certFiles is a certificate in files, which are read again when they change.
type certFiles struct {
	settings config.Config
	log      *slog.Logger
	now      func() time.Time

	mu     sync.Mutex
	seen   []byte // what both files held when they were looked at last
	looked time.Time
	inUse  *tls.Certificate
}

// load reads the files for the first time.
func (f *certFiles) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = f.now()
	return f.read()
}

// read takes the files into use if they have changed and fit each other. The
// certificate in use stays where they do not.
func (f *certFiles) read() error {
	// Where a file cannot be read, Certificate says which and why.
	cert, _ := os.ReadFile(f.settings.TLSCert)
	key, _ := os.ReadFile(f.settings.TLSKey)
	now := bytes.Join([][]byte{cert, key}, []byte{0})
	if f.inUse != nil && bytes.Equal(now, f.seen) {
		return nil
	}
	pair, err := f.settings.Certificate()
	if err != nil {
		return err
	}
	f.seen, f.inUse = now, pair
	return nil
}

// get is a tls.Config's GetCertificate.
func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.looked) >= lookEvery {
		f.looked = now
		before := f.inUse
		// A renewal replaces one file after the other: for a moment they may
		// not fit, and the next look finds them whole.
		if err := f.read(); err != nil {
			f.log.Warn("the certificate was changed but cannot be used; the earlier one stays in use", "error", err)
		} else if f.inUse != before {
			f.log.Info("certificate read again", "notAfter", f.inUse.Leaf.NotAfter)
		}
	}
	return f.inUse, nil
}

// expiry gives the end of the certificate that the next handshake would get.
func (f *certFiles) expiry() time.Time {
	cert, _ := f.get(nil) // it never fails
	return cert.Leaf.NotAfter
}

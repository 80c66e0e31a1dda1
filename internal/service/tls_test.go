package service

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

// writeCertificate makes a self-signed certificate for a name, in two files.
func writeCertificate(t *testing.T, dir, name string, serial int64) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return cert, key, pool
}

// serveWorld runs the whole command on a world's settings and returns its
// address; it ends with the test.
func (w *world) serve(change func(*config.Config)) (addr net.Addr) {
	w.t.Helper()
	c := w.settings()
	c.Addr, c.MetricsAddr = "127.0.0.1:0", ""
	change(&c)
	require.NoError(w.t, c.Check())
	ctx, cancel := context.WithCancel(context.Background())
	listening, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- Run(ctx, c, Options{Listening: func(a net.Addr) { listening <- a }})
	}()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
	select {
	case addr = <-listening:
	case err := <-done:
		done <- err
		require.NoError(w.t, err)
	}
	return addr
}

func TestTheCertificateIsReadAgainWithoutARestart(t *testing.T) {
	w := newSQLiteWorld(t)
	dir := t.TempDir()
	cert, key, pool := writeCertificate(t, dir, "first.example.com", 1)
	addr := w.serve(func(c *config.Config) { c.TLSCert, c.TLSKey = cert, key })

	// ask tells the protocol and the number of the certificate; 0 where none was
	// to be trusted.
	ask := func(roots *x509.CertPool) (proto string, serial int64) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr.String()+"/healthz", nil)
		require.NoError(t, err)
		answer, err := transport.RoundTrip(r)
		if err != nil {
			return "", 0
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.Proto, answer.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	serial := func(roots *x509.CertPool) int64 {
		_, n := ask(roots)
		return n
	}
	proto, first := ask(pool)
	require.Equal(t, "HTTP/2.0", proto)
	require.Equal(t, int64(1), first)

	// Half of a renewal: the certificate in use stays.
	before, err := os.ReadFile(key)
	require.NoError(t, err)
	_, _, next := writeCertificate(t, dir, "second.example.com", 2)
	after, err := os.ReadFile(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(key, before, 0o600))
	time.Sleep(1100 * time.Millisecond)
	require.Equal(t, int64(1), serial(pool))
	require.NoError(t, os.WriteFile(key, after, 0o600))
	require.Eventually(t, func() bool { return serial(next) == 2 }, 5*time.Second, 100*time.Millisecond)

	old := &tls.Dialer{Config: &tls.Config{RootCAs: next, MaxVersion: tls.VersionTLS11}}
	_, err = old.DialContext(t.Context(), "tcp", addr.String())
	require.Error(t, err, "TLS 1.1 is refused")

	c := w.settings()
	c.Addr, c.TLSCert, c.TLSKey = addr.String(), cert, key
	require.NoError(t, HealthcheckOwn(t.Context(), c))
}

func TestTheFigureOfTheCertificateIsItsEndAndFollowsTheFiles(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	const name = "wugan_certificate_expiry_timestamp_seconds"
	require.NotContains(t, w.pod().scrape(), name, "no TLS")

	dir := t.TempDir()
	cert, key, _ := writeCertificate(t, dir, "first.example.com", 1)
	end := func() float64 {
		pair, err := tls.LoadX509KeyPair(cert, key)
		require.NoError(t, err)
		return float64(pair.Leaf.NotAfter.Unix())
	}
	p := newSQLiteWorld(t).pod(func(c *config.Config) { c.TLSCert, c.TLSKey = cert, key })
	shown := func() float64 {
		found := regexp.MustCompile(`\n` + name + ` (\S+)`).FindStringSubmatch(p.scrape())
		require.NotNil(t, found)
		n, err := strconv.ParseFloat(found[1], 64)
		require.NoError(t, err)
		return n
	}
	first := end()
	require.InDelta(t, first, shown(), 0)

	// Without a single handshake.
	time.Sleep(lookEvery + 100*time.Millisecond)
	writeCertificate(t, dir, "second.example.com", 2)
	require.Greater(t, end(), first)
	require.InDelta(t, end(), shown(), 0)
}

func TestOfCertificatesByACMETheFirstThatEndsCounts(t *testing.T) {
	t.Parallel()
	var e expiries
	require.Zero(t, e.first())
	now := time.Now()
	cert := func(after time.Duration, algorithm x509.PublicKeyAlgorithm) *tls.Certificate {
		return &tls.Certificate{Leaf: &x509.Certificate{NotAfter: now.Add(after), PublicKeyAlgorithm: algorithm}}
	}
	e.note("a.example.com", cert(2*time.Hour, x509.ECDSA))
	e.note("b.example.com", cert(3*time.Hour, x509.ECDSA))
	e.note("b.example.com", cert(time.Hour, x509.RSA))
	require.Equal(t, now.Add(time.Hour), e.first())
	e.note("B.example.com", cert(5*time.Hour, x509.RSA)) // renewed
	require.Equal(t, now.Add(2*time.Hour), e.first())
}

func TestTLSSettingsThatDoNotFitStopTheStart(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	for want, change := range map[string]func(c *config.Config){
		"WUGAN_TLS_KEY: expected":                   func(c *config.Config) { c.TLSCert = "x" },
		"WUGAN_TLS_CERT: expected":                  func(c *config.Config) { c.TLSKey = "x" },
		"WUGAN_TLS_DOMAINS: is set":                 func(c *config.Config) { c.TLSCert, c.TLSKey, c.TLSDomains = "x", "y", []string{"a.example.com"} },
		"WUGAN_TLS_CACHE_DIR: expected":             func(c *config.Config) { c.TLSDomains = []string{"a.example.com"} },
		"WUGAN_TLS_DOMAINS: expected names such as": func(c *config.Config) { c.TLSDomains, c.TLSCacheDir = []string{"*.example.com"}, "x" },
		"WUGAN_TLS_ACME_URL: expected": func(c *config.Config) {
			c.TLSDomains, c.TLSCacheDir, c.TLSAcmeURL = []string{"a.example.com"}, "x", "acme"
		},
	} {
		c := w.settings()
		change(&c)
		require.ErrorContains(t, c.Check(), want)
	}
	c := w.settings()
	c.TLSCert, c.TLSKey = filepath.Join(t.TempDir(), "none"), "none"
	_, _, err := tlsConfig(c, "test", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "WUGAN_TLS_CERT: expected a certificate chain")
}

//go:build e2e

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// daemon runs a program until the test ends.
func daemon(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	log := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), env...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text := log.String()
			t.Logf("%s: %s", filepath.Base(name), text[max(0, len(text)-3000):])
		}
	})
}

// pebble is Let's Encrypt's server for tests. It gives the address of its
// directory and the file of the certificate that it serves it with; roots are
// what its own certificates go back to.
func pebble(t *testing.T, tlsPort string) (directory, caFile string, roots func() *x509.CertPool) {
	t.Helper()
	out, err := exec.Command(filepath.Join(root, "scripts", "tools"), "pebble", "pebble-challtestsrv").CombinedOutput()
	require.NoError(t, err, string(out))
	dir := t.TempDir()

	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pebble"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	caFile = filepath.Join(dir, "ca.crt")
	key := filepath.Join(dir, "ca.key")
	require.NoError(t, os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))

	// Every name is this machine.
	dns := freeAddress(t)
	daemon(t, nil, filepath.Join(root, ".tools", "bin", "pebble-challtestsrv"),
		"-dnsserver", dns, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-management", freeAddress(t))

	listen, management := freeAddress(t), freeAddress(t)
	port, err := strconv.Atoi(tlsPort)
	require.NoError(t, err)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management, "certificate": caFile, "privateKey": key,
		"httpPort": 1, "tlsPort": port, "ocspResponderURL": "", "externalAccountBindingRequired": false,
	}})
	require.NoError(t, err)
	file := filepath.Join(dir, "pebble.json")
	require.NoError(t, os.WriteFile(file, config, 0o600))
	daemon(t, []string{"PEBBLE_VA_NOSLEEP=1"}, filepath.Join(root, ".tools", "bin", "pebble"), "-config", file, "-dnsserver", dns)

	pool := x509.NewCertPool()
	pemText, err := os.ReadFile(caFile)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(pemText))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	get := func(url string) []byte {
		answer, err := client.Get(url)
		if err != nil {
			return nil
		}
		defer answer.Body.Close()
		data, _ := io.ReadAll(answer.Body)
		return data
	}
	require.Eventually(t, func() bool { return len(get("https://"+listen+"/dir")) > 0 }, 20*time.Second, 50*time.Millisecond)
	return "https://" + listen + "/dir", caFile, func() *x509.CertPool {
		roots := x509.NewCertPool()
		require.True(t, roots.AppendCertsFromPEM(get("https://"+management+"/roots/0")))
		return roots
	}
}

func TestCertificatesComeByACMEAndAreKept(t *testing.T) {
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	directory, caFile, roots := pebble(t, port)
	const name = "auth.example.com"
	f := newFleet(t, pgtest.Migrated(t))
	cache := filepath.Join(t.TempDir(), "certs")
	env := map[string]string{
		"WUGAN_ADDR": address, "WUGAN_TLS_DOMAINS": name, "WUGAN_TLS_ACME_URL": directory, "WUGAN_TLS_CACHE_DIR": cache,
		"SSL_CERT_FILE": caFile, // the authority's own address is behind a certificate of the test's
	}
	pod := f.start(env)

	serial := func(server string) (*big.Int, error) {
		dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 20 * time.Second}, Config: &tls.Config{RootCAs: roots(), ServerName: server}}
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber, nil
	}
	var first *big.Int
	require.Eventually(t, func() bool {
		first, err = serial(name)
		return err == nil
	}, 60*time.Second, 200*time.Millisecond, "%v", err)
	_, err = serial("other.example.com")
	require.Error(t, err, "no certificate for names of others")

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots(), ServerName: name}}}
	access, _ := f.signIn(client, pod.base, "alice")
	status, _, err := exchange(client, "GET", pod.base+"/api/v1/users/me", access, nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)

	// After a restart the certificate is the one that was kept, and only the
	// owner may read it.
	pod.stop()
	pod = f.start(env)
	var second *big.Int
	require.Eventually(t, func() bool {
		second, err = serial(name)
		return err == nil
	}, 20*time.Second, 100*time.Millisecond, "%v", err)
	require.Equal(t, first, second)
	info, err := os.Stat(cache)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	entries, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), e.Name())
	}
	out, err := f.command(env, "healthcheck").CombinedOutput()
	require.NoError(t, err, string(out))
	pod.stop()
}

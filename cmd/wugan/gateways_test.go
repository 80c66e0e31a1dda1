package main

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAGatewayGetsThePublicHalfOfAKeyAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.jwks")
	made := ok(t, "keys", "new", path)
	kid := regexp.MustCompile(`id (\S+)`).FindStringSubmatch(made)[1]
	printed := ok(t, "keys", "pem", path)
	block, rest := pem.Decode([]byte(printed))
	require.NotNil(t, block)
	require.Empty(t, rest)
	require.Equal(t, "PUBLIC KEY", block.Type)
	_, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	require.Equal(t, printed, ok(t, "keys", "pem", "--kid", kid, path))

	_, exit, err := command(t, "keys", "pem", "--kid", "another", path)
	require.ErrorContains(t, err, `has no key "another"`)
	require.Equal(t, exitFailed, exit)
	_, _, err = command(t, "keys", "pem", path+".missing")
	require.Error(t, err)
	symmetric := filepath.Join(t.TempDir(), "refresh.jwks")
	ok(t, "keys", "new", "--alg", "HS256", symmetric)
	out, _, err := command(t, "keys", "pem", symmetric)
	require.ErrorContains(t, err, "an HS256 key has no public half")
	require.Empty(t, out)
}

func TestWebhooksThatWaitAreCountedAndStoppedOnesResumed(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		w.pod() // which makes the schema
		require.Equal(t, "every event was delivered\n", ok(t, "webhooks", "status"))
		require.JSONEq(t, `{"waiting":0,"oldest":null}`, ok(t, "webhooks", "status", "--json"))
		require.Empty(t, ok(t, "webhooks", "resume"))
	})
}

func TestAHealthcheckFailsUnlessTheServiceIsReady(t *testing.T) {
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	require.Empty(t, ok(t, "healthcheck", "--url", s.URL+"/readyz"))
	status = http.StatusServiceUnavailable
	_, exit, err := command(t, "healthcheck", "--url", s.URL+"/readyz")
	require.ErrorContains(t, err, "503")
	require.Equal(t, exitFailed, exit)
	s.Close()
	_, _, err = command(t, "healthcheck", "--url", s.URL+"/readyz")
	require.ErrorContains(t, err, "healthcheck")
}

func TestTheExitStatusTellsFailureFromMisuse(t *testing.T) {
	require.Equal(t, 0, run(t.Context(), []string{"version"}))
	require.Equal(t, exitUsage, run(t.Context(), []string{"no-such-command"}))
	require.Equal(t, exitUsage, run(t.Context(), nil))
	require.Equal(t, exitFailed, run(t.Context(), []string{"keys", "list", filepath.Join(t.TempDir(), "missing")}))
}

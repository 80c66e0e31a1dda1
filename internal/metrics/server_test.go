package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/metrics"
)

func TestProfilesAreRefusedToForeignHosts(t *testing.T) {
	t.Parallel()
	mux := metrics.New(metrics.Config{Now: time.Now}).Mux()
	ask := func(path, host string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/symbol"} {
		for _, host := range []string{"127.0.0.1:9090", "127.0.0.1", "[::1]:9090", "[::1]", "localhost:9090", "localhost", "wugan:9090"} {
			require.Equal(t, http.StatusOK, ask(path, host), "%s at %s", path, host)
		}
		for _, host := range []string{"evil.example", "evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example:9090", "localhost.", ".", ""} {
			require.Equal(t, http.StatusForbidden, ask(path, host), "%s at %s", path, host)
		}
	}
	require.Equal(t, http.StatusOK, ask("/metrics", "wugan.monitoring.svc:9090"), "figures are no secret")
}

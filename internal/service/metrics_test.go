package service

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

// scrape reads the figures of a pod as Prometheus would.
func (p *pod) scrape() string {
	p.w.t.Helper()
	answer := httptest.NewRecorder()
	p.service.metrics.Mux().ServeHTTP(answer, httptest.NewRequestWithContext(p.w.t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(p.w.t, 200, answer.Code)
	return answer.Body.String()
}

func TestWhatThePodDoesIsInItsFigures(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		alice := p.signIn("alice")
		next := pair(p.refresh(alice.refresh))
		p.refresh(alice.refresh) // the same again, within the grace
		require.Equal(t, "invalid_code", p.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": appID, "code": "none"}).code())
		require.Equal(t, "unknown_app", p.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": "wx-of-a-stranger", "code": "none"}).code())
		require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", next.access, nil).status)
		c := w.settings()
		_, err := purgeOnce(t.Context(), p.service.db, keeping{accessTTL: c.AccessTTL}, p.service.metrics, time.Now())
		require.NoError(t, err)

		text := p.scrape()
		for _, line := range []string{
			`wugan_logins_total{app="` + appID + `",outcome="new_user"} 1`,
			`wugan_logins_total{app="` + appID + `",outcome="invalid_code"} 1`,
			`wugan_logins_total{app="other",outcome="unknown_app"} 1`,
			`wugan_refreshes_total{app="` + appID + `",outcome="rotated"} 1`,
			`wugan_refreshes_total{app="` + appID + `",outcome="same_child"} 1`,
			`wugan_provider_calls_total{api="jscode2session",errcode="0",outcome="ok",provider="wechat"} 1`,
			`wugan_provider_calls_total{api="jscode2session",errcode="40029",outcome="invalid_code",provider="wechat"} 1`,
			`wugan_http_requests_total{method="POST",route="/api/v1/auth/refresh",status="200"} 2`,
			"wugan_revocations 1", "wugan_purge_removed_total 0",
		} {
			require.Contains(t, text, "\n"+line+"\n")
		}
		require.NotContains(t, text, "stranger")
		require.NotContains(t, text, "\nwugan_database_connections_max 0\n")
		require.Contains(t, text, "\nwugan_revocations_lag_seconds ")
	})
}

func TestWithoutAnAddressNothingIsMeasured(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod(func(c *config.Config) { c.MetricsAddr = "" })
	require.Nil(t, p.service.metrics)
	p.signIn("alice")
}

func TestAnAddressThatIsTakenStopsTheStartAndIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	w := newSQLiteWorld(t)
	c := w.settings()
	c.Addr, c.MetricsAddr = "127.0.0.1:0", taken.Addr().String()
	require.ErrorContains(t, Run(t.Context(), c, Options{}), "WUGAN_METRICS_ADDR: expected an address")
}

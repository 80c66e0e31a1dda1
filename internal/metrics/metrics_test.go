package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/metrics"
)

const app = "wx4f4bc4dec97d474b"

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func ring(t *testing.T, activeFrom ...time.Time) *auth.Keyring {
	t.Helper()
	var keys []auth.SigningKey
	for _, at := range activeFrom {
		key, err := auth.GenerateKey(verify.HS256, at)
		require.NoError(t, err)
		keys = append(keys, key)
	}
	set, err := auth.NewKeySet(keys...)
	require.NoError(t, err)
	return auth.NewKeyring(set)
}

func scrape(t *testing.T, m *metrics.Metrics, path string) string {
	t.Helper()
	server := httptest.NewServer(m.Mux())
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	require.NoError(t, err)
	answer, err := server.Client().Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

// series counts the lines of a figure.
func series(text, name string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ") {
			n++
		}
	}
	return n
}

func TestWhatIsCountedIsInTheNextScrape(t *testing.T) {
	m := metrics.New(metrics.Config{Version: "v1.2.3", Apps: []string{app}, Codes: []string{"40029"}, Now: func() time.Time { return start }})
	m.Request(http.MethodPost, "/api/v1/auth/login", 200, 30*time.Millisecond)
	m.LoggedIn(app, "new_user")
	m.Refreshed(app, auth.OutcomeRotated)
	m.Refreshed("", auth.OutcomeUnknown)
	m.Provider("wechat", "jscode2session", "40029", "invalid_code", 20*time.Millisecond)
	m.Provider("wechat", "jscode2session", "0", "circuit_open", 0)
	m.Purged(7, nil)
	m.Purged(0, io.ErrUnexpectedEOF)

	text := scrape(t, m, "/metrics")
	for _, line := range []string{
		`wugan_build_info{go="`,
		`wugan_http_requests_total{method="POST",route="/api/v1/auth/login",status="200"} 1`,
		`wugan_http_request_duration_seconds_bucket{route="/api/v1/auth/login",le="0.025"} 0`,
		`wugan_http_request_duration_seconds_bucket{route="/api/v1/auth/login",le="0.05"} 1`,
		`wugan_logins_total{app="` + app + `",outcome="new_user"} 1`,
		`wugan_refreshes_total{app="` + app + `",outcome="rotated"} 1`,
		`wugan_refreshes_total{app="other",outcome="unknown"} 1`,
		`wugan_provider_calls_total{api="jscode2session",errcode="40029",outcome="invalid_code",provider="wechat"} 1`,
		`wugan_provider_calls_total{api="jscode2session",errcode="0",outcome="circuit_open",provider="wechat"} 1`,
		`wugan_provider_call_duration_seconds_count{api="jscode2session",provider="wechat"} 1`,
		"wugan_purge_removed_total 7",
		"wugan_purge_failures_total 1",
		"wugan_purge_last_success_timestamp_seconds " + strconv.FormatFloat(float64(start.Unix()), 'g', -1, 64),
		"go_goroutines ", "process_resident_memory_bytes ",
	} {
		require.Contains(t, text, "\n"+line)
	}
}

func TestOutcomesAreThereBeforeTheyHappen(t *testing.T) {
	text := scrape(t, metrics.New(metrics.Config{Apps: []string{app}, Now: time.Now}), "/metrics")
	require.Contains(t, text, `wugan_refreshes_total{app="`+app+`",outcome="reused"} 0`)
	require.Contains(t, text, `wugan_logins_total{app="`+app+`",outcome="invalid_code"} 0`)
}

func TestNoStrangerMakesAFigureGrow(t *testing.T) {
	m := metrics.New(metrics.Config{Apps: []string{app}, Now: time.Now})
	for i := range 500 {
		m.Request("METHOD"+strconv.Itoa(i), "", 404, time.Millisecond)
		m.Provider("wechat", "jscode2session", strconv.Itoa(90000+i), "unexpected", time.Millisecond)
		m.LoggedIn("", "unknown_app")
	}
	text := scrape(t, m, "/metrics")
	require.Equal(t, 1, series(text, "wugan_http_requests_total"))
	require.Equal(t, 1, series(text, "wugan_provider_calls_total"))
	require.Contains(t, text, `wugan_http_requests_total{method="other",route="other",status="404"} 500`)
	require.Contains(t, text, `errcode="other",outcome="unexpected",provider="wechat"} 500`)
	require.Contains(t, text, `wugan_logins_total{app="other",outcome="unknown_app"} 500`)
}

func TestTheStateOfKeysPoolAndRevocationsIsAskedForEachTime(t *testing.T) {
	now := start
	revocations := auth.NewRevocations(4*time.Hour, auth.TrustedClock(func() time.Time { return now }), nil)
	pool := metrics.Pool{InUse: 3, Idle: 2, Max: 8, Waited: 5, WaitedFor: 1500 * time.Millisecond}
	m := metrics.New(metrics.Config{
		Now: func() time.Time { return now }, Revocations: revocations,
		Database:    func() metrics.Pool { return pool },
		AccessKeys:  ring(t, start.Add(-48*time.Hour), start.Add(-24*time.Hour), start.Add(time.Hour)),
		RefreshKeys: ring(t, time.Time{}),
	})
	text := scrape(t, m, "/metrics")
	for _, line := range []string{
		`wugan_key_active_seconds{use="access"} 86400`, `wugan_key_next_seconds{use="access"} 3600`,
		`wugan_keys{use="access"} 3`, `wugan_keys{use="refresh"} 1`,
		`wugan_database_connections{state="idle"} 2`, `wugan_database_connections{state="in_use"} 3`,
		"wugan_database_connections_max 8", "wugan_database_connection_waits_total 5",
		"wugan_database_connection_wait_seconds_total 1.5", "wugan_revocations 0",
	} {
		require.Contains(t, text, "\n"+line+"\n")
	}
	require.NotContains(t, text, `wugan_key_active_seconds{use="refresh"}`, "nobody noted since when it signs")
	require.Zero(t, series(text, "wugan_revocations_lag_seconds"), "the database was never read")

	now = now.Add(2 * time.Hour)
	pool.InUse = 8
	text = scrape(t, m, "/metrics")
	require.Contains(t, text, `wugan_key_active_seconds{use="access"} 3600`)
	require.Zero(t, series(text, "wugan_key_next_seconds"), "no further key is waiting")
	require.Contains(t, text, `wugan_database_connections{state="in_use"} 8`)
}

func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	m := metrics.New(metrics.Config{
		Apps: []string{app}, Now: time.Now, AccessKeys: ring(t, start), Database: func() metrics.Pool { return metrics.Pool{} },
	})
	m.Request(http.MethodGet, "/healthz", 200, time.Millisecond)
	m.Provider("wechat", "jscode2session", "0", "ok", time.Millisecond)
	problems, err := testutil.GatherAndLint(m.Gatherer())
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestWithoutReadersNothingIsMeasured(t *testing.T) {
	var m *metrics.Metrics
	m.Request(http.MethodGet, "/", 200, 0)
	m.LoggedIn(app, "new_user")
	m.Refreshed(app, auth.OutcomeRotated)
	m.Provider("wechat", "jscode2session", "0", "ok", 0)
	m.Purged(1, nil)
	m.Remember(t.Context())
	require.Empty(t, m.LastHour().Minutes)
}

func TestProfilesAreServedBesideTheFigures(t *testing.T) {
	text := scrape(t, metrics.New(metrics.Config{Now: time.Now}), "/debug/pprof/")
	require.Contains(t, text, "heap")
}

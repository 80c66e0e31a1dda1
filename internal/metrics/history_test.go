package metrics_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/metrics"
)

func TestTheLastHourIsToldMinuteByMinute(t *testing.T) {
	now := start
	m := metrics.New(metrics.Config{Apps: []string{app}, Now: func() time.Time { return now }})
	m.Note()
	m.LoggedIn(app, "new_user")
	m.LoggedIn("", "unknown_app")
	for range 98 {
		m.Request(http.MethodPost, "/api/v1/auth/refresh", 200, 4*time.Millisecond)
	}
	m.Request(http.MethodPost, "/api/v1/auth/login", 503, 800*time.Millisecond)
	m.Request(http.MethodPost, "/api/v1/auth/login", 400, 80*time.Millisecond)
	m.Request(http.MethodGet, "/api/v1/revocations", 200, 9*time.Second)
	now = now.Add(time.Minute)
	m.Note()
	m.Refreshed(app, auth.OutcomeReused)
	m.Provider("wechat", "jscode2session", "0", "ok", time.Millisecond)
	m.Purged(7, nil)
	now = now.Add(30 * time.Second)

	hour := m.LastHour()
	require.Len(t, hour.Minutes, 2)
	first, last := hour.Minutes[0], hour.Minutes[1]
	require.Equal(t, start, first.At)
	require.Equal(t, map[string]int{"new_user": 1, "unknown_app": 1}, first.Logins)
	require.Equal(t, map[string]int{"2xx": 99, "4xx": 1, "5xx": 1}, first.Responses)
	require.Equal(t, 100, first.Timed, "the feed waits on purpose")
	require.InDelta(t, 0.004, first.P50, 0.0015)
	require.InDelta(t, 0.005, first.P95, 0.0005)
	require.InDelta(t, 0.1, first.P99, 0.05)
	require.Equal(t, start.Add(time.Minute), last.At)
	require.Equal(t, map[string]int{"reused": 1}, last.Refreshes)
	require.Equal(t, map[string]map[string]int{"wechat": {"ok": 1}}, last.Calls)
	require.Empty(t, first.Calls)
	require.Empty(t, last.Logins)
	require.Zero(t, last.P99)
	require.Equal(t, 7, last.Purged)
	require.Equal(t, start.Add(time.Minute), hour.PurgedAt)
	require.Zero(t, hour.PurgeFailures)
}

func TestNoMoreThanAnHourIsRemembered(t *testing.T) {
	now := start
	m := metrics.New(metrics.Config{Now: func() time.Time { return now }})
	for range 200 {
		m.Note()
		now = now.Add(time.Minute)
	}
	hour := m.LastHour()
	require.Len(t, hour.Minutes, metrics.Hour)
	require.Equal(t, now.Add(-time.Hour), hour.Minutes[0].At)
	require.True(t, hour.PurgedAt.IsZero())
}

package httpapi

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheClientIsFoundHoweverProxiesWriteIt(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		peer   string
		header []string
		want   string
	}{
		{"10.0.0.1:80", nil, "10.0.0.1"},
		{"10.0.0.1:80", []string{"203.0.113.5"}, "203.0.113.5"},
		{"10.0.0.1:80", []string{"203.0.113.5:4711"}, "203.0.113.5"}, // Azure's Application Gateway
		{"10.0.0.1:80", []string{"2001:db8::1"}, "2001:db8::1"},
		{"10.0.0.1:80", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"10.0.0.1:80", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"10.0.0.1:80", []string{`"[2001:db8::1]:4711"`}, "2001:db8::1"}, // RFC 7239 section 6
		{"10.0.0.1:80", []string{`"203.0.113.5:4711"`}, "203.0.113.5"},
		{"10.0.0.1:80", []string{"fe80::1%eth0"}, "fe80::1"},
		{"10.0.0.1:80", []string{"[fe80::1%eth0]:4711"}, "fe80::1"},
		{"10.0.0.1:80", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		{"10.0.0.1:80", []string{"198.51.100.1, 203.0.113.5:1"}, "203.0.113.5"},
		{"10.0.0.1:80", []string{"198.51.100.1,203.0.113.5:1 , 10.0.0.2:99"}, "203.0.113.5"},
		{"10.0.0.1:80", []string{"198.51.100.1", "203.0.113.5:1", "10.0.0.2"}, "203.0.113.5"},
		{"10.0.0.1:80", []string{"10.0.0.3"}, "10.0.0.3"},
		{"[fd00::1]:80", []string{"203.0.113.5"}, "203.0.113.5"},
		{"[::ffff:10.0.0.1]:80", []string{"203.0.113.5"}, "203.0.113.5"},
		{"203.0.113.9:80", []string{"203.0.113.5"}, "203.0.113.9"}, // not a proxy of ours
		{"[fe80::1%lo]:80", []string{"203.0.113.5"}, "fe80::1"},
		// What cannot be read is no client: the proxy that sent it stands for it.
		{"10.0.0.1:80", []string{"unknown"}, "10.0.0.1"},
		{"10.0.0.1:80", []string{"203.0.113.5, _hidden, 10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:80", []string{"203.0.113.5:port"}, "10.0.0.1"},
		{"10.0.0.1:80", []string{"203.0.113.5:_p"}, "10.0.0.1"},
		{"10.0.0.1:80", []string{"203.0.113.5:1:2"}, "10.0.0.1"},
		{"10.0.0.1:80", []string{""}, "10.0.0.1"},
	} {
		var log bytes.Buffer
		find := clientAddress(trusted, slog.New(slog.NewTextHandler(&log, nil)))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = c.peer, c.header
		for range 3 {
			require.Equal(t, c.want, find(r), "%s %q", c.peer, c.header)
		}
		unread := len(c.header) > 0 && strings.HasPrefix(c.want, "10.") && c.want != "10.0.0.3"
		require.Equal(t, unread, log.Len() > 0, "%q", c.header)
		require.LessOrEqual(t, strings.Count(log.String(), "\n"), 1, "once")
		require.NotContains(t, log.String(), "hidden", "nothing of what was sent")
	}
}

func TestClientsBehindAProxyThatWritesPortsAreToldApart(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config, _ *http.Server) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	s.moved.stand()
	for i := range 30 {
		s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"guess"}`, "X-Forwarded-For", "203.0.113.5:"+strings.Repeat("4", 1+i%4))
	}
	require.Equal(t, http.StatusTooManyRequests, s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"guess"}`, "X-Forwarded-For", "203.0.113.5").status)
	require.Equal(t, http.StatusBadRequest, s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"guess"}`, "X-Forwarded-For", "203.0.113.6:1").status)
}

package metrics

import (
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
)

// Mux serves /metrics and Go's profiles below /debug/pprof/. Its address is for
// operators alone: profiles hold what is in memory, keys included. They are
// refused to a Host that may be another party's domain: a page in an operator's
// browser that makes its own name stand for this address (DNS rebinding) would
// read them.
func (m *Metrics) Mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	for path, handler := range map[string]http.HandlerFunc{
		"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		mux.Handle("GET /debug/pprof/"+path, toOperators(handler))
	}
	return mux
}

func toOperators(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if !ownName(r.Host) {
			http.Error(w, "profiles are for an IP address, localhost or a name without dots as Host", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownName reports whether a Host is an IP address, or a name that no domain on
// the internet has: without dots.
func ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && !strings.Contains(host, ".")
}

package providers_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
)

// The errcodes of the platform that these tests play.
const (
	codeBusy     = -1
	codeToken    = 40001
	codeInvalid  = 40029
	codeUsed     = 40163
	codeRejected = 40125
	codeLimited  = 45011
)

var judge = providers.JudgeErrcode(func(_ providers.API, code int) providers.Kind {
	known := map[int]providers.Kind{
		codeBusy: providers.KindBusy, codeToken: providers.KindAppToken, codeInvalid: providers.KindInvalidCode,
		codeUsed: providers.KindCodeUsed, codeRejected: providers.KindRejectedApp, codeLimited: providers.KindRateLimited,
	}
	return known[code] // KindUnexpected for others
})

var (
	login   = providers.API{Name: "login", Method: http.MethodGet, Path: "/login", Once: true, Judge: judge}
	tokens  = providers.API{Name: "token", Method: http.MethodPost, Path: "/token", Judge: judge}
	profile = providers.API{Name: "profile", Method: http.MethodGet, Path: "/profile", WithToken: true, Judge: judge}
)

func errcode(code int) string { return fmt.Sprintf(`{"errcode":%d,"errmsg":"see the manual"}`, code) }

// platform is an HTTP server that counts its requests.
type platform struct {
	url  string
	hits atomic.Int32
}

func newPlatform(t *testing.T, h http.HandlerFunc) *platform {
	t.Helper()
	p := &platform{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.hits.Add(1)
		h(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// says is a handler that gives the same response to every request.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hang leaves a request without a response until its client is gone, which net/http
// notices once the body has been read.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func newCaller(t *testing.T, base string, cfg providers.Config) *providers.Caller {
	t.Helper()
	if cfg.BusyPause == 0 {
		cfg.BusyPause = time.Millisecond
	}
	if cfg.BreakerFailures == 0 {
		cfg.BreakerFailures = 1000
	}
	c, err := providers.NewCaller("example", base, []providers.API{login, tokens, profile}, cfg)
	require.NoError(t, err)
	return c
}

// call exchanges a code.
func call(t *testing.T, c *providers.Caller, code string) (providers.Fields, error) {
	t.Helper()
	return c.Call(t.Context(), providers.Request{API: login, Query: url.Values{"code": {code}}})
}

func asError(t *testing.T, err error) *providers.Error {
	t.Helper()
	var e *providers.Error
	require.ErrorAs(t, err, &e)
	return e
}

// observations is an observer that remembers.
type observations struct {
	mu   sync.Mutex
	seen []providers.Observation
}

func (o *observations) observe(one providers.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, one)
}

func (o *observations) outcomes() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []string
	for _, one := range o.seen {
		all = append(all, one.Outcome)
	}
	return all
}

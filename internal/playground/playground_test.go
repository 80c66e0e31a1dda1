package playground_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/playground"
)

// world is a playground on a service that says what it was asked, and a WeChat
// that remembers whether it is cut off.
type world struct {
	t       *testing.T
	handler http.Handler

	mu      sync.Mutex
	refused []bool
	fails   error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	echo := func(name string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, name+" "+r.Method+" "+r.URL.Path)
		})
	}
	var err error
	w.handler, err = playground.New(playground.Config{
		Service: echo("service"),
		Lives:   map[string]http.Handler{"30s": echo("thirty")},
		RefuseWeChat: func(_ context.Context, refuse bool) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.fails == nil {
				w.refused = append(w.refused, refuse)
			}
			return w.fails
		},
	})
	require.NoError(t, err)
	return w
}

func (w *world) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func (w *world) switches() []bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]bool(nil), w.refused...)
}

var files = map[string]string{
	"/":                         "text/html; charset=utf-8",
	"/playground/playground.js": "text/javascript; charset=utf-8",
	"/playground/page.css":      "text/css; charset=utf-8",
	"/playground/icon.svg":      "image/svg+xml",
}

func TestThePageIsServedWithItsFilesAndAStrictPolicy(t *testing.T) {
	w := newWorld(t)
	for path, contentType := range files {
		rec := w.do("GET", path, "")
		require.Equal(t, 200, rec.Code, path)
		require.Equal(t, contentType, rec.Header().Get("Content-Type"))
		require.NotEmpty(t, rec.Body.String())
		require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"))
		require.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
		policy := rec.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.NotContains(t, policy, "unsafe")
		require.NotRegexp(t, `https?:|data:|\*`, policy)

		etag := rec.Header().Get("ETag")
		again := w.do("GET", path, "", "If-None-Match", etag)
		require.Equal(t, 304, again.Code)
		require.Empty(t, again.Body.String())

		head := w.do("HEAD", path, "")
		require.Equal(t, 200, head.Code)
		require.Empty(t, head.Body.String())
	}
}

func TestThePageNamesNoOtherAddressAndAllowsNothingInline(t *testing.T) {
	w := newWorld(t)
	for path := range files {
		body := w.do("GET", path, "").Body.String()
		// The namespace of SVG is a name, not an address that is loaded.
		body = strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "")
		// Comments of the client's sources name an example.
		body = regexp.MustCompile(`(?m)^\s*(//|/?\*).*$`).ReplaceAllString(body, "")
		require.NotRegexp(t, `(?i)(https?:)?//[a-z0-9-]+\.[a-z]`, body, "%s names another address", path)
		require.NotRegexp(t, `(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`, body)
		require.NotRegexp(t, `@import|url\(`, body)
	}
	page := w.do("GET", "/", "").Body.String()
	require.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=`, page)
	require.NotRegexp(t, `(?i)<script(\s[^>]*)?>[^<]`, page)
	for _, m := range regexp.MustCompile(`(?:src|href)="(/playground/[^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, files, m[1], "a file that the page loads")
	}
}

func TestEverythingElseIsTheServices(t *testing.T) {
	w := newWorld(t)
	for _, request := range []string{
		"GET /api/v1/users/me", "GET /docs", "GET /playground", "GET /playground/", "GET /playground/other.js",
		"GET /playground/wechat", "POST /", "GET /playground/life/2s/api/v1/auth/login", "GET /playground/life/",
		"DELETE /playground/playground.js",
	} {
		method, path, _ := strings.Cut(request, " ")
		require.Equal(t, "service "+request, w.do(method, path, "").Body.String())
	}
}

func TestTokensOfAnotherLifeComeFromTheServiceOfThatLife(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, "thirty POST /api/v1/auth/login", w.do("POST", "/playground/life/30s/api/v1/auth/login", "").Body.String())
}

func TestWeChatIsCutOffAndBroughtBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const kind = "application/json"
		require.Equal(t, 204, w.do("POST", "/playground/wechat", `{"down": true}`, "Content-Type", kind).Code)
		require.Equal(t, []bool{true}, w.switches())
		require.Equal(t, 204, w.do("POST", "/playground/wechat", `{"down": false}`, "Content-Type", kind+"; charset=utf-8").Code)
		require.Equal(t, []bool{true, false}, w.switches())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []bool{true, false}, w.switches(), "an outage that was ended does not end again")
	})
}

func TestAnOutageThatNobodyEndsEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		down := func() {
			require.Equal(t, 204, w.do("POST", "/playground/wechat", `{"down": true}`, "Content-Type", "application/json").Code)
		}
		down()
		time.Sleep(20 * time.Second)
		down()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, []bool{true, true}, w.switches(), "half a minute counts from the last time")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []bool{true, true, false}, w.switches())
	})
}

func TestTheSwitchTakesNothingThatAnotherOriginCouldSend(t *testing.T) {
	w := newWorld(t)
	for kind, body := range map[string]string{
		"": `{"down": true}`, "text/plain": `{"down": true}`, "application/x-www-form-urlencoded": "down=true",
	} {
		require.Equal(t, 415, w.do("POST", "/playground/wechat", body, "Content-Type", kind).Code, kind)
	}
	for _, body := range []string{"", "{}", `{"down": "yes"}`, `{"down": null}`, "[", strings.Repeat(" ", 2000) + `{"down": true}`} {
		require.Equal(t, 400, w.do("POST", "/playground/wechat", body, "Content-Type", "application/json").Code, body)
	}
	require.Empty(t, w.switches())
}

func TestASwitchThatFailsSaysSo(t *testing.T) {
	w := newWorld(t)
	w.fails = errors.New("the address is taken")
	rec := w.do("POST", "/playground/wechat", `{"down": false}`, "Content-Type", "application/json")
	require.Equal(t, 500, rec.Code)
	require.Contains(t, rec.Body.String(), "the address is taken")
}

func TestTheCommittedScriptIsThatOfTheSources(t *testing.T) {
	built := filepath.Join(t.TempDir(), "playground.js")
	output, err := exec.CommandContext(t.Context(), "./build.sh", built).CombinedOutput()
	require.NoError(t, err, "%s", output)
	want, err := os.ReadFile(built)
	require.NoError(t, err)
	have, err := os.ReadFile(filepath.Join("page", "playground.js"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, have), "the sources have changed: run go generate ./internal/playground")
}

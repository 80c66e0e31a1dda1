// Package playground serves the page that `wugan dev` shows at /. The page runs this
// project's client in a browser, has buttons that cause faults, and shows how the
// client handles them.
//
// The page's files are embedded and loaded from this origin only. The package adds
// what the page needs besides the service: tokens with a shorter lifetime, and a
// WeChat that is unreachable. All other requests go to the handlers in [Config].
// `wugan serve` does not mount it.
//
// build.sh builds the script from src and from the client's sources; a test compares
// the result.
package playground

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
)

//go:generate ./build.sh page/playground.js

//go:embed page
var page embed.FS

// policy lets the page load and call its own origin and nothing else, and keeps
// text from becoming markup even by mistake (Trusted Types).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// longestOutage is when WeChat comes back by itself, so that a page that was
// closed in the middle leaves nothing broken behind.
const longestOutage = 30 * time.Second

// lifePrefix is followed by a name of Config.Lives and a path of the service.
const lifePrefix = "/playground/life/"

// Config configures the playground. All fields are required.
type Config struct {
	// Service answers what is not the playground's.
	Service http.Handler
	// Lives are services like Service, on the same database and keys, whose
	// access tokens live otherwise; the service named "30s" answers under
	// /playground/life/30s/.
	Lives map[string]http.Handler
	// RefuseWeChat makes the stand-in for WeChat unreachable (true) or
	// reachable. It is called by one goroutine at a time.
	RefuseWeChat func(ctx context.Context, refuse bool) error
}

// New returns a handler that answers /, the files under /playground/, the paths of
// Config.Lives and POST /playground/wechat, and leaves all else to
// Config.Service. It may be used by any number of goroutines.
//
// POST /playground/wechat takes {"down": bool} as application/json, so that no
// page of another origin can send it, and answers 204. WeChat comes back by
// itself 30 seconds after the last {"down": true}.
func New(c Config) (http.Handler, error) {
	s := &site{config: c, files: map[string]file{}}
	for path, name := range map[string]string{
		"/":                         "index.html",
		"/playground/playground.js": "playground.js",
		"/playground/page.css":      "page.css",
		"/playground/icon.svg":      "icon.svg",
	} {
		body, err := page.ReadFile("page/" + name)
		if err != nil {
			return nil, fmt.Errorf("playground: %w", err)
		}
		sum := sha256.Sum256(body)
		s.files[path] = file{
			contentType: contentTypes[name[strings.LastIndexByte(name, '.'):]],
			etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
			body:        body,
		}
	}
	return s, nil
}

// contentTypes are fixed here because package mime asks the machine, and
// machines differ.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

type file struct {
	contentType, etag string
	body              []byte
}

type site struct {
	config Config
	files  map[string]file

	mu   sync.Mutex
	back *time.Timer // ends the outage; nil while there is none
}

// ServeHTTP implements http.Handler.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f, ok := s.files[r.URL.Path]; ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		f.serve(w, r)
		return
	}
	if r.URL.Path == "/playground/wechat" && r.Method == http.MethodPost {
		s.switchWeChat(w, r)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, lifePrefix); ok {
		name, _, _ := strings.Cut(rest, "/")
		if service, ok := s.config.Lives[name]; ok {
			http.StripPrefix(lifePrefix+name, service).ServeHTTP(w, r)
			return
		}
	}
	s.config.Service.ServeHTTP(w, r)
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	// Asked for again each time, so that a page never meets the script of another release.
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", f.contentType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body)) // compares If-None-Match with the ETag
}

// switchWeChat makes the stand-in unreachable or reachable.
func (s *site) switchWeChat(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "send {\"down\": true} or {\"down\": false} as application/json", http.StatusUnsupportedMediaType)
		return
	}
	var wish struct{ Down *bool }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&wish); err != nil || wish.Down == nil {
		http.Error(w, "send {\"down\": true} or {\"down\": false}", http.StatusBadRequest)
		return
	}
	if err := s.refuse(r.Context(), *wish.Down); err != nil {
		http.Error(w, "the stand-in for WeChat could not be switched: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *site) refuse(ctx context.Context, down bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.back != nil {
		s.back.Stop()
		s.back = nil
	}
	if err := s.config.RefuseWeChat(ctx, down); err != nil {
		return err
	}
	if down {
		later := context.WithoutCancel(ctx)
		var own *time.Timer
		own = time.AfterFunc(longestOutage, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.back != own {
				return // switched meanwhile
			}
			s.back = nil
			_ = s.config.RefuseWeChat(later, false) // the page has closed
		})
		s.back = own
	}
	return nil
}

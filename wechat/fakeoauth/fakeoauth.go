// Package fakeoauth is a stand-in for WeChat's web authorization: an authorize
// page that redirects with code and state, and the call that exchanges the code
// once within five minutes, with 200 for errors. It is for tests and for trying
// out.
package fakeoauth

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// Server is the stand-in. It may be used by many goroutines at once.
type Server struct {
	*standin.Desk

	mu   sync.Mutex
	apps map[string]App
	user string // who sits before the authorize page
}

// App is an Official Account or a website application.
type App struct {
	ID, Secret string
	// Platform is the Open Platform account; "" for none.
	Platform string
}

// snapshot begins the name of a visitor of a snapshot page.
const snapshot = "snapshot-"

// New makes a stand-in.
func New(opts standin.Options) *Server {
	return &Server{Desk: standin.NewDesk(opts), apps: map[string]App{}, user: "alice"}
}

// SetApp adds or replaces an app.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a.ID] = a
}

// SetUser says who sits before the authorize page.
func (s *Server) SetUser(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = name
}

// Login is the code with which the authorize page redirects.
func (s *Server) Login(appID, user string) string {
	return s.Issue(appID, "oauth", user, 5*time.Minute)
}

// SnapshotLogin is the code of a visitor of a snapshot page.
func (s *Server) SnapshotLogin(appID, user string) string { return s.Login(appID, snapshot+user) }

// OpenID is a user in an app.
func OpenID(appID, user string) string { return standin.ID("wechat-oauth", appID, user) }

// Handler plays both hosts.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connect/oauth2/authorize", s.authorize)
	mux.HandleFunc("GET /connect/qrconnect", s.authorize)
	mux.HandleFunc("GET /sns/oauth2/access_token", s.token)
	return s.Around(mux)
}

// authorize agrees at once. WeChat wants its parameters in this order.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	var names []string
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	s.mu.Lock()
	_, known := s.apps[q.Get("appid")]
	user := s.user
	s.mu.Unlock()
	if !known || err != nil || !back.IsAbs() || q.Get("response_type") != "code" ||
		strings.Join(names, " ") != "appid redirect_uri response_type scope state" {
		http.Error(w, "the link cannot be opened", http.StatusBadRequest)
		return
	}
	values := back.Query()
	values.Set("code", s.Login(q.Get("appid"), user))
	values.Set("state", q.Get("state"))
	back.RawQuery = values.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound) //nolint:gosec // a stand-in for tests and a first try: it goes back to the address that was given
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	a, known := s.apps[q.Get("appid")]
	s.mu.Unlock()
	switch {
	case !known:
		answer(w, map[string]any{"errcode": 40013, "errmsg": "invalid appid"})
		return
	case a.Secret != q.Get("secret"):
		answer(w, map[string]any{"errcode": 40125, "errmsg": "invalid appsecret"})
		return
	}
	user, state := s.Take(a.ID, "oauth", q.Get("code"))
	switch {
	case state == standin.Used:
		answer(w, map[string]any{"errcode": 40163, "errmsg": "code been used"})
		return
	case state != standin.Good:
		answer(w, map[string]any{"errcode": 40029, "errmsg": "invalid code"})
		return
	}
	out := map[string]any{
		"access_token": rand.Text(), "expires_in": 7200, "refresh_token": rand.Text(), "openid": OpenID(a.ID, user), "scope": "snsapi_base",
	}
	if strings.HasPrefix(user, snapshot) {
		out["is_snapshotuser"] = 1
	}
	if a.Platform != "" {
		out["unionid"] = fakewechat.UnionID(a.Platform, user)
	}
	answer(w, out)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "text/plain")
	_ = json.NewEncoder(w).Encode(v)
}

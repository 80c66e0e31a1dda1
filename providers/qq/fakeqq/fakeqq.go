// Package fakeqq is a stand-in for QQ's server API: it says 200 for errors, sends
// empty members with them as QQ does, and takes a code once. How long a code lives
// is not documented; here it is five minutes. It is for tests and for trying out.
package fakeqq

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/wugan/wugan/providers/standin"
)

// Server is the stand-in. It may be used by many goroutines at once.
type Server struct {
	*standin.Desk

	mu   sync.Mutex
	apps map[string]App
	rate map[string]*minute // by app and user
}

// App is a mini program as QQ knows it.
type App struct {
	ID, Secret string
	// NoUnionID makes an app that is bound to no account, which is given none.
	NoUnionID bool
}

type minute struct{ at, calls int64 }

const (
	life = 5 * time.Minute
	// perMinute is how often one user may log in to one app.
	perMinute = 100
)

// New makes a stand-in without apps.
func New(opts standin.Options) *Server {
	return &Server{Desk: standin.NewDesk(opts), apps: map[string]App{}, rate: map[string]*minute{}}
}

// SetApp adds or replaces an app.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a.ID] = a
}

// Login is qq.login of a user.
func (s *Server) Login(appID, user string) string { return s.Issue(appID, "login", user, life) }

// OpenID is a user in an app: 32 hexadecimal digits in upper case.
func OpenID(appID, user string) string { return strings.ToUpper(standin.ID("qq", appID, user)) }

// UnionID is a user in all apps of the developer.
func UnionID(user string) string { return "UID_" + strings.ToUpper(standin.ID("qq-union", "", user)) }

// SessionKey is a user's in an app.
func SessionKey(appID, user string) string { return standin.SessionKey("qq", appID, user, 16) }

// Encrypt is what qq.getUserInfo and its like hand to the client.
func (s *Server) Encrypt(appID, user string, payload map[string]any) standin.Encrypted {
	return standin.EncryptMarked(appID, SessionKey(appID, user), s.Now(), payload)
}

// Handler plays api.q.qq.com.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sns/jscode2session", s.session)
	return s.Around(mux)
}

func (s *Server) session(w http.ResponseWriter, r *http.Request) {
	query, ok := standin.Query(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	a, known := s.apps[query.Get("appid")]
	s.mu.Unlock()
	switch {
	case !known, query.Get("secret") != a.Secret:
		answer(w, -101222100, "", "", "")
		return
	case query.Get("grant_type") != "authorization_code":
		answer(w, -1009, "", "", "") // what QQ says is not documented
		return
	}
	user, state := s.Take(a.ID, "login", query.Get("js_code"))
	switch {
	case state != standin.Good:
		answer(w, 40029, "", "", "")
	case !s.within(a.ID, user):
		answer(w, 45011, "", "", "")
	case a.NoUnionID:
		answer(w, 0, OpenID(a.ID, user), SessionKey(a.ID, user), "")
	default:
		answer(w, 0, OpenID(a.ID, user), SessionKey(a.ID, user), UnionID(user))
	}
}

// within counts a login and reports whether there may be one more in this minute.
func (s *Server) within(appID, user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, key := s.Now().Unix()/60, appID+"\x00"+user
	m := s.rate[key]
	if m == nil || m.at != now {
		m = &minute{at: now}
		s.rate[key] = m
	}
	m.calls++
	return m.calls <= perMinute
}

// answer has all members in every case, as QQ's has.
func answer(w http.ResponseWriter, errcode int, openID, sessionKey, unionID string) {
	standin.WriteJSON(w, map[string]any{
		"errcode": errcode, "errmsg": "", "openid": openID, "session_key": sessionKey, "uin": "", "unionid": unionID,
	})
}

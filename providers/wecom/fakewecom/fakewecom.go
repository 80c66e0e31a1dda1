// Package fakewecom is a stand-in for WeCom's server API: access tokens with their
// life, 200 for errors, and codes that work once within five minutes. It is for
// tests and for trying out.
package fakewecom

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/wugan/wugan/providers/standin"
)

// Server is the stand-in. It may be used by many goroutines at once.
type Server struct {
	*standin.Desk

	mu     sync.Mutex
	apps   map[string]App    // by the mini program
	tokens map[string]*token // by their text
}

// App is a mini program as WeCom knows it.
type App struct {
	// ID is the mini program, which WeCom learns of by its codes and its
	// watermarks alone.
	ID string
	// CorpID and Secret are of the enterprise and of the WeCom app that the mini
	// program is tied to.
	CorpID, Secret string
	// FromOutside makes calls fail as those of an address that is not on the
	// app's list.
	FromOutside bool
}

type token struct {
	appID   string
	expires time.Time
}

const (
	life      = 5 * time.Minute
	tokenLife = 2 * time.Hour
)

// New makes a stand-in without apps.
func New(opts standin.Options) *Server {
	return &Server{Desk: standin.NewDesk(opts), apps: map[string]App{}, tokens: map[string]*token{}}
}

// SetApp adds or replaces an app.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a.ID] = a
}

// Login is wx.qy.login of a member of the app's enterprise.
func (s *Server) Login(appID, user string) string { return s.Issue(appID, "qy", user, life) }

// PlainLogin is wx.login within WeCom: a code that only WeChat takes.
func (s *Server) PlainLogin(appID, user string) string { return s.Issue(appID, "wx", user, life) }

// EndTokens makes all access tokens invalid.
func (s *Server) EndTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// UserID is a user in every enterprise.
func UserID(user string) string { return user }

// SessionKey is a user's in an app.
func SessionKey(appID, user string) string { return standin.SessionKey("wecom", appID, user, 16) }

// Encrypt is what wx.qy.getEnterpriseUserInfo and its like hand to the client.
func (s *Server) Encrypt(appID, user string, payload map[string]any) standin.Encrypted {
	return standin.EncryptMarked(appID, SessionKey(appID, user), s.Now(), payload)
}

// Handler plays qyapi.weixin.qq.com.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cgi-bin/gettoken", s.getToken)
	mux.HandleFunc("GET /cgi-bin/miniprogram/jscode2session", s.session)
	return s.Around(mux)
}

func (s *Server) getToken(w http.ResponseWriter, r *http.Request) {
	query, ok := standin.Query(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var corp bool
	for _, a := range s.apps {
		if a.CorpID != query.Get("corpid") {
			continue
		}
		corp = true
		if a.Secret != query.Get("corpsecret") {
			continue
		}
		if a.FromOutside {
			fail(w, 60020, "not allow to access from your ip")
			return
		}
		text, rest := s.tokenOf(a.ID)
		standin.WriteJSON(w, map[string]any{"errcode": 0, "errmsg": "ok", "access_token": text, "expires_in": int(rest.Seconds())})
		return
	}
	if !corp {
		fail(w, 40013, "invalid corpid")
		return
	}
	fail(w, 40001, "invalid credential")
}

// tokenOf is the same for all who ask within its life.
func (s *Server) tokenOf(appID string) (text string, rest time.Duration) {
	for text, t := range s.tokens {
		if rest := t.expires.Sub(s.Now()); t.appID == appID && rest > 0 {
			return text, rest
		}
	}
	text = rand.Text()
	s.tokens[text] = &token{appID: appID, expires: s.Now().Add(tokenLife)}
	return text, tokenLife
}

func (s *Server) session(w http.ResponseWriter, r *http.Request) {
	query, ok := standin.Query(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	t := s.tokens[query.Get("access_token")]
	var a App
	if t != nil {
		a = s.apps[t.appID]
	}
	s.mu.Unlock()
	switch {
	case t == nil:
		fail(w, 40014, "invalid access_token")
		return
	case !s.Now().Before(t.expires):
		fail(w, 42001, "access_token expired")
		return
	case a.FromOutside:
		fail(w, 60020, "not allow to access from your ip")
		return
	case query.Get("js_code") == "":
		fail(w, 41008, "missing code")
		return
	}
	user, state := s.Take(a.ID, "qy", query.Get("js_code"))
	if query.Get("grant_type") != "authorization_code" || state != standin.Good {
		fail(w, 40029, "invalid code")
		return
	}
	standin.WriteJSON(w, map[string]any{
		"errcode": 0, "errmsg": "ok", "corpid": a.CorpID, "userid": UserID(user), "session_key": SessionKey(a.ID, user),
	})
}

// fail responds with 200 for an error, with a tail that clients must ignore.
func fail(w http.ResponseWriter, errcode int, msg string) {
	standin.WriteJSON(w, map[string]any{"errcode": errcode, "errmsg": msg + ", hint: [" + rand.Text()[:12] + "], from ip: 203.0.113.7"})
}

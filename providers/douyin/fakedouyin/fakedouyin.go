// Package fakedouyin is a stand-in for Douyin's server API: 200 for errors,
// err_no for success, codes once within five minutes, guests who get an
// anonymous code alone, phone numbers under the app's RSA key. It is for tests
// and for trying out.
package fakedouyin

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/wugan/wugan/providers/standin"
)

// Server is the stand-in. It may be used by many goroutines at once.
type Server struct {
	*standin.Desk

	mu     sync.Mutex
	apps   map[string]App
	tokens map[string]token
}

type token struct {
	app     string
	expires time.Time
}

// App is a mini program as Douyin knows it.
type App struct {
	ID, Secret string
	PhoneKey   *rsa.PublicKey // the app's own; nil: no phone numbers
}

// New makes a stand-in.
func New(opts standin.Options) *Server {
	return &Server{Desk: standin.NewDesk(opts), apps: map[string]App{}, tokens: map[string]token{}}
}

// SetApp adds or replaces an app.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a.ID] = a
}

const life = 5 * time.Minute

// Login is tt.login of a user who is signed in to the host.
func (s *Server) Login(appID, user string) string { return s.Issue(appID, "code", user, life) }

// Guest is the anonymousCode that tt.login with force: false gives a guest.
func (s *Server) Guest(appID, device string) string {
	return s.Issue(appID, "anonymous", device, life)
}

// PhoneCode is a code of the getPhoneNumber button.
func (s *Server) PhoneCode(appID, user string) string { return s.Issue(appID, "phone", user, life) }

// SupersedeTokens ends all client tokens.
func (s *Server) SupersedeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// OpenID is a user in an app.
func OpenID(appID, user string) string { return standin.ID("douyin", appID, user) }

// SessionKey is the session key of a user in an app.
func SessionKey(appID, user string) string {
	return base64.StdEncoding.EncodeToString([]byte(standin.ID("douyin-key", appID, user)[:16]))
}

// Handler plays both hosts.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/apps/v2/jscode2session", s.session)
	mux.HandleFunc("POST /oauth/client_token/", s.clientToken)
	mux.HandleFunc("POST /api/apps/v1/get_phonenumber_info/", s.phone)
	return s.Around(mux)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, tips string) {
	answer(w, map[string]any{"err_no": code, "err_tips": tips, "log_id": rand.Text(), "data": map[string]string{}})
}

func (s *Server) app(id string) (App, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.apps[id]
	return a, ok
}

func (s *Server) session(w http.ResponseWriter, r *http.Request) {
	var call map[string]string
	if json.NewDecoder(r.Body).Decode(&call) != nil || call["code"] == "" && call["anonymous_code"] == "" {
		refuse(w, 40014, "bad params")
		return
	}
	a, known := s.app(call["appid"])
	switch {
	case !known:
		refuse(w, 40015, "bad appid")
		return
	case a.Secret != call["secret"]:
		refuse(w, 40017, "bad secret")
		return
	}
	data := map[string]string{"session_key": "", "openid": "", "anonymous_openid": "", "unionid": ""}
	if code := call["code"]; code != "" {
		user, state := s.Take(a.ID, "code", code)
		if state != standin.Good {
			refuse(w, 40018, "bad code")
			return
		}
		data["openid"], data["session_key"], data["unionid"] = OpenID(a.ID, user), SessionKey(a.ID, user), standin.ID("douyin-union", "", user)
	}
	if code := call["anonymous_code"]; code != "" {
		device, state := s.Take(a.ID, "anonymous", code)
		if state != standin.Good {
			refuse(w, 40019, "bad anonymous code")
			return
		}
		data["anonymous_openid"] = standin.ID("douyin-device", a.ID, device)
	}
	answer(w, map[string]any{"err_no": 0, "err_tips": "success", "log_id": rand.Text(), "data": data})
}

func (s *Server) clientToken(w http.ResponseWriter, r *http.Request) {
	var call map[string]string
	_ = json.NewDecoder(r.Body).Decode(&call)
	a, known := s.app(call["client_key"])
	if !known || a.Secret != call["client_secret"] || call["grant_type"] != "client_credential" {
		answer(w, map[string]any{"data": map[string]any{"error_code": 10003, "description": "refused"}, "message": "error"})
		return
	}
	value := "clt." + rand.Text()
	s.mu.Lock()
	s.tokens[value] = token{a.ID, s.Now().Add(2 * time.Hour)}
	s.mu.Unlock()
	answer(w, map[string]any{"data": map[string]any{"access_token": value, "expires_in": 7200, "error_code": 0, "description": ""}, "message": "success"})
}

func (s *Server) phone(w http.ResponseWriter, r *http.Request) {
	var call map[string]string
	_ = json.NewDecoder(r.Body).Decode(&call)
	s.mu.Lock()
	t, known := s.tokens[r.Header.Get("access-token")]
	a := s.apps[t.app]
	s.mu.Unlock()
	if !known || !s.Now().Before(t.expires) || a.PhoneKey == nil {
		refuse(w, 28001003, "access token invalid")
		return
	}
	user, state := s.Take(a.ID, "phone", call["code"])
	if state != standin.Good {
		refuse(w, 28005187, "code expired")
		return
	}
	plain, err := json.Marshal(map[string]any{
		"phoneNumber": standin.Phone(user), "purePhoneNumber": standin.Phone(user), "countryCode": "86",
		"watermark": map[string]any{"appid": a.ID, "timestamp": s.Now().Unix()},
	})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	sealed, err := rsa.EncryptPKCS1v15(rand.Reader, a.PhoneKey, plain) //nolint:staticcheck // Douyin's choice
	if err != nil {
		panic(err) // 2048 bits hold it
	}
	answer(w, map[string]any{"err_no": 0, "err_tips": "", "log_id": rand.Text(), "data": base64.StdEncoding.EncodeToString(sealed)})
}

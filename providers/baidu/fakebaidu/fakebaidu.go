// Package fakebaidu is a stand-in for the server API of Baidu smart programs:
// access tokens with their life, errno for the call's own errors and error_code
// for the gateway's, both with 200, codes that work once within ten minutes, and
// data under 24-byte keys. The errno of a bad code is not documented where this
// was written: [BadCode] is the stand-in's own. It is for tests and for trying out.
package fakebaidu

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/wugan/wugan/providers/standin"
)

// BadCode is the errno of a code that is unknown, used, expired or another app's.
const BadCode = 900029

// Server is the stand-in. It may be used by many goroutines at once.
type Server struct {
	*standin.Desk

	mu     sync.Mutex
	apps   map[string]App    // by AppKey
	ids    map[string]string // AppKeys by the ids of the settings
	tokens map[string]token
}

// App is a smart program as Baidu knows it.
type App struct{ Key, Secret string }

type token struct {
	app     App
	expires time.Time
}

const (
	life      = 10 * time.Minute
	tokenLife = 2592000 * time.Second
)

// New makes a stand-in without apps.
func New(opts standin.Options) *Server {
	return &Server{Desk: standin.NewDesk(opts), apps: map[string]App{}, ids: map[string]string{}, tokens: map[string]token{}}
}

// SetApp adds or replaces an app.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a.Key] = a
}

// Login is swan.getLoginCode of a user.
func (s *Server) Login(appKey, user string) string { return s.Issue(appKey, "login", user, life) }

// EndTokens makes all access tokens invalid.
func (s *Server) EndTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// OpenID is a user in an app.
func OpenID(appKey, user string) string { return standin.ID("baidu", appKey, user) }

// SessionKey is a user's in an app: 24 bytes.
func SessionKey(appKey, user string) string { return standin.SessionKey("baidu", appKey, user, 24) }

// Encrypt is what swan.getUserInfo and its like hand to the client.
func (s *Server) Encrypt(appKey, user string, payload map[string]any) standin.Encrypted {
	text, err := json.Marshal(payload)
	if err != nil {
		panic(err) // the test's own payload
	}
	plain := make([]byte, 16, 20+len(text)+len(appKey))
	_, _ = rand.Read(plain)                                         // it does not fail
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(text))) //nolint:gosec // never near 4 GiB
	plain = append(append(plain, text...), appKey...)
	return standin.Encrypt(SessionKey(appKey, user), plain, 32)
}

// Handler plays openapi.baidu.com.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /oauth/2.0/token", s.token)
	mux.HandleFunc("/rest/2.0/smartapp/getsessionkey", s.session) // GET and POST
	return s.Around(mux)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	query, ok := standin.Query(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, known := s.apps[query.Get("client_id")]
	switch {
	case query.Get("grant_type") != "client_credentials":
		refuse(w, "unsupported_grant_type", "The authorization grant type is not supported")
	case !known:
		refuse(w, "invalid_client", "unknown client id")
	case query.Get("client_secret") != a.Secret:
		refuse(w, "invalid_client", "Client authentication failed")
	case query.Get("scope") != "smartapp_snsapi_base":
		refuse(w, "invalid_scope", "The requested scope is invalid, unknown, or malformed")
	default:
		text := "24." + rand.Text()
		s.tokens[text] = token{app: a, expires: s.Now().Add(tokenLife)}
		standin.WriteJSON(w, map[string]any{
			"access_token": text, "expires_in": int(tokenLife.Seconds()), "scope": "smartapp_snsapi_base", "refresh_token": "25." + rand.Text(),
			"session_key": "", "session_secret": "",
		})
	}
}

// refuse is the one answer that is not 200: the token endpoint follows OAuth.
func refuse(w http.ResponseWriter, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}

func (s *Server) session(w http.ResponseWriter, r *http.Request) {
	query, ok := standin.Query(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	t, known := s.tokens[query.Get("access_token")]
	s.mu.Unlock()
	switch {
	case !known:
		standin.WriteJSON(w, map[string]any{"error_code": 110, "error_msg": "Access token invalid or no longer valid"})
		return
	case !s.Now().Before(t.expires):
		standin.WriteJSON(w, map[string]any{"error_code": 111, "error_msg": "Access token expired"})
		return
	}
	fields := map[string]any{"request_id": rand.Text(), "timestamp": s.Now().Unix()}
	user, state := s.Take(t.app.Key, "login", query.Get("code"))
	if state == standin.Good {
		fields["errno"], fields["msg"] = 0, "success"
		fields["data"] = map[string]any{"open_id": OpenID(t.app.Key, user), "session_key": SessionKey(t.app.Key, user)}
	} else {
		fields["errno"], fields["msg"], fields["data"] = BadCode, "the code "+query.Get("code")+" is invalid", nil
	}
	standin.WriteJSON(w, fields)
}

// Package fakecustom is a stand-in for an operator's own back end behind the
// provider custom: a sign-in by a text-message code. It checks the signature and
// the age of each call. It is for tests and for trying out.
package fakecustom

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/providers/standin"
)

// Server is the stand-in.
type Server struct {
	*standin.Desk

	mu     sync.Mutex
	secret standardwebhooks.Secret
	text   string // of the secret, where an app brought it
}

// New makes a stand-in that knows the app's secret.
func New(opts standin.Options, secret standardwebhooks.Secret) *Server {
	return &Server{Desk: standin.NewDesk(opts), secret: secret}
}

// Login is the code of a text message to a user.
func (s *Server) Login(appID, user string) string { return s.Issue(appID, "sms", user, 5*time.Minute) }

// Handler plays the back end.
func (s *Server) Handler() http.Handler { return s.Around(http.HandlerFunc(s.login)) }

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	seconds, err2 := strconv.ParseInt(r.Header.Get(standardwebhooks.HeaderTimestamp), 10, 64)
	at := time.Unix(seconds, 0)
	s.mu.Lock()
	shared := s.secret
	s.mu.Unlock()
	want := shared.Sign(r.Header.Get(standardwebhooks.HeaderID), at, body)
	if err != nil || err2 != nil || s.Now().Sub(at).Abs() > 5*time.Minute ||
		subtle.ConstantTimeCompare([]byte(want), []byte(r.Header.Get(standardwebhooks.HeaderSignature))) != 1 {
		problem(w, http.StatusUnauthorized, "signature_invalid")
		return
	}
	var call struct {
		AppID string `json:"appId"`
		Code  string `json:"code"`
	}
	if json.Unmarshal(body, &call) != nil {
		problem(w, http.StatusBadRequest, "invalid_request")
		return
	}
	user, state := s.Take(call.AppID, "sms", call.Code)
	switch {
	case state == standin.Used:
		problem(w, http.StatusBadRequest, "code_used")
	case state != standin.Good:
		problem(w, http.StatusBadRequest, "invalid_code")
	case user == "blocked":
		problem(w, http.StatusForbidden, "user_blocked")
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"subject": standin.ID("custom", "", user), "phone": "+86" + standin.Phone(user),
		})
	}
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": "refused", "status": status, "code": code})
}

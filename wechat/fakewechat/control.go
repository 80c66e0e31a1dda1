package fakewechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/wugan/wugan/providers/standin"
)

// ControlHandler is the control side by JSON over HTTP; docs/en/fakewechat.md
// shows each call with curl. What is posted has to be application/json: a page
// in a browser cannot send that to another origin unasked, so none can steer a
// stand-in that listens on the loopback address. Unknown fields are refused,
// so that a mistyped one cannot pass for a fault that never strikes. Errors
// are {"error": "..."}.
func (s *Server) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	standin.Handle(mux, "GET /apps", func(*http.Request, *struct{}) (any, error) { return map[string]any{"apps": s.listApps()}, nil })
	standin.Handle(mux, "POST /apps", func(_ *http.Request, a *App) (any, error) {
		if a.ID == "" || a.Secret == "" {
			return nil, errors.New("id and secret are needed")
		}
		s.SetApp(*a)
		return a, nil
	})
	standin.Handle(mux, "POST /users", func(_ *http.Request, u *User) (any, error) {
		if u.Name == "" {
			return nil, errors.New("name is needed")
		}
		s.SetUser(*u)
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.user(u.Name), nil
	})
	standin.Handle(mux, "POST /login", func(_ *http.Request, who *who) (any, error) {
		code, err := s.Login(who.AppID, who.User)
		return map[string]any{"code": code, "openid": OpenID(who.AppID, who.User), "unionid": s.unionID(who)}, err
	})
	standin.Handle(mux, "POST /phone-code", func(_ *http.Request, who *who) (any, error) {
		code, err := s.PhoneCode(who.AppID, who.User)
		return map[string]any{"code": code}, err
	})
	standin.Handle(mux, "POST /encrypt", func(_ *http.Request, in *struct {
		who
		Payload json.RawMessage `json:"payload"`
	},
	) (any, error) {
		return s.Encrypt(in.AppID, in.User, in.Payload)
	})
	standin.Handle(mux, "POST /sign", func(_ *http.Request, in *struct {
		who
		RawData string `json:"rawData"`
	},
	) (any, error) {
		signature, err := s.Sign(in.AppID, in.User, in.RawData)
		return map[string]any{"signature": signature}, err
	})
	standin.Handle(mux, "POST /virtual-payment", func(_ *http.Request, in *struct {
		who
		SignData  string `json:"signData"`
		Signature string `json:"signature"`
	},
	) (any, error) {
		fits, err := s.VirtualPayment(in.AppID, in.User, in.SignData, in.Signature)
		return map[string]any{"valid": fits}, err
	})
	standin.Handle(mux, "POST /session-key/renew", func(_ *http.Request, who *who) (any, error) {
		return struct{}{}, s.RenewKey(who.AppID, who.User)
	})
	standin.Handle(mux, "POST /token/supersede", func(_ *http.Request, in *struct {
		AppID string `json:"appId"`
	},
	) (any, error) {
		return struct{}{}, s.SupersedeToken(in.AppID)
	})
	standin.Handle(mux, "GET /clock", func(*http.Request, *struct{}) (any, error) { return s.clock(), nil })
	standin.Handle(mux, "POST /clock", s.controlClock)
	standin.Handle(mux, "GET /calls", func(r *http.Request, _ *struct{}) (any, error) {
		calls := []Call{}
		for _, c := range s.Calls() {
			path, app := r.URL.Query().Get("path"), r.URL.Query().Get("appId")
			if (path == "" || path == c.Path) && (app == "" || app == c.AppID) {
				calls = append(calls, c)
			}
		}
		return map[string]any{"calls": calls}, nil
	})
	standin.Handle(mux, "DELETE /calls", func(*http.Request, *struct{}) (any, error) { s.ResetCalls(); return struct{}{}, nil })
	standin.Handle(mux, "GET /misuses", func(*http.Request, *struct{}) (any, error) {
		return map[string]any{"misuses": append([]string{}, s.Misuses()...)}, nil
	})
	standin.Handle(mux, "GET /faults", func(*http.Request, *struct{}) (any, error) { return map[string]any{"faults": s.Faults()}, nil })
	standin.Handle(mux, "POST /faults", func(_ *http.Request, in *faultJSON) (any, error) {
		f, err := in.fault()
		if err != nil {
			return nil, err
		}
		return map[string]any{"id": s.SetFault(f)}, nil
	})
	standin.Handle(mux, "DELETE /faults", func(*http.Request, *struct{}) (any, error) { s.ClearFaults(); return struct{}{}, nil })
	standin.Handle(mux, "DELETE /faults/{id}", func(r *http.Request, _ *struct{}) (any, error) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil || !s.ClearFault(id) {
			return nil, fmt.Errorf("there is no fault %s", r.PathValue("id"))
		}
		return struct{}{}, nil
	})
	standin.Handle(mux, "POST /refuse", func(r *http.Request, in *struct {
		Refuse bool `json:"refuse"`
	},
	) (any, error) {
		return struct{}{}, s.Refuse(r.Context(), in.Refuse)
	})
	standin.Handle(mux, "POST /push", func(r *http.Request, p *Push) (any, error) { return s.SendPush(r.Context(), *p) })
	standin.Handle(mux, "POST /push/verify-url", func(r *http.Request, in *struct {
		URL   string `json:"url"`
		Token string `json:"token"`
	},
	) (any, error) {
		return s.VerifyPushURL(r.Context(), in.URL, in.Token)
	})
	return mux
}

type who struct {
	AppID string `json:"appId"`
	User  string `json:"user"`
}

func (s *Server) listApps() []App {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]App, 0, len(s.apps))
	for _, a := range s.apps {
		out = append(out, a.App)
	}
	return out
}

func (s *Server) unionID(w *who) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[w.AppID]; a != nil {
		return UnionID(a.Platform, w.User)
	}
	return ""
}

func (s *Server) clock() any { return map[string]any{"now": s.Now().UTC().Format(time.RFC3339Nano)} }

func (s *Server) controlClock(_ *http.Request, in *struct {
	Move string `json:"move"`
	Set  string `json:"set"`
},
) (any, error) {
	switch {
	case in.Move != "" && in.Set == "":
		d, err := time.ParseDuration(in.Move)
		if err != nil {
			return nil, fmt.Errorf("move: %q is no duration such as 5m or -1h", in.Move)
		}
		s.MoveClock(d)
	case in.Set != "" && in.Move == "":
		t, err := time.Parse(time.RFC3339, in.Set)
		if err != nil {
			return nil, fmt.Errorf("set: %q is no time such as 2026-01-31T08:00:00Z", in.Set)
		}
		s.SetClock(t)
	default:
		return nil, errors.New("either move or set is needed")
	}
	return s.clock(), nil
}

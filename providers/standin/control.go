package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/wugan/wugan/providers"
)

// Kind says what the client on a user's phone asks the platform for.
type Kind string

// The kinds. Not every platform has each.
const (
	// Login is what logs the user in.
	Login Kind = "login"
	// PhoneNumber is what the phone button hands to the client.
	PhoneNumber Kind = "phone"
	// Guest is what a visitor without an account is handed in the place of Login.
	Guest Kind = "guest"
)

// ErrNotOffered is the error for what a platform does not have.
var ErrNotOffered = errors.New("the platform does not offer this")

// Server is the stand-in of one platform, as `wugan fake` and `wugan dev` run it. It
// may be used by many goroutines at once.
type Server interface {
	// Handler plays the platform's server API.
	Handler() http.Handler
	// NewApp adds an app with secrets and keys of its own and returns what the
	// settings say of it: a member whose name ends in File holds the content of
	// the file. base is the address under which Handler is served.
	NewApp(id, base string) (providers.App, error)
	// AddApp adds an app that has settings already, and returns them with this
	// base. The error says what was expected of the app and holds no secret.
	AddApp(app providers.App, base string) (providers.App, error)
	Coder

	SetFault(Fault)
	ClearFaults()
	Calls() []string
	Now() time.Time
	MoveClock(by time.Duration)
}

// Coder plays the clients on people's phones.
type Coder interface {
	// Code is what the client of a user in an app is handed by the platform. It
	// is ErrNotOffered for a kind that the platform does not have.
	Code(kind Kind, appID, user string) (string, error)
}

// Encrypter is a Coder whose platform hands encrypted data to the client.
type Encrypter interface {
	Encrypt(appID, user string, payload map[string]any) Encrypted
}

// Visited is a Coder whose platform has pages of its own in a browser.
type Visited interface {
	// SetUser says who sits before them.
	SetUser(name string)
}

// Pusher is a Server whose platform sends messages to the service unasked.
type Pusher interface {
	// PushTo sends what the service under this address needs before anybody can
	// log in.
	PushTo(ctx context.Context, base string) error
}

// who is a user in an app.
type who struct {
	AppID string `json:"appId"`
	User  string `json:"user"`
}

// HandleClients adds the calls that play the client on a user's phone: POST /login,
// /phone-code, /guest-code, /encrypt and /visitor. find returns the stand-in of an
// app.
func HandleClients(mux *http.ServeMux, find func(appID string) (Coder, bool)) {
	of := func(w who) (Coder, error) {
		server, ok := find(w.AppID)
		switch {
		case !ok:
			return nil, fmt.Errorf("no app %q", w.AppID)
		case w.User == "":
			return nil, errors.New("user is needed")
		}
		return server, nil
	}
	for path, kind := range map[string]Kind{"/login": Login, "/phone-code": PhoneNumber, "/guest-code": Guest} {
		Handle(mux, "POST "+path, func(_ *http.Request, in *who) (any, error) {
			server, err := of(*in)
			if err != nil {
				return nil, err
			}
			code, err := server.Code(kind, in.AppID, in.User)
			return map[string]string{"code": code}, err
		})
	}
	Handle(mux, "POST /encrypt", func(_ *http.Request, in *struct {
		who
		Payload map[string]any `json:"payload"`
	},
	) (any, error) {
		server, err := of(in.who)
		if err != nil {
			return nil, err
		}
		encrypter, ok := server.(Encrypter)
		if !ok {
			return nil, ErrNotOffered
		}
		if in.Payload == nil {
			return nil, errors.New("payload is needed, an object")
		}
		made := encrypter.Encrypt(in.AppID, in.User, in.Payload)
		return map[string]string{"encryptedData": made.Data, "iv": made.IV}, nil
	})
	Handle(mux, "POST /visitor", func(_ *http.Request, in *who) (any, error) {
		server, err := of(*in)
		if err != nil {
			return nil, err
		}
		visited, ok := server.(Visited)
		if !ok {
			return nil, ErrNotOffered
		}
		visited.SetUser(in.User)
		return struct{}{}, nil
	})
}

// Control is the control side of a stand-in by JSON over HTTP; docs/platforms.md
// shows each call. Errors are {"error": "..."}.
func Control(s Server, has func(appID string) bool) http.Handler {
	mux := http.NewServeMux()
	HandleClients(mux, func(appID string) (Coder, bool) { return s, has(appID) })
	Handle(mux, "POST /faults", func(_ *http.Request, in *struct {
		Path   string `json:"path"`
		Status int    `json:"status"`
		Body   string `json:"body"`
		Count  int    `json:"count"`
	},
	) (any, error) {
		if in.Status != 0 && (in.Status < 200 || in.Status > 599) || in.Count < 0 {
			return nil, errors.New("status is 200 to 599, or 0 to break the connection off; count is how often, 0 for always")
		}
		s.SetFault(Fault{Path: in.Path, Status: in.Status, Body: in.Body, Count: in.Count})
		return struct{}{}, nil
	})
	Handle(mux, "POST /push", func(r *http.Request, in *struct {
		URL string `json:"url"`
	},
	) (any, error) {
		pusher, ok := s.(Pusher)
		if !ok {
			return nil, ErrNotOffered
		}
		return struct{}{}, pusher.PushTo(r.Context(), in.URL)
	})
	Handle(mux, "DELETE /faults", func(*http.Request, *struct{}) (any, error) { s.ClearFaults(); return struct{}{}, nil })
	Handle(mux, "GET /calls", func(*http.Request, *struct{}) (any, error) {
		return map[string]any{"calls": append([]string{}, s.Calls()...)}, nil
	})
	now := func() any { return map[string]string{"now": s.Now().UTC().Format(time.RFC3339Nano)} }
	Handle(mux, "GET /clock", func(*http.Request, *struct{}) (any, error) { return now(), nil })
	Handle(mux, "POST /clock", func(_ *http.Request, in *struct {
		Move string `json:"move"`
	},
	) (any, error) {
		by, err := time.ParseDuration(in.Move)
		if err != nil {
			return nil, fmt.Errorf("move: %q is no duration such as 5m or -1h", in.Move)
		}
		s.MoveClock(by)
		return now(), nil
	})
	return mux
}

// Handle registers a call of a control side. The body of a POST is decoded into T and
// has to be application/json: a page in a browser cannot send that to another origin
// unasked, so none can steer a stand-in that listens on the loopback address. Unknown
// fields are refused, so that a mistyped one cannot pass for one that was understood.
func Handle[T any](mux *http.ServeMux, pattern string, f func(*http.Request, *T) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in T
		if r.Method == http.MethodPost {
			if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
				reply(w, http.StatusUnsupportedMediaType, map[string]string{"error": "the body has to be application/json (curl --json)"})
				return
			}
			d := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
			d.DisallowUnknownFields()
			err := d.Decode(&in)
			if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
				err = errors.New("expected nothing behind the object")
			}
			if err != nil {
				reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
				return
			}
		}
		out, err := f(r, &in)
		if err != nil {
			reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		reply(w, http.StatusOK, out)
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

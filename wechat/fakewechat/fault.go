package fakewechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Fault is something that goes wrong on the data side. Path and AppID say
// where, Count and Probability how often, After when, and the rest what; several
// of the rest may be given at once. Of several faults that fit, the oldest
// strikes.
//
// Delay, Errcode, Connection, a Status, and the bodies "html" and "empty" come
// before the request is processed, and then it is not (no code is used), but for
// a mere Delay; with After they come when it has been. All others bend the
// answer of a processed request.
type Fault struct {
	// ID is given by SetFault.
	ID int
	// Path is the call, such as "/sns/jscode2session"; "" for all.
	Path string
	// AppID is the app; "" for all.
	AppID string
	// Count is how often it strikes; 0 for ever.
	Count int
	// Probability is the share of fitting calls that it strikes, by the
	// server's seed; 0 for all of them.
	Probability float64
	// After lets the request be processed first: the code is used.
	After bool

	// Delay waits in real time, whatever the stand-in's clock says.
	Delay time.Duration
	// Errcode is answered.
	Errcode int
	// Connection breaks it: "close" or "reset" (RST). A server that does not
	// listen at all is [Server.Refuse].
	Connection string
	// Status is the HTTP status. Without a Body the body is a gateway's HTML.
	Status int
	// Body is "html" (502 unless Status says otherwise), "empty", "truncated"
	// (half the JSON, and nothing tells) or "cut" (the connection ends in the
	// middle of the body).
	Body string
	// ContentType replaces the response's.
	ContentType string
	// StringErrcode sends the errcode as a string, "0" where there was none.
	StringErrcode bool
	// UnknownFields adds fields that WeChat does not document.
	UnknownFields bool
	// Omit leaves fields out of a success: "openid", "session_key" …
	Omit []string
	// Supersede makes the app's access token invalid before the call.
	Supersede bool
}

type faultJSON struct {
	ID            int      `json:"id,omitempty"`
	Path          string   `json:"path,omitempty"`
	AppID         string   `json:"appId,omitempty"`
	Count         int      `json:"count,omitempty"`
	Probability   float64  `json:"probability,omitempty"`
	After         bool     `json:"after,omitempty"`
	Delay         string   `json:"delay,omitempty"`
	Errcode       int      `json:"errcode,omitempty"`
	Connection    string   `json:"connection,omitempty"`
	Status        int      `json:"status,omitempty"`
	Body          string   `json:"body,omitempty"`
	ContentType   string   `json:"contentType,omitempty"`
	StringErrcode bool     `json:"stringErrcode,omitempty"`
	UnknownFields bool     `json:"unknownFields,omitempty"`
	Omit          []string `json:"omit,omitempty"`
	Supersede     bool     `json:"supersede,omitempty"`
}

// MarshalJSON writes the delay as text, "150ms".
func (f Fault) MarshalJSON() ([]byte, error) {
	j := faultJSON{
		f.ID, f.Path, f.AppID, f.Count, f.Probability, f.After, "", f.Errcode, f.Connection,
		f.Status, f.Body, f.ContentType, f.StringErrcode, f.UnknownFields, f.Omit, f.Supersede,
	}
	if f.Delay != 0 {
		j.Delay = f.Delay.String()
	}
	return json.Marshal(j)
}

func (j faultJSON) fault() (Fault, error) {
	f := Fault{
		0, j.Path, j.AppID, j.Count, j.Probability, j.After, 0, j.Errcode, j.Connection,
		j.Status, j.Body, j.ContentType, j.StringErrcode, j.UnknownFields, j.Omit, j.Supersede,
	}
	if j.Delay != "" {
		d, err := time.ParseDuration(j.Delay)
		if err != nil {
			return Fault{}, fmt.Errorf("delay: %q is no duration such as 150ms", j.Delay)
		}
		f.Delay = d
	}
	return f, f.check()
}

func (f Fault) check() error {
	_, known := routes[f.Path]
	switch {
	case f.Path != "" && !known:
		return fmt.Errorf("path: there is no call %q", f.Path)
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("probability: %v is not between 0 and 1", f.Probability)
	case f.Count < 0 || f.Delay < 0:
		return errors.New("count and delay cannot be negative")
	case !slices.Contains([]string{"", "close", "reset"}, f.Connection):
		return fmt.Errorf(`connection: %q is neither "close" nor "reset"`, f.Connection)
	case !slices.Contains([]string{"", "html", "empty", "truncated", "cut"}, f.Body):
		return fmt.Errorf(`body: %q is none of "html", "empty", "truncated", "cut"`, f.Body)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status: %d is no final HTTP status", f.Status)
	}
	return nil
}

// SetFault adds a fault and returns its id. It panics on a fault that cannot be.
func (s *Server) SetFault(f Fault) int {
	if err := f.check(); err != nil {
		panic("fakewechat: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultID++
	f.ID = s.faultID
	s.faults = append(s.faults, &f)
	return f.ID
}

// Faults returns the faults that may still strike; of a Count, what is left.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		out[i] = *f
	}
	return out
}

// ClearFault removes a fault, and reports whether it was there.
func (s *Server) ClearFault(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.faults)
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return f.ID == id })
	return len(s.faults) < n
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike picks the fault for a call and counts it.
func (s *Server) strike(path, appID string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if (f.Path != "" && f.Path != path) || (f.AppID != "" && f.AppID != appID) {
			continue
		}
		if f.Probability > 0 && s.rng.Float64() >= f.Probability {
			continue
		}
		struck := *f
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return &struck
	}
	return nil
}

// bend changes a response.
func (f *Fault) bend(a *answer) {
	if f.Status != 0 {
		a.status = f.Status
	}
	if f.ContentType != "" {
		a.contentType = f.ContentType
	}
	if a.fields == nil {
		return
	}
	for _, name := range f.Omit {
		delete(a.fields, name)
	}
	if f.StringErrcode {
		a.fields["errcode"] = strconv.Itoa(errcodeOf(a.fields))
	}
	if f.UnknownFields {
		a.fields["future_field"] = map[string]any{"nested": []any{1, "two", nil}}
		a.fields["Errcode"] = 40029 // not errcode: names are exact
		a.fields["OPENID"] = "someone else"
	}
}

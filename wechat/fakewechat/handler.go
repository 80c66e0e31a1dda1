package fakewechat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Call is one request to the data side, as the log keeps it.
type Call struct {
	// Time is the stand-in's.
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// AppID is the app that the request named, or whose token it carried.
	AppID string `json:"appId,omitempty"`
	// User is whom it was about, where that is known.
	User string `json:"user,omitempty"`
	// Code is the js_code or the phone code.
	Code string `json:"code,omitempty"`
	// Errcode and Status are what was answered; a Status of 0 means that the
	// connection was broken instead.
	Errcode int `json:"errcode"`
	Status  int `json:"status"`
	// Fault is the id of the fault that struck, or 0.
	Fault int `json:"fault,omitempty"`
	// Processed is false where a fault answered instead of the call.
	Processed bool `json:"processed"`
}

// maxCalls bounds the log; older calls are forgotten.
const maxCalls = 10_000

// Calls returns the log, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// ResetCalls empties the log.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

func (s *Server) record(c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls) >= maxCalls {
		s.calls = append(s.calls[:0], s.calls[maxCalls/2:]...)
	}
	s.calls = append(s.calls, c)
}

// incoming is a request with what the checks need of it.
type incoming struct {
	method string
	query  url.Values
	body   map[string]any // nil where it is no JSON object
	empty  bool
	form   bool // its Content-Type is that of a form
	call   *Call
}

func (in incoming) field(name string) string {
	v, _ := in.body[name].(string)
	return v
}

// answer is what is sent back, before a fault has its way with it.
type answer struct {
	status      int
	contentType string
	fields      map[string]any
	raw         []byte // instead of fields
}

const (
	typeText = "text/plain"
	typeJSON = "application/json; encoding=utf-8"
	typeHTML = "text/html"
)

type route struct {
	contentType string
	post        bool
	serve       func(*Server, incoming) map[string]any
}

var routes = map[string]route{
	"/sns/jscode2session":              {typeText, false, (*Server).code2Session},
	"/cgi-bin/stable_token":            {typeJSON, true, (*Server).stableToken},
	"/wxa/business/getuserphonenumber": {typeJSON, true, (*Server).phoneNumber},
	"/wxa/checksession":                {typeJSON, false, (*Server).checkSession},
	"/wxa/resetusersessionkey":         {typeJSON, false, (*Server).resetSession},
}

// Handler is the data side: what stands at https://api.weixin.qq.com.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveData) }

func (s *Server) serveData(w http.ResponseWriter, r *http.Request) {
	if s.isRefusing() {
		cut(w, "close")
		return
	}
	rt, ok := routes[r.URL.Path]
	if !ok {
		write(w, page(http.StatusNotFound, "404 Not Found"), nil)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.refuse(w, "a query that is not well-formed, at "+r.URL.Path)
		return
	}
	for name, values := range query {
		if len(values) > 1 {
			s.refuse(w, fmt.Sprintf("the query parameter %q comes %d times, at %s", name, len(values), r.URL.Path))
			return
		}
	}
	if rt.post && r.ContentLength < 0 {
		// Chunked: the real service does not even look at it.
		s.record(Call{Time: s.Now(), Method: r.Method, Path: r.URL.Path, Status: http.StatusPreconditionFailed})
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the client has gone
	}
	call := Call{Time: s.Now(), Method: r.Method, Path: r.URL.Path, Status: http.StatusOK}
	in := incoming{method: r.Method, query: query, empty: len(bytes.TrimSpace(body)) == 0, call: &call}
	_ = json.Unmarshal(body, &in.body)
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	in.form = media == "application/x-www-form-urlencoded" || media == "multipart/form-data"
	call.AppID, call.Code = s.appOf(in), query.Get("js_code")
	if call.Code == "" {
		call.Code = in.field("code")
	}

	fault := s.strike(r.URL.Path, call.AppID)
	if fault != nil {
		call.Fault = fault.ID
		if fault.Supersede {
			_ = s.SupersedeToken(call.AppID)
		}
		if !fault.After && s.answerInstead(w, r, rt, fault, &call) {
			return
		}
	}
	var fields map[string]any
	if (r.Method == http.MethodPost) != rt.post {
		need, errcode := "GET", 43001
		if rt.post {
			need, errcode = "POST", 43002
		}
		fields = s.failure(errcode, "require "+need+" method")
	} else {
		fields = rt.serve(s, in)
	}
	call.Processed = true
	if fault != nil && fault.After && s.answerInstead(w, r, rt, fault, &call) {
		return
	}
	a := answer{status: http.StatusOK, contentType: rt.contentType, fields: fields}
	if fault != nil {
		fault.bend(&a)
	}
	call.Errcode, call.Status = errcodeOf(a.fields), a.status
	s.record(call)
	write(w, a, fault)
}

// answerInstead lets a fault answer in place of the call, and reports whether
// it did.
func (s *Server) answerInstead(w http.ResponseWriter, r *http.Request, rt route, f *Fault, call *Call) bool {
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			call.Status = 0
			s.record(*call)
			return true
		}
	}
	a := answer{status: http.StatusOK, contentType: rt.contentType}
	switch {
	case f.Connection != "":
		call.Status = 0
		s.record(*call)
		cut(w, f.Connection)
		return true
	case f.Errcode != 0:
		a.fields = s.failure(f.Errcode, message(f.Errcode))
	case f.Body == "html":
		a = page(http.StatusBadGateway, "502 Bad Gateway")
	case f.Body == "empty":
		a.raw = []byte{}
	case f.Status != 0 && f.Body == "":
		a = page(f.Status, fmt.Sprintf("%d %s", f.Status, http.StatusText(f.Status)))
	default:
		return false
	}
	f.bend(&a)
	call.Errcode, call.Status = errcodeOf(a.fields), a.status
	s.record(*call)
	write(w, a, f)
	return true
}

func (s *Server) refuse(w http.ResponseWriter, what string) {
	s.misuse(what)
	http.Error(w, "fakewechat: "+what, http.StatusInternalServerError)
}

// page is what a gateway in front of the service answers.
func page(status int, title string) answer {
	return answer{status: status, contentType: typeHTML, raw: fmt.Appendf(nil,
		"<html>\r\n<head><title>%[1]s</title></head>\r\n<body>\r\n<center><h1>%[1]s</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n", title)}
}

func write(w http.ResponseWriter, a answer, f *Fault) {
	body := a.raw
	if body == nil {
		body, _ = json.Marshal(a.fields) // text, numbers and maps of them
	}
	length := len(body)
	if f != nil && (f.Body == "truncated" || f.Body == "cut") {
		body = body[:length/2]
		if f.Body == "truncated" {
			length = len(body)
		}
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
	if length > len(body) {
		if fl, ok := w.(http.Flusher); ok {
			fl.Flush()
		}
		cut(w, "close")
	}
}

// cut breaks the connection without a response: "close" ends it, "reset" sends
// RST where the connection is TCP.
func cut(w http.ResponseWriter, how string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http closes the connection, without a log line
	}
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok && how == "reset" {
		_ = t.SetLinger(0)
	}
	_ = conn.Close()
}

func errcodeOf(fields map[string]any) int {
	switch v := fields["errcode"].(type) {
	case int:
		return v
	case string:
		n, _ := strconv.Atoi(v)
		return n
	}
	return 0
}

// appOf finds the app of a request without judging it.
func (s *Server) appOf(in incoming) string {
	if id := in.query.Get("appid"); id != "" {
		return id
	}
	if id := in.field("appid"); id != "" {
		return id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[in.query.Get("access_token")]; t != nil {
		return t.app
	}
	return ""
}

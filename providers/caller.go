package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

// API describes one call of a platform.
type API struct {
	// Name stands in errors, metrics and traces.
	Name   string
	Method string
	// Host is the platform's own, with the scheme; an app's APIURL takes its
	// place.
	Host string
	Path string
	// WithToken: the call carries an app token (see [Caller.CallWithToken]).
	WithToken bool
	// Once: the call consumes a code, so it must not be sent twice.
	Once bool
	// Judge interprets a response.
	Judge Judge
}

// Judge reports success or failure of a response that is a JSON object; body is the raw
// object. It returns nil for success, and otherwise an Error with Kind and, if there is
// one, Code; the caller sets the other fields. Code and Reason must not contain free text
// of the platform (see [CleanCode]).
//
// An unknown code is KindUnexpected. It is a response of a service that is up, so it
// neither blames the user nor opens the circuit. For the client it is an outage (503):
// otherwise a new code of the platform would log users out.
type Judge func(a API, f Fields, body []byte) *Error

// Request is one call to make.
type Request struct {
	API    API
	Query  url.Values
	Header http.Header
	Body   *Body
}

// Body is the body of a request.
type Body struct {
	Type string
	Data []byte
}

// JSON is a body of application/json. The value must be one that encodes.
func JSON(v any) *Body {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and structs of strings always encode
	}
	return &Body{"application/json", b}
}

// Form is a body of application/x-www-form-urlencoded.
func Form(values url.Values) *Body {
	return &Body{"application/x-www-form-urlencoded;charset=utf-8", []byte(values.Encode())}
}

// Config configures the clients of all platforms. All fields are optional.
type Config struct {
	// Transport carries the requests; nil for [NewTransport]'s. Do not give one
	// that records addresses, as tracing transports do: queries hold secrets.
	// Observe is for that.
	Transport http.RoundTripper
	// Around wraps the transport, whichever it is: for tracing that keeps
	// addresses, headers and bodies to itself. nil for nothing.
	Around func(http.RoundTripper) http.RoundTripper
	// Memory is where a platform's client keeps what it is handed between calls.
	// Platforms that need it cannot be used without.
	Memory Memory
	// Now is the clock of app tokens' lives, of signatures' timestamps and of
	// what Observe is told; nil for time.Now. Timeouts, pauses and circuits go
	// by the process's own clock.
	Now func() time.Time
	// Rand gives numbers in [0, 1) for jitter; nil for math/rand. It is
	// called by several goroutines at once.
	Rand func() float64
	// Observe is told of every exchange with a platform and of every call that
	// an open circuit refused. It is called by several goroutines at once and
	// must not block; nil for none.
	Observe func(Observation)
	// Timeout is what one method may take in all, repetitions and the app token
	// included; 0 for 5 s.
	Timeout time.Duration
	// BusyPause is the shortest pause before the one repetition of a call to a
	// platform that is busy; up to as much again is added at random. 0 for
	// 200 ms.
	BusyPause time.Duration
	// BreakerFailures is how many failures of one API in a row open its
	// circuit; 0 for 5. Half of at least 20 calls within a minute opens it too.
	BreakerFailures uint32
	// BreakerOpen is how long an open circuit waits before it lets one call
	// through to find out; 0 for 5 s.
	BreakerOpen time.Duration
}

// Observation is the result of one exchange.
type Observation struct {
	Provider, API string
	// Code is the platform's own; "0" where it named none.
	Code string
	// Outcome is "ok", "circuit_open", or a [Kind]'s name.
	Outcome string
	Took    time.Duration
}

// Caller calls one platform for one client. It is safe for use by many
// goroutines. Make one with [NewCaller].
type Caller struct {
	provider  string
	base      string // "" for each API's own host
	transport http.RoundTripper
	now       func() time.Time
	rand      func() float64
	observe   func(Observation)
	timeout   time.Duration
	busyPause time.Duration
	breakers  map[string]*breaker
}

// NewCaller returns a Caller for the APIs. base takes the place of their hosts
// unless it is "". The error names what is wrong and holds no secret.
func NewCaller(provider, base string, apis []API, cfg Config) (*Caller, error) {
	if base != "" {
		if err := CheckBase(base); err != nil {
			return nil, err
		}
	}
	c := &Caller{
		provider: provider, base: strings.TrimRight(base, "/"),
		transport: cfg.Transport, now: cfg.Now, rand: cfg.Rand, observe: cfg.Observe,
		timeout: cfg.Timeout, busyPause: cfg.BusyPause,
		breakers: make(map[string]*breaker, len(apis)),
	}
	if c.transport == nil {
		c.transport = NewTransport()
	}
	if cfg.Around != nil {
		c.transport = cfg.Around(c.transport)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.rand == nil {
		c.rand = rand.Float64
	}
	if c.observe == nil {
		c.observe = func(Observation) {}
	}
	if c.timeout <= 0 {
		c.timeout = 5 * time.Second
	}
	if c.busyPause <= 0 {
		c.busyPause = 200 * time.Millisecond
	}
	for _, a := range apis {
		c.breakers[a.Name] = newBreaker(a.Name, cfg.BreakerFailures, cfg.BreakerOpen)
	}
	return c, nil
}

// CheckBase returns an error if base is not an address of a host.
func CheckBase(base string) error {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" ||
		u.User != nil || strings.ContainsAny(base, "?#") { // an empty query or fragment too: paths are appended
		return errors.New("the API's address must be http(s)://host, without user name, query or fragment")
	}
	return nil
}

// Now is the clock of the Config.
func (c *Caller) Now() time.Time { return c.now() }

// maxAnswer bounds what is read of a response; real ones are under 2 KiB.
const maxAnswer = 64 << 10

// NewTransport speaks HTTP/1.1 alone, so that what is written twice and what
// is not has one set of rules.
func NewTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    2 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    256,
		MaxResponseHeaderBytes: 64 << 10,
		// Below the idle time of any gateway we know: a connection that the
		// other side closed while a code was being written costs a login.
		IdleConnTimeout: 15 * time.Second,
		Protocols:       http1(),
	}
}

func http1() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	return &p
}

// Call makes a call within the time budget, and once more after a pause if the
// platform is busy: that does not use a code up.
func (c *Caller) Call(ctx context.Context, r Request) (Fields, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	f, err := c.attempt(ctx, r)
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindBusy {
		return f, err
	}
	pause := c.busyPause + time.Duration(c.rand()*float64(c.busyPause))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
		return nil, err
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil, err
	case <-t.C:
	}
	f, again := c.attempt(ctx, r)
	if errors.Is(again, errCircuit) {
		return nil, err // the first response says more
	}
	return f, again
}

// attempt makes one exchange if the API's circuit allows it.
func (c *Caller) attempt(ctx context.Context, r Request) (Fields, error) {
	done, wait, err := c.breakers[r.API.Name].allow()
	if err != nil {
		c.observe(Observation{Provider: c.provider, API: r.API.Name, Code: noCode, Outcome: "circuit_open"})
		return nil, &Error{
			Provider: c.provider, API: r.API.Name, Kind: KindUnavailable, RetryAfter: wait,
			Reason: "the circuit is open after repeated failures", cause: errCircuit,
		}
	}
	start := c.now()
	f, failure := c.exchange(ctx, r)
	o := Observation{Provider: c.provider, API: r.API.Name, Code: noCode, Outcome: "ok", Took: c.now().Sub(start)}
	// Without this a nil *Error would become a non-nil error.
	if failure == nil {
		done(nil)
		c.observe(o)
		return f, nil
	}
	done(failure)
	if o.Outcome = failure.Kind.String(); failure.Code != "" {
		o.Code = failure.Code
	}
	c.observe(o)
	return nil, failure
}

// noCode is what observers are told where the platform named no code.
const noCode = "0"

// exchange writes one request and reads the response by its body: WeChat says
// text/plain for JSON, and most platforms 200 for errors.
func (c *Caller) exchange(ctx context.Context, r Request) (Fields, *Error) {
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return nil, &Error{Provider: c.provider, API: r.API.Name, Kind: KindUnexpected, Reason: "the request cannot be built"}
	}
	// The transport itself rather than http.Client: no redirect may carry the
	// secret elsewhere, and no *url.Error is made.
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, c.failed(ctx, r.API, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, c.failed(ctx, r.API, err)
	}
	return c.Read(r.API, res.StatusCode, body)
}

func (c *Caller) newRequest(ctx context.Context, r Request) (*http.Request, error) {
	host := c.base
	if host == "" {
		host = r.API.Host
	}
	address := host + r.API.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode() // session keys carry + / =, and a code could carry &secret=
	}
	var body io.Reader
	if r.Body != nil {
		// Of known length: WeChat answers 412 with an empty body to a chunked one.
		body = bytes.NewReader(r.Body.Data)
	}
	req, err := http.NewRequestWithContext(ctx, r.API.Method, address, body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "wugan")
	req.Header.Set("Accept", "application/json, text/plain")
	if r.Body != nil {
		req.Header.Set("Content-Type", r.Body.Type)
		return req, nil
	}
	if r.API.Once {
		// net/http writes a GET again, by itself, when a kept connection dies
		// before the response; the code may be used up by then, and the user
		// would be told so. It does that only for a request that has no body
		// or can get it again, so this one gets an empty body that cannot be
		// had twice. "identity" keeps it from being announced: on the wire
		// the request is an ordinary GET.
		req.Body = io.NopCloser(bytes.NewReader(nil))
		req.TransferEncoding = []string{"identity"}
	}
	return req, nil
}

// failed converts an error of the transport into an Error. It discards the message, which
// may quote the request or a proxy's response.
func (c *Caller) failed(ctx context.Context, a API, err error) *Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Provider: c.provider, API: a.Name, Kind: KindCanceled, Reason: "the caller went away", cause: context.Canceled}
	}
	e := &Error{Provider: c.provider, API: a.Name, Kind: KindUnavailable, RetryAfter: retryAfter(KindUnavailable), Reason: reason(err)}
	if ctx.Err() != nil {
		e.Reason, e.cause = "no answer in time", context.DeadlineExceeded
	}
	return e
}

func reason(err error) string {
	var (
		dns     *net.DNSError
		timeout interface{ Timeout() bool }
		op      *net.OpError
	)
	switch {
	case errors.As(err, &dns):
		return "the host name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed before the answer was complete"
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection"
	}
	return "the exchange failed"
}

// Read parses a response. It returns either Fields or an Error.
func (c *Caller) Read(a API, status int, body []byte) (Fields, *Error) {
	e := &Error{Provider: c.provider, API: a.Name, Kind: KindUnavailable, RetryAfter: retryAfter(KindUnavailable)}
	if status != http.StatusOK {
		e.Status = status
	}
	if len(body) > maxAnswer {
		e.Reason = "the answer is too long"
		return nil, e
	}
	var f Fields
	if json.Unmarshal(body, &f) != nil || f == nil {
		e.Reason = "the answer is not a JSON object"
		if status >= 400 && status < 500 {
			// Not an outage: 412 for a body without length, 404 for a wrong base URL.
			e.Kind = KindUnexpected
		}
		return nil, e
	}
	if judged := a.Judge(a, f, body); judged != nil {
		judged.Provider, judged.API, judged.Status = e.Provider, e.API, e.Status
		if judged.RetryAfter == 0 {
			judged.RetryAfter = retryAfter(judged.Kind)
		}
		return nil, judged
	}
	if status != http.StatusOK {
		if status < 500 {
			e.Kind = KindUnexpected
		}
		e.Reason = "a success by the body and not by the status"
		return nil, e
	}
	return f, nil
}

// Refuse returns the error of a call that was not made or whose response is not
// plausible. what must not contain text of the platform.
func (c *Caller) Refuse(a API, kind Kind, what string) *Error {
	return &Error{Provider: c.provider, API: a.Name, Kind: kind, RetryAfter: retryAfter(kind), Reason: what}
}

// Lacks returns the error of a successful response without a required field.
func (c *Caller) Lacks(a API, what string) *Error {
	return c.Refuse(a, KindUnexpected, "a success without "+what)
}

// MaxCode is far above the length of the codes that platforms hand out, and far
// below what would make a long address.
const MaxCode = 256

// CheckCode returns an error for a string that cannot be a code of the platform. It makes
// no call, which would count against the app's quota.
func (c *Caller) CheckCode(a API, code string) error {
	ok := code != "" && utf8.ValidString(code) && utf8.RuneCountInString(code) <= MaxCode &&
		!strings.ContainsFunc(code, func(r rune) bool { return !unicode.IsPrint(r) })
	if !ok {
		return c.Refuse(a, KindInvalidCode, "a code is 1 to 256 printable characters")
	}
	return nil
}

// PlausibleID reports whether a string can be stored as a subject, a unionid or a session
// key. Real ones have 24 to 64 characters; the limit is 128.
func PlausibleID(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

var codeForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// CleanCode returns a platform's code if it has the form of one, and otherwise "other": a
// free text may repeat the request.
func CleanCode(code string) string {
	if codeForm.MatchString(code) {
		return code
	}
	return "other"
}

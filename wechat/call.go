package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"syscall"
	"time"
)

// api is one call of WeChat's, with what may be done with it.
type api struct {
	name   string
	method string
	path   string
	// withToken: the call carries an access token.
	withToken bool
	// once: the call uses something up, so it must not be written twice.
	once bool
}

var (
	apiCodeToSession = api{name: "jscode2session", method: http.MethodGet, path: "/sns/jscode2session", once: true}
	apiStableToken   = api{name: "stable_token", method: http.MethodPost, path: "/cgi-bin/stable_token"}
	apiPhoneNumber   = api{name: "getuserphonenumber", method: http.MethodPost, path: "/wxa/business/getuserphonenumber", withToken: true, once: true}
	apiCheckSession  = api{name: "checksession", method: http.MethodGet, path: "/wxa/checksession", withToken: true}
	apiResetSession  = api{name: "resetusersessionkey", method: http.MethodGet, path: "/wxa/resetusersessionkey", withToken: true, once: true}

	apis = []api{apiCodeToSession, apiStableToken, apiPhoneNumber, apiCheckSession, apiResetSession}
)

type request struct {
	api   api
	query url.Values
	body  map[string]any // for a POST
}

// maxAnswer bounds what is read of an answer; real ones are under 2 KiB.
const maxAnswer = 64 << 10

// newTransport speaks HTTP/1.1 alone, so that what is written twice and what
// is not has one set of rules (see exchange).
func newTransport() http.RoundTripper {
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

// call makes a call, and once more after a pause if WeChat is busy (-1): the
// documentation asks for that, and the code is not used up by it.
func (c *Client) call(ctx context.Context, r request) (fields, error) {
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
		return nil, err // the first answer says more
	}
	return f, again
}

// attempt makes one exchange if the API's circuit allows it.
func (c *Client) attempt(ctx context.Context, r request) (fields, error) {
	done, wait, err := c.breakers[r.api.name].allow()
	if err != nil {
		c.observe(r.api.name, 0, "circuit_open", 0)
		return nil, &Error{
			API: r.api.name, Kind: KindUnavailable, RetryAfter: wait,
			Reason: "the circuit is open after repeated failures", cause: errCircuit,
		}
	}
	start := c.now()
	f, failure := c.exchange(ctx, r)
	// Without this a nil *Error would become a non-nil error.
	if failure == nil {
		done(nil)
		c.observe(r.api.name, 0, "ok", c.now().Sub(start))
		return f, nil
	}
	done(failure)
	c.observe(r.api.name, failure.Code, failure.Kind.String(), c.now().Sub(start))
	return nil, failure
}

// exchange writes one request and reads the answer by its body: WeChat says
// text/plain for JSON, and 200 for errors.
func (c *Client) exchange(ctx context.Context, r request) (fields, *Error) {
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return nil, &Error{API: r.api.name, Kind: KindUnexpected, Reason: "the request cannot be built"}
	}
	// The transport itself rather than http.Client: no redirect may carry the
	// secret elsewhere, and no *url.Error is made.
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, c.failed(ctx, r.api, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, c.failed(ctx, r.api, err)
	}
	return parse(r.api, res.StatusCode, body)
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	address := c.base + r.api.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode() // session keys carry + / =, and a code could carry &secret=
	}
	var body io.Reader
	if r.api.method == http.MethodPost {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		// Of known length: WeChat answers 412 with an empty body to a chunked one.
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.api.method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "wugan")
	req.Header.Set("Accept", "application/json, text/plain")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	} else if r.api.once {
		// net/http writes a GET again, by itself, when a kept connection dies
		// before the answer; the code may be used up by then, and the user
		// would be told so. It does that only for a request that has no body
		// or can get it again, so this one gets an empty body that cannot be
		// had twice. "identity" keeps it from being announced: on the wire
		// the request is an ordinary GET.
		req.Body = io.NopCloser(bytes.NewReader(nil))
		req.TransferEncoding = []string{"identity"}
	}
	return req, nil
}

// failed turns an error of the transport into one of ours. Of its text nothing
// is kept: it may quote what was sent or what a proxy sent back.
func (c *Client) failed(ctx context.Context, a api, err error) *Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{API: a.name, Kind: KindCanceled, Reason: "the caller went away", cause: context.Canceled}
	}
	e := &Error{API: a.name, Kind: KindUnavailable, RetryAfter: retryAfter(KindUnavailable), Reason: reason(err)}
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

// parse reads an answer. It never returns both.
func parse(a api, status int, body []byte) (fields, *Error) {
	e := &Error{API: a.name, Kind: KindUnavailable, RetryAfter: retryAfter(KindUnavailable)}
	if status != http.StatusOK {
		e.Status = status
	}
	if len(body) > maxAnswer {
		e.Reason = "the answer is too long"
		return nil, e
	}
	var f fields
	if json.Unmarshal(body, &f) != nil || f == nil {
		e.Reason = "the answer is not a JSON object"
		if status >= 400 && status < 500 {
			// Not an outage: 412 for a body without length, 404 for a wrong base URL.
			e.Kind = KindUnexpected
		}
		return nil, e
	}
	code, ok := f.errcode()
	if !ok {
		e.Kind, e.Reason = KindUnexpected, "the errcode is not a number"
		return nil, e
	}
	if code != 0 {
		e.Code, e.Kind = code, classify(a, code)
		e.RetryAfter = retryAfter(e.Kind)
		e.RequestID = first(ridPattern, f.text("errmsg"))
		if code == 40164 {
			// The operator needs to know which address to allow.
			if ip, err := netip.ParseAddr(first(ipPattern, f.text("errmsg"))); err == nil {
				e.Reason = "the address " + ip.String() + " is not on the app's list"
			}
		}
		return nil, e
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

// Only these shapes are taken out of an errmsg, whose tails vary and whose text
// is nobody's promise.
var (
	ridPattern = regexp.MustCompile(`\brid: ?([0-9a-f]{8}-[0-9a-f]{6,8}-[0-9a-f]{6,8})\b`)
	ipPattern  = regexp.MustCompile(`\binvalid ip ([0-9A-Fa-f.:]{2,45})`)
)

func first(p *regexp.Regexp, s string) string {
	if m := p.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

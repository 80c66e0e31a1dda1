// Package gateway is a reverse proxy for teams that have no gateway. It stands
// between the mini program and a back end, verifies the access token, adds headers
// with the user's identity, and forwards the request.
//
// It owns the mapping of paths to upstreams, the public paths, the headers that an
// upstream receives and those that a caller cannot set, and the errors of a failing
// upstream. It does not own token verification (auth/verify) or the form of error
// responses (the caller's OnError). It has no load balancing, retries or caching.
//
// It forwards requests with net/http/httputil.ReverseProxy.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wugan/wugan/auth/verify"
)

// Verifier verifies the access token of a request, including whether its session
// was revoked. *verify.Verifier implements it. Its errors are those of
// verify.Verifier.VerifyRequest.
type Verifier interface {
	VerifyRequest(r *http.Request) (*verify.Claims, error)
}

// Upstream is a back end and the path that it serves.
type Upstream struct {
	// Path begins and ends with "/". It matches itself, itself without the last
	// "/", and everything below it.
	Path string
	// Target is where requests are sent: scheme (http or https), host and port.
	// The path of the request is kept as it is.
	Target *url.URL
}

// DefaultTimeout is how long an upstream may take until its response begins.
const DefaultTimeout = 60 * time.Second

// flushWithin is how long a piece of a response of known length may wait for the
// next one. Streams, whose length is not known, are passed on at once by
// ReverseProxy itself. To do so with every response would cost each of them one
// more write, for its header alone.
const flushWithin = 50 * time.Millisecond

// Config configures a Gateway. Upstreams, Verifier, OnError and Log are required.
type Config struct {
	Upstreams []Upstream
	// Public lists paths that need no token. A path that ends with "/" matches
	// everything below it; any other path matches only itself.
	Public   []string
	Verifier Verifier
	// OnError writes the response to a request that was refused, or whose
	// upstream failed. The error is one of auth/verify or of this package.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
	// Timeout is how long an upstream may take until its response begins, once
	// the request was sent; 0: DefaultTimeout. A response that has begun has no
	// time limit.
	Timeout time.Duration
	// Idle is how long a client or an upstream may stall while a byte is due;
	// 0: DefaultTimeout.
	Idle time.Duration
	// TrustedProxies are the networks whose X-Forwarded-* headers are kept.
	TrustedProxies []netip.Prefix
	Log            *slog.Logger
}

// Gateway forwards requests to upstreams. It is safe for concurrent use.
type Gateway struct {
	routes   []route // longest path first
	public   []string
	verifier Verifier
	onError  func(w http.ResponseWriter, r *http.Request, err error)
	idle     time.Duration
	trusted  []netip.Prefix
}

type route struct {
	path  string
	proxy *httputil.ReverseProxy
}

// New returns a Gateway. The error names the invalid upstream or path.
func New(c Config) (*Gateway, error) {
	if len(c.Upstreams) == 0 || c.Verifier == nil || c.OnError == nil || c.Log == nil {
		return nil, errors.New("gateway: Upstreams, Verifier, OnError and Log are needed")
	}
	if err := errors.Join(CheckUpstreams(c.Upstreams), CheckPublic(c.Public)); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Idle == 0 {
		c.Idle = DefaultTimeout
	}
	g := &Gateway{verifier: c.Verifier, onError: c.OnError, idle: c.Idle, trusted: c.TrustedProxies, public: slices.Clone(c.Public)}
	transport := newTransport(c.Timeout, c.Idle)
	buffers := newBuffers()
	for _, u := range c.Upstreams {
		g.routes = append(g.routes, route{u.Path, &httputil.ReverseProxy{
			Rewrite:        g.rewriter(u.Target),
			Transport:      transport,
			FlushInterval:  flushWithin,
			BufferPool:     buffers,
			ErrorLog:       log.New(logWriter{c.Log}, "", 0),
			ModifyResponse: settle,
			ErrorHandler:   g.fail,
		}})
	}
	slices.SortFunc(g.routes, func(a, b route) int { return len(b.path) - len(a.path) })
	return g, nil
}

// logWriter receives the log of ReverseProxy about interrupted copies, mostly of
// clients that have closed the connection.
type logWriter struct{ log *slog.Logger }

func (l logWriter) Write(p []byte) (int, error) {
	l.log.Debug("gateway", slog.String("event", strings.TrimSpace(string(p))))
	return len(p), nil
}

// exchange is the state of one forwarded request.
type exchange struct {
	in        *http.Request
	claims    *verify.Claims // nil: anonymous
	requestID string
	outer     http.Header // what those around the gateway have set on the response
	body      *requestBody
	webSocket string // the key of a WebSocket's handshake; "": it is none
}

type exchangeKey struct{}

// Route returns the longest upstream path that matches a request's path, and
// reports whether there is one.
func (g *Gateway) Route(path string) (string, bool) {
	if i := g.find(path); i >= 0 {
		return g.routes[i].path, true
	}
	return "", false
}

// ServeHTTP verifies a request and forwards it. For a path of no upstream it calls
// OnError with ErrNoUpstream.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i := g.find(r.URL.Path)
	if i < 0 {
		g.refuse(w, r, ErrNoUpstream)
		return
	}
	if !passes(r.Method) {
		w.Header().Set("Allow", allowed)
		g.refuse(w, r, ErrMethod)
		return
	}
	if !straight(r.URL.Path) {
		g.refuse(w, r, ErrPath)
		return
	}
	claims, err := g.verifier.VerifyRequest(r)
	if err != nil {
		if !g.isPublic(r.URL) {
			g.refuse(w, r, err)
			return
		}
		claims = nil
	}
	if w.Header().Get("X-Request-Id") == "" {
		w.Header().Set("X-Request-Id", rand.Text())
	}
	x := &exchange{claims: claims, requestID: w.Header().Get("X-Request-Id"), outer: w.Header().Clone()}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	x.webSocket = limitUpgrade(r)
	x.in, x.body = r, newRequestBody(w, r, g.idle)
	r.Body = x.body
	g.routes[i].proxy.ServeHTTP(newAnswerWriter(w, x.outer, g.idle), r)
}

// rewriter returns a function that prepares the request to an upstream.
func (g *Gateway) rewriter(target *url.URL) func(*httputil.ProxyRequest) {
	return func(p *httputil.ProxyRequest) {
		x, _ := p.In.Context().Value(exchangeKey{}).(*exchange)
		out := p.Out
		out.URL.Scheme, out.URL.Host = target.Scheme, target.Host
		// ReverseProxy drops parameters that it cannot parse, for gateways that
		// decide by them. This one does not look at the query.
		out.URL.RawQuery = p.In.URL.RawQuery
		out.Host = p.In.Host
		identify(out.Header, x.claims)
		g.forwarded(p)
		out.Header.Set("X-Request-Id", x.requestID)
		if x.claims != nil {
			// The upstream receives the identity. With the token it could act as
			// the user, here and at every other service.
			out.Header.Del("Authorization")
		}
		x.body.sendTrailers(p.In, out)
	}
}

// refuse writes the response to a refused request. It reads the rest of an upload,
// up to a limit: a client that is still sending when the connection closes gets a
// connection error instead of the 401 that makes it refresh.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, err error) {
	drain(w, r, g.idle)
	g.onError(w, r, err)
}

// fail writes the response to a request whose upstream failed.
func (g *Gateway) fail(w http.ResponseWriter, out *http.Request, err error) {
	in := out
	if x, ok := out.Context().Value(exchangeKey{}).(*exchange); ok {
		in = x.in
		if failure := x.body.failure.Load(); failure != nil {
			err = failure
		}
	}
	g.onError(w, in, upstreamError(in, err))
}

// settle removes headers of an upstream that the server has set itself, such as the
// request id and CORS: a duplicate header would be invalid.
func settle(res *http.Response) error {
	x, ok := res.Request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil
	}
	if res.StatusCode == http.StatusSwitchingProtocols && !acceptsWebSocket(res.Header, x.webSocket) {
		return errNoWebSocket
	}
	settleCORS(x.outer, res.Header)
	for name := range x.outer {
		if name != "Vary" && name != exposeHeaders { // lists, to which both add
			res.Header.Del(name)
		}
	}
	return nil
}

// Headers of the Fetch standard's CORS protocol.
const (
	allowOrigin      = "Access-Control-Allow-Origin"
	allowCredentials = "Access-Control-Allow-Credentials"
	exposeHeaders    = "Access-Control-Expose-Headers"
)

// settleCORS merges an upstream's CORS headers with those of the server. It keeps
// the exposed headers, and the permission to send cookies only for the origin to
// which the application granted it. If the server sets the allowed origins, they
// replace those of the upstream.
func settleCORS(outer, inner http.Header) {
	origin := outer.Get(allowOrigin)
	if origin != "" && inner.Get(allowOrigin) != origin {
		inner.Del(allowCredentials)
	}
}

// Package apicheck compares the responses of a server with an OpenAPI document, in tests.
//
// It owns the comparison: path, method, status, headers, content type and body of every response that passes through
// its [Checker.Transport], plus what the contract promises and OpenAPI cannot say (a problem document repeats the status and
// the request id; a refused token is told apart from a missing one in WWW-Authenticate). It refuses to know what any answer
// means, and it is imported by tests only: the validator behind it has no place in the server.
//
// Requests are not judged unless [StrictRequests] is given: most tests of a server send bad requests on purpose.
package apicheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// TB is what a Checker needs of a test; *testing.T, *testing.B and *testing.F have it.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Option changes what a Checker looks at.
type Option func(*Checker)

// StrictRequests also holds those requests against the document that were answered with 2xx: what the server accepts, the
// document must allow. Bodies are read into memory for it.
func StrictRequests() Option { return func(c *Checker) { c.strictRequests = true } }

// Outside names paths, each with all below it, that are no part of the document (an upstream behind the gateway, the
// playground). Answers there pass unlooked at.
func Outside(prefixes ...string) Option {
	return func(c *Checker) { c.outside = append(c.outside, prefixes...) }
}

// AllowHeaders names answer headers that may come without being documented, beyond those of HTTP's own machinery and CORS.
func AllowHeaders(names ...string) Option {
	return func(c *Checker) {
		for _, n := range names {
			c.allowed[http.CanonicalHeaderKey(n)] = true
		}
	}
}

// Checker compares answers with one document. It is safe for concurrent use, as long as the test that it was made for runs.
type Checker struct {
	t              TB
	doc            *openapi3.T
	router         routers.Router
	strictRequests bool
	outside        []string
	allowed        map[string]bool

	mu   sync.Mutex
	seen map[string]bool
}

// New reads the document and fails the test at once when it is not a valid one, its examples included.
func New(t TB, spec []byte, opts ...Option) *Checker {
	t.Helper()
	d, err := load(spec)
	if err != nil {
		t.Fatalf("apicheck: %v", err)
		return nil
	}
	c := &Checker{t: t, doc: d.doc, router: d.router, seen: map[string]bool{}, allowed: map[string]bool{}}
	AllowHeaders(
		"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Keep-Alive", "Trailer",
		"Transfer-Encoding", "Upgrade", "Vary",
		// Harmless on any answer, and set by middleware for all of them.
		"Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
	)(c)
	for _, o := range opts {
		o(c)
	}
	return c
}

// document is one that was read and found valid. Nothing changes it afterwards, so checkers share it.
type document struct {
	doc    *openapi3.T
	router routers.Router
}

// loaded keeps documents by their text: reading one takes a good part of a second under the race detector, and a suite makes a
// Checker for every test.
var loaded sync.Map

func load(spec []byte) (document, error) {
	if d, ok := loaded.Load(string(spec)); ok {
		return d.(document), nil
	}
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return document{}, fmt.Errorf("the document cannot be read: %w", err)
	}
	if err = doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return document{}, fmt.Errorf("the document is not valid: %w", err)
	}
	doc.Servers = nil // tests serve on addresses of their own
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return document{}, fmt.Errorf("the document's paths cannot be routed: %w", err)
	}
	d := document{doc: doc, router: router}
	loaded.Store(string(spec), d)
	return d, nil
}

// Transport passes requests on to next (http.DefaultTransport when nil) and reports every deviation of the response as a test
// error. Request and response reach the other side unchanged; the response's body has been read to its end.
func (c *Checker) Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if c.isOutside(req.URL.Path) {
			return next.RoundTrip(req)
		}
		var sent []byte
		if c.strictRequests && req.Body != nil && req.Body != http.NoBody {
			var err error
			sent, err = io.ReadAll(req.Body)
			if closeErr := req.Body.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				return nil, fmt.Errorf("apicheck: read the request's body: %w", err)
			}
			req = req.Clone(req.Context()) // a RoundTripper may not change the caller's request
			req.Body = io.NopCloser(bytes.NewReader(sent))
		}
		res, err := next.RoundTrip(req)
		if err != nil {
			return res, err
		}
		got, err := io.ReadAll(res.Body)
		if closeErr := res.Body.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, fmt.Errorf("apicheck: read the answer's body: %w", err)
		}
		res.Body = io.NopCloser(bytes.NewReader(got))
		for _, fault := range c.compare(req, sent, res, got) {
			c.t.Errorf("apicheck: %s %s answered %d: %s", req.Method, req.URL.Path, res.StatusCode, fault)
		}
		return res, nil
	})
}

// Unseen lists what the document promises and no response has shown yet, as "GET /healthz 200", sorted. A suite that ends by
// requiring it to be empty, but for a list with reasons, proves the document in the other direction.
func (c *Checker) Unseen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for path, item := range c.doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status := range op.Responses.Map() {
				if key := method + " " + path + " " + status; !c.seen[key] {
					out = append(out, key)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (c *Checker) isOutside(path string) bool {
	return slices.ContainsFunc(c.outside, func(p string) bool {
		p = strings.TrimSuffix(p, "/")
		return path == p || strings.HasPrefix(path, p+"/")
	})
}

// compare returns every way in which the response differs from the document.
func (c *Checker) compare(req *http.Request, sent []byte, res *http.Response, got []byte) []string {
	route, params, documented, fault := c.find(req, res)
	if fault != "" {
		return []string{fault}
	}
	faults := c.compareHeaders(documented, res.Header)
	faults = append(faults, c.compareBody(req, res, got, route, params, documented)...)
	faults = append(faults, compareProblem(res, got)...)
	if c.strictRequests && route != nil && res.StatusCode/100 == 2 {
		if err := checkRequest(req, sent, route, params); err != nil {
			faults = append(faults, "it accepted a request that the document does not allow: "+err.Error())
		}
	}
	return faults
}

// find looks up the response object for a response. route is nil where the response belongs to no operation: an unknown path
// (404), an unknown method (405), a preflight.
func (c *Checker) find(req *http.Request, res *http.Response) (route *routers.Route, params map[string]string, doc *openapi3.Response, fault string) {
	req = c.standsFor(req)
	route, params, err := c.router.FindRoute(lookup(req, req.Method))
	if errors.Is(err, routers.ErrMethodNotAllowed) && req.Method == http.MethodHead && res.StatusCode != http.StatusMethodNotAllowed {
		// RFC 9110 section 9.3.2: HEAD answers what GET would.
		route, params, err = c.router.FindRoute(lookup(req, http.MethodGet))
	}
	switch {
	case err == nil:
	case errors.Is(err, routers.ErrPathNotFound) && req.Method == http.MethodOptions && res.StatusCode == http.StatusNoContent:
		return c.general("undocumented path", res, "Done") // a preflight is answered before there are paths
	case errors.Is(err, routers.ErrPathNotFound):
		return c.general("undocumented path", res, "NotFound", "BodyTooLarge")
	case errors.Is(err, routers.ErrMethodNotAllowed) && req.Method == http.MethodOptions && res.StatusCode == http.StatusNoContent:
		return c.general("undocumented method", res, "Done")
	case errors.Is(err, routers.ErrMethodNotAllowed):
		return c.general("undocumented method", res, "MethodNotAllowed", "BodyTooLarge")
	default:
		return nil, nil, nil, "no operation found: " + err.Error()
	}
	ref := route.Operation.Responses.Status(res.StatusCode)
	if ref == nil || ref.Value == nil {
		return nil, nil, nil, fmt.Sprintf("undocumented status; %s %s documents %s", route.Method, route.Path,
			strings.Join(slices.Sorted(maps.Keys(route.Operation.Responses.Map())), ", "))
	}
	c.mu.Lock()
	c.seen[fmt.Sprintf("%s %s %d", route.Method, route.Path, res.StatusCode)] = true
	c.mu.Unlock()
	return route, params, ref.Value, ""
}

// general finds the reusable response that a response without an operation must be.
func (c *Checker) general(what string, res *http.Response, names ...string) (*routers.Route, map[string]string, *openapi3.Response, string) {
	statuses := map[string]int{"Done": 204, "NotFound": 404, "MethodNotAllowed": 405, "BodyTooLarge": 413}
	for _, name := range names {
		if statuses[name] != res.StatusCode {
			continue
		}
		if ref := c.doc.Components.Responses[name]; ref != nil && ref.Value != nil {
			return nil, nil, ref.Value, ""
		}
		return nil, nil, nil, what + ", and the document has no components.responses." + name
	}
	return nil, nil, nil, what
}

func (c *Checker) compareHeaders(doc *openapi3.Response, got http.Header) []string {
	var faults []string
	documented := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(doc.Headers)) {
		documented[http.CanonicalHeaderKey(name)] = true
		header := doc.Headers[name].Value
		values := got.Values(name)
		switch {
		case len(values) == 0 && header.Required:
			faults = append(faults, fmt.Sprintf("header %s is missing", name))
		case len(values) > 1:
			faults = append(faults, fmt.Sprintf("header %s came %d times", name, len(values)))
		case len(values) == 1:
			if err := visitHeader(header.Schema.Value, values[0]); err != nil {
				faults = append(faults, fmt.Sprintf("header %s: %v", name, err))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if !documented[name] && !c.allowed[name] && !strings.HasPrefix(name, "Access-Control-") && name != "Allow" {
			faults = append(faults, fmt.Sprintf("header %s is not documented", name))
		}
	}
	return faults
}

func visitHeader(schema *openapi3.Schema, value string) error {
	var v any = value
	if schema.Type.Is("integer") {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return errors.New("is not an integer")
		}
		v = float64(n)
	}
	return schema.VisitJSON(v, openapi3.SetSchemaErrorMessageCustomizer(withoutValue))
}

func (c *Checker) compareBody(req *http.Request, res *http.Response, got []byte, route *routers.Route, params map[string]string, doc *openapi3.Response) []string {
	contentType := res.Header.Get("Content-Type")
	if req.Method == http.MethodHead || res.StatusCode == http.StatusNotModified {
		if len(got) > 0 {
			return []string{"it has a body where HTTP allows none"}
		}
		return nil
	}
	if len(doc.Content) == 0 {
		var faults []string
		if len(got) > 0 {
			faults = append(faults, "it has a body that is not documented")
		}
		if contentType != "" {
			faults = append(faults, fmt.Sprintf("it has the content type %q and no body", contentType))
		}
		return faults
	}
	if doc.Content.Get(contentType) == nil {
		return []string{fmt.Sprintf("content type %q is not documented (%s)", contentType, strings.Join(slices.Sorted(maps.Keys(doc.Content)), ", "))}
	}
	if route == nil {
		route = &routers.Route{Spec: c.doc, Method: http.MethodGet}
	}
	// The validator passes over headers here: they were compared above, with repetitions and for every status.
	bare := *doc
	bare.Headers = nil
	alone := *route
	alone.Operation = &openapi3.Operation{Responses: openapi3.NewResponses(openapi3.WithStatus(res.StatusCode, &openapi3.ResponseRef{Value: &bare}))}
	options := &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	options.WithCustomSchemaErrorFunc(withoutValue)
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: &alone, Options: options},
		Status:                 res.StatusCode,
		Header:                 res.Header,
		Options:                options,
	}
	input.SetBodyBytes(got)
	if err := openapi3filter.ValidateResponse(req.Context(), input); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// compareProblem checks what ties a problem document to the response around it, which OpenAPI has no words for.
func compareProblem(res *http.Response, got []byte) []string {
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") || len(got) == 0 {
		return nil
	}
	var problem struct {
		Status    int    `json:"status"`
		Code      string `json:"code"`
		RequestID string `json:"requestId"`
	}
	if err := json.Unmarshal(got, &problem); err != nil {
		return []string{"the problem document is not JSON: " + err.Error()}
	}
	var faults []string
	if problem.Status != res.StatusCode {
		faults = append(faults, fmt.Sprintf("the problem document says status %d", problem.Status))
	}
	if problem.RequestID != res.Header.Get("X-Request-Id") {
		faults = append(faults, "the problem document's requestId is not that of X-Request-Id")
	}
	challenge := res.Header.Get("WWW-Authenticate")
	switch {
	case res.StatusCode != http.StatusUnauthorized:
	case problem.Code == "token_missing":
		// RFC 6750 section 3.1: a request without credentials is not told an error code.
		if strings.Contains(challenge, "error=") {
			faults = append(faults, "WWW-Authenticate names an error although no token was sent")
		}
	case !strings.Contains(challenge, `error="invalid_token"`):
		faults = append(faults, `WWW-Authenticate lacks error="invalid_token"`)
	}
	return faults
}

func checkRequest(req *http.Request, sent []byte, route *routers.Route, params map[string]string) error {
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(bytes.NewReader(sent))
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true}
	options.WithCustomSchemaErrorFunc(withoutValue)
	return openapi3filter.ValidateRequest(req.Context(), &openapi3filter.RequestValidationInput{
		Request: again, PathParams: params, Route: route, Options: options,
	})
}

// withoutValue describes a schema error by place and reason, without the value: it may be a token, and test logs are kept.
func withoutValue(err *openapi3.SchemaError) string {
	if err.Origin != nil {
		return err.Origin.Error()
	}
	reason := err.Reason
	if reason == "" {
		reason = "does not fit " + err.SchemaField
	}
	if pointer := err.JSONPointer(); len(pointer) > 0 {
		return "/" + strings.Join(pointer, "/") + ": " + reason
	}
	return reason
}

// lookup is the least of a request that a router needs; a client's request lacks what a server's has.
// standsFor finds the documented path for one that is below it, where the document says x-below: OpenAPI has no parameter
// that takes slashes.
func (c *Checker) standsFor(req *http.Request) *http.Request {
	for path, item := range c.doc.Paths.Map() {
		if item.Extensions["x-below"] == true && strings.HasPrefix(req.URL.Path, path+"/") {
			clone := *req
			u := *req.URL
			u.Path, u.RawPath = path, ""
			clone.URL = &u
			return &clone
		}
	}
	return req
}

func lookup(req *http.Request, method string) *http.Request {
	u := &url.URL{Scheme: "http", Host: "service.test", Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: req.URL.RawQuery}
	return &http.Request{Method: method, URL: u, Host: u.Host, Header: req.Header}
}

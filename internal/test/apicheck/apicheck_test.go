package apicheck_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/apicheck"
)

const (
	id      = "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f"
	user    = `{"id":"` + id + `","appId":"wx4f4bc4dec97d474b","nickname":"","avatarUrl":"","phone":"138****0000","roles":[],"createdAt":"2026-03-01T08:00:00Z","lastLoginAt":"2026-03-01T08:00:00.5Z"}`
	tokens  = `{"accessToken":"a.b.c","refreshToken":"d.e.f","tokenType":"Bearer","expiresIn":14400,"refreshExpiresIn":604800}`
	problem = "application/problem+json"
)

func problemBody(status int, code, requestID string) string {
	return fmt.Sprintf(`{"type":"urn:wugan:error:%s","title":"t","status":%d,"detail":"d","code":%q,"requestId":%q}`, code, status, code, requestID)
}

// answer is what the scripted server says; X-Request-Id is "r1" unless it is set or dropped.
type answer struct {
	status  int
	headers map[string]string
	without string // a header to leave out
	twice   string // a header to send twice
	body    string
}

func (a answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", "r1")
	w.Header()["Content-Type"] = nil // keep net/http from guessing one
	for k, v := range a.headers {
		w.Header().Set(k, v)
	}
	if a.twice != "" {
		w.Header().Add(a.twice, w.Header().Get(a.twice))
	}
	if a.without != "" {
		w.Header().Del(a.without)
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, a.body)
	}
}

// recorder collects what a Checker reports.
type recorder struct {
	mu     sync.Mutex
	errors []string
	fatal  []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = append(r.fatal, fmt.Sprintf(format, args...))
}

func spec(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("../../../httpapi/openapi.yaml")
	require.NoError(t, err)
	return b
}

// exchange sends one request through a Checker and returns what the checker reported, and the body that the caller saw.
func exchange(t *testing.T, a http.Handler, method, path, body string, opts ...apicheck.Option) (reports []string, seen string) {
	t.Helper()
	server := httptest.NewServer(a)
	defer server.Close()
	rec := &recorder{}
	client := &http.Client{Transport: apicheck.New(rec, spec(t), opts...).Transport(server.Client().Transport)}
	req, err := http.NewRequestWithContext(context.Background(), method, server.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	require.NoError(t, err)
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Empty(t, rec.fatal)
	return rec.errors, string(got)
}

var (
	asJSON    = map[string]string{"Content-Type": "application/json"}
	asTokens  = map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}
	asProblem = map[string]string{"Content-Type": problem}
	refused   = map[string]string{"Content-Type": problem, "WWW-Authenticate": `Bearer error="invalid_token"`}
)

func TestAnAnswerThatFitsTheDocumentIsNotReported(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		answer       answer
	}{
		"a user":                {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: map[string]string{"Content-Type": "application/json; charset=UTF-8"}, body: user}},
		"tokens":                {http.MethodPost, "/api/v1/auth/refresh", answer{status: 200, headers: asTokens, body: tokens}},
		"no content":            {http.MethodDelete, "/api/v1/sessions/" + id, answer{status: 204}},
		"headers of a check":    {http.MethodGet, "/api/v1/auth/verify", answer{status: 204, headers: map[string]string{"X-User-Id": id, "X-App-Id": "wx1", "X-Session-Id": id, "X-Roles": "a,b"}}},
		"a check by HEAD":       {http.MethodHead, "/api/v1/auth/verify", answer{status: 204, headers: map[string]string{"X-User-Id": id, "X-App-Id": "wx1", "X-Session-Id": id}}},
		"a refused token":       {http.MethodGet, "/api/v1/users/me", answer{status: 401, headers: refused, body: problemBody(401, "token_expired", "r1")}},
		"a missing token":       {http.MethodGet, "/api/v1/users/me", answer{status: 401, headers: map[string]string{"Content-Type": problem, "WWW-Authenticate": "Bearer"}, body: problemBody(401, "token_missing", "r1")}},
		"an outage":             {http.MethodGet, "/api/v1/users/me", answer{status: 503, headers: map[string]string{"Content-Type": problem, "Retry-After": "1"}, body: problemBody(503, "database_unavailable", "r1")}},
		"an OAuth error":        {http.MethodPost, "/oauth2/token", answer{status: 400, headers: asJSON, body: `{"error":"invalid_grant"}`}},
		"an unknown path":       {http.MethodGet, "/nowhere", answer{status: 404, headers: asProblem, body: problemBody(404, "not_found", "r1")}},
		"an unknown method":     {http.MethodPut, "/api/v1/auth/login", answer{status: 405, headers: map[string]string{"Content-Type": problem, "Allow": "POST"}, body: problemBody(405, "method_not_allowed", "r1")}},
		"a CORS preflight":      {http.MethodOptions, "/api/v1/auth/login", answer{status: 204, headers: map[string]string{"Access-Control-Allow-Origin": "https://h5.example.com"}}},
		"unchanged":             {http.MethodGet, "/.well-known/jwks.json", answer{status: 304, headers: map[string]string{"ETag": `"a"`, "Cache-Control": "public, max-age=300"}}},
		"a HEAD of a GET":       {http.MethodHead, "/healthz", answer{status: 200, headers: asJSON}},
		"a page":                {http.MethodGet, "/docs", answer{status: 200, headers: map[string]string{"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'; script-src 'self'"}, body: "<!doctype html>"}},
		"an inactive token":     {http.MethodPost, "/oauth2/introspect", answer{status: 200, headers: asJSON, body: `{"active":false}`}},
		"WeChat is told so":     {http.MethodPost, "/api/v1/wechat/push/wx1?signature=a&timestamp=1&nonce=n", answer{status: 200, headers: map[string]string{"Content-Type": "text/plain; charset=utf-8"}, body: "success"}},
		"a user who is enabled": {http.MethodGet, "/api/v1/admin/users/" + id, answer{status: 200, headers: asJSON, body: `{"id":"` + id + `","identities":[],"nickname":"","avatarUrl":"","phone":"","roles":[],"metadata":{},"createdAt":"2026-03-01T08:00:00Z","lastLoginAt":"2026-03-01T08:00:00Z","disabledAt":null,"disabledReason":""}`}},
	} {
		t.Run(name, func(t *testing.T) {
			reports, seen := exchange(t, c.answer, c.method, c.path, "")
			require.Empty(t, reports)
			if c.method != http.MethodHead {
				require.Equal(t, c.answer.body, seen, "the answer reaches the caller as it was")
			}
		})
	}
}

func TestEveryKindOfDriftIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		answer       answer
		want         string
	}{
		"a field too many":             {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: strings.Replace(user, `"nickname"`, `"openid":"o","nickname"`, 1)}, "openid"},
		"a field too few":              {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: strings.Replace(user, `"nickname":"",`, "", 1)}, "nickname"},
		"a field of another type":      {http.MethodPost, "/api/v1/auth/refresh", answer{status: 200, headers: asTokens, body: strings.Replace(tokens, "14400", `"14400"`, 1)}, "/expiresIn"},
		"a time that is not in UTC":    {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: strings.Replace(user, "08:00:00Z", "08:00:00+08:00", 1)}, "/createdAt"},
		"a phone that is not masked":   {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: strings.Replace(user, "138****0000", "13800000000", 1)}, "/phone"},
		"null for a list":              {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: strings.Replace(user, "[]", "null", 1)}, "/roles"},
		"a private key in the key set": {http.MethodGet, "/.well-known/jwks.json", answer{status: 200, headers: map[string]string{"Content-Type": "application/json", "ETag": `"a"`, "Cache-Control": "public, max-age=300"}, body: `{"keys":[{"kty":"EC","use":"sig","alg":"ES256","kid":"k","crv":"P-256","x":"x","y":"y","d":"secret"}]}`}, `"d"`},
		"a reason beside inactive":     {http.MethodPost, "/oauth2/introspect", answer{status: 200, headers: asJSON, body: `{"active":false,"sub":"` + id + `"}`}, `"sub" is unsupported`},
		"a body that is not JSON":      {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: "<html>"}, "decode"},
		"a missing header":             {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: user, without: "X-Request-Id"}, "header X-Request-Id is missing"},
		"a missing header on a 304":    {http.MethodGet, "/.well-known/jwks.json", answer{status: 304, headers: map[string]string{"Cache-Control": "public, max-age=300"}}, "header ETag is missing"},
		"a missing header on HEAD":     {http.MethodHead, "/api/v1/auth/verify", answer{status: 204, headers: map[string]string{"X-App-Id": "wx1", "X-Session-Id": id}}, "header X-User-Id is missing"},
		"tokens that may be stored":    {http.MethodPost, "/api/v1/auth/refresh", answer{status: 200, headers: asJSON, body: tokens}, "header Cache-Control is missing"},
		"a header with another value":  {http.MethodPost, "/api/v1/auth/refresh", answer{status: 200, headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "private"}, body: tokens}, "header Cache-Control"},
		"a header sent twice":          {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: user, twice: "X-Request-Id"}, "header X-Request-Id came 2 times"},
		"a header nobody documented":   {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: map[string]string{"Content-Type": "application/json", "X-Powered-By": "x"}, body: user}, "header X-Powered-By is not documented"},
		"Retry-After as a date":        {http.MethodGet, "/api/v1/users/me", answer{status: 503, headers: map[string]string{"Content-Type": problem, "Retry-After": "Sun, 01 Mar 2026 08:00:00 GMT"}, body: problemBody(503, "database_unavailable", "r1")}, "header Retry-After"},
		"an undocumented status":       {http.MethodGet, "/api/v1/users/me", answer{status: 418}, "undocumented status; GET /api/v1/users/me documents 200, 401"},
		"an undocumented path":         {http.MethodGet, "/api/v1/users/you", answer{status: 200, headers: asJSON, body: user}, "undocumented path"},
		"an undocumented method":       {http.MethodPut, "/api/v1/users/me", answer{status: 200, headers: asJSON, body: user}, "undocumented method"},
		"a 404 that is HTML":           {http.MethodGet, "/nowhere", answer{status: 404, headers: map[string]string{"Content-Type": "text/html"}, body: "<html>"}, `content type "text/html"`},
		"a 404 with another code":      {http.MethodGet, "/nowhere", answer{status: 404, headers: asProblem, body: problemBody(404, "internal", "r1")}, "/code"},
		"a 405 without Allow":          {http.MethodPut, "/api/v1/auth/login", answer{status: 405, headers: asProblem, body: problemBody(405, "method_not_allowed", "r1")}, "header Allow is missing"},
		"another content type":         {http.MethodGet, "/api/v1/users/me", answer{status: 200, headers: map[string]string{"Content-Type": "text/plain"}, body: user}, `content type "text/plain"`},
		"no content type":              {http.MethodGet, "/api/v1/users/me", answer{status: 200, body: user}, `content type ""`},
		"a body where there is none":   {http.MethodPost, "/oauth2/revoke", answer{status: 200, body: "{}"}, "body that is not documented"},
		"a type where there is none":   {http.MethodPost, "/oauth2/revoke", answer{status: 200, headers: asJSON}, "and no body"},
		"a code of another operation":  {http.MethodGet, "/api/v1/users/me", answer{status: 401, headers: refused, body: problemBody(401, "refresh_reused", "r1")}, "/code"},
		"a problem of another status":  {http.MethodGet, "/api/v1/users/me", answer{status: 401, headers: refused, body: problemBody(400, "token_expired", "r1")}, "says status 400"},
		"a problem of another request": {http.MethodGet, "/api/v1/users/me", answer{status: 401, headers: refused, body: problemBody(401, "token_expired", "r2")}, "requestId"},
		"a refusal without the error":  {http.MethodGet, "/api/v1/users/me", answer{status: 401, headers: map[string]string{"Content-Type": problem, "WWW-Authenticate": "Bearer"}, body: problemBody(401, "token_expired", "r1")}, `lacks error="invalid_token"`},
		"an error for no token":        {http.MethodGet, "/api/v1/users/me", answer{status: 401, headers: refused, body: problemBody(401, "token_missing", "r1")}, "no token was sent"},
	} {
		t.Run(name, func(t *testing.T) {
			reports, seen := exchange(t, c.answer, c.method, c.path, "")
			require.NotEmpty(t, reports)
			require.Contains(t, strings.Join(reports, "\n"), c.want)
			require.Contains(t, reports[0], c.method+" "+strings.Split(c.path, "?")[0], "the report names the request")
			if c.method != http.MethodHead {
				require.Equal(t, c.answer.body, seen, "the test goes on with the answer as it was")
			}
		})
	}
}

func TestReportsNeverShowAToken(t *testing.T) {
	body := strings.Replace(tokens, "a.b.c", "eyJSECRET!", 1)
	reports, _ := exchange(t, answer{status: 200, headers: asTokens, body: body}, http.MethodPost, "/api/v1/auth/refresh", "")
	require.NotEmpty(t, reports)
	require.Contains(t, reports[0], "/accessToken")
	require.NotContains(t, strings.Join(reports, "\n"), "eyJSECRET")
}

func TestABadRequestIsNotJudgedByDefault(t *testing.T) {
	a := answer{status: 400, headers: asProblem, body: problemBody(400, "invalid_request", "r1")}
	reports, _ := exchange(t, a, http.MethodPost, "/api/v1/auth/login", `{"code":7}`)
	require.Empty(t, reports)
	reports, _ = exchange(t, a, http.MethodPost, "/api/v1/auth/login", `{"code":7}`, apicheck.StrictRequests())
	require.Empty(t, reports, "nor in strict mode, as long as the server refuses it")
}

func TestStrictRequestsReportsWhatTheServerShouldHaveRefused(t *testing.T) {
	echoed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || len(body) == 0 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		answer{status: 200, headers: asTokens, body: tokens}.ServeHTTP(w, r)
	})
	reports, _ := exchange(t, echoed, http.MethodPost, "/api/v1/auth/refresh", `{"refreshToken":7}`, apicheck.StrictRequests())
	require.Len(t, reports, 1)
	require.Contains(t, reports[0], "does not allow")
	reports, _ = exchange(t, echoed, http.MethodPost, "/api/v1/auth/refresh", `{"refreshToken":"a.b.c","more":1}`, apicheck.StrictRequests())
	require.Empty(t, reports, "an unknown field is ignored, and the body still reaches the server")
}

func TestPathsOutsideTheDocumentPass(t *testing.T) {
	reports, seen := exchange(t, answer{status: 418, body: "tea", without: "X-Request-Id"}, http.MethodGet, "/shop/orders", "", apicheck.Outside("/shop/"))
	require.Empty(t, reports)
	require.Equal(t, "tea", seen)
	reports, _ = exchange(t, answer{status: 418}, http.MethodGet, "/shopping", "", apicheck.Outside("/shop/"))
	require.NotEmpty(t, reports, "a path that only begins alike is not outside")
}

func TestAllowedHeadersPass(t *testing.T) {
	a := answer{status: 200, headers: map[string]string{"Content-Type": "application/json", "X-Extra": "1"}, body: user}
	reports, _ := exchange(t, a, http.MethodGet, "/api/v1/users/me", "", apicheck.AllowHeaders("x-extra"))
	require.Empty(t, reports)
}

func TestUnseenListsWhatNoAnswerHasShown(t *testing.T) {
	server := httptest.NewServer(answer{status: 200, headers: asJSON, body: `{"status":"ok"}`})
	defer server.Close()
	c := apicheck.New(t, spec(t))
	require.Contains(t, c.Unseen(), "GET /healthz 200")
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+"/healthz", nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: c.Transport(nil)}).Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.NotContains(t, c.Unseen(), "GET /healthz 200")
	require.Contains(t, c.Unseen(), "GET /readyz 200")
}

func TestADocumentThatIsNotValidStopsTheTest(t *testing.T) {
	for name, doc := range map[string]string{
		"not a document":             "{",
		"a reference to nothing":     "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {/a: {get: {responses: {'200': {$ref: '#/components/responses/None'}}}}}",
		"an example that is not one": "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {/a: {get: {responses: {'200': {description: d, content: {application/json: {schema: {type: integer}, example: x}}}}}}}",
	} {
		t.Run(name, func(t *testing.T) {
			rec := &recorder{}
			require.Nil(t, apicheck.New(rec, []byte(doc)))
			require.Len(t, rec.fatal, 1)
		})
	}
}

func TestManyRequestsAtOnceAreEachCompared(t *testing.T) {
	server := httptest.NewServer(answer{status: 200, headers: asJSON, body: user, without: "X-Request-Id"})
	defer server.Close()
	rec := &recorder{}
	client := &http.Client{Transport: apicheck.New(rec, spec(t)).Transport(nil)}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+"/api/v1/users/me", nil)
			if err != nil {
				panic(err)
			}
			if res, err := client.Do(req); err == nil {
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
	require.Len(t, rec.errors, 20)
}

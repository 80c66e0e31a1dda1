package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// cancelled is a context that has ended.
func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestBearerReadsTheAuthorizationHeaderOnly(t *testing.T) {
	for value, want := range map[string]string{
		"Bearer abc": "abc", "bearer abc": "abc", "BEARER abc": "abc", "Bearer   abc": "abc", "Bearer abc ": "abc",
		"Bearer a.b-c_d~e+f/g==": "a.b-c_d~e+f/g==",
	} {
		got, err := verify.Bearer(http.Header{"Authorization": {value}})
		require.NoError(t, err, value)
		require.Equal(t, want, got)
	}
	for _, header := range []http.Header{nil, {}, {"Authorization": {"Basic abc"}}, {"Authorization": {""}}, {"Authorization": {"Bearerabc"}}, {"Authorization": {"abc"}}, {"X-Authorization": {"Bearer abc"}}} {
		_, err := verify.Bearer(header)
		require.ErrorIs(t, err, verify.ErrMissing, header)
	}
	for _, value := range []string{"Bearer", "Bearer ", "Bearer =", "Bearer a b", "Bearer a,b", "Bearer a\tb", "Bearer \"abc\"", "Bearer a=b", "Bearer é", "Bearer a, Bearer b"} {
		_, err := verify.Bearer(http.Header{"Authorization": {value}})
		require.ErrorIs(t, err, verify.ErrInvalid, value)
	}
	_, err := verify.Bearer(http.Header{"Authorization": {"Bearer abc", "Bearer abc"}})
	require.ErrorIs(t, err, verify.ErrInvalid, "two headers")
}

func serve(v *verify.Verifier, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, ok := verify.FromContext(r.Context())
		if !ok {
			panic("no claims in the context")
		}
		_, _ = w.Write([]byte(got.Subject))
	})).ServeHTTP(w, r)
	return w
}

func request(token string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/orders?access_token=ignored", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func TestTheMiddlewareHandsTheClaimsOn(t *testing.T) {
	w := serve(verifier(), request(signers()[verify.ES256].good()))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "user-1", w.Body.String())
}

func TestTheMiddlewareAnswersAsTheServiceDoes(t *testing.T) {
	s := signers()[verify.ES256]
	var revoked revokedSet
	revoked.Store("ended", true)
	broken := sourceFunc(func(string) (verify.Key, error) { return verify.Key{}, errors.New("disk on fire") })
	down := sourceFunc(func(string) (verify.Key, error) { return verify.Key{}, verify.ErrKeysUnavailable })
	for name, test := range map[string]struct {
		v         *verify.Verifier
		token     string
		status    int
		challenge string
		title     string
	}{
		"token_missing":    {verifier(), "", 401, "Bearer", "Access token missing"},
		"token_invalid":    {verifier(), "x.y.z", 401, `Bearer error="invalid_token"`, "Access token refused"},
		"token_expired":    {verifier(), s.sign(s.header(nil), claims(map[string]any{"exp": now.Unix()})), 401, `Bearer error="invalid_token"`, "Access token expired"},
		"session_revoked":  {verifier(verify.WithRevocations(&revoked)), s.sign(s.header(nil), claims(map[string]any{"sid": "ended"})), 401, `Bearer error="invalid_token"`, "Session ended"},
		"keys_unavailable": {verify.New(issuer, audience, down), s.good(), 503, "", "Keys unavailable"},
		"internal":         {verify.New(issuer, audience, broken), s.good(), 500, "", "Internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(test.v, request(test.token))
			require.Equal(t, test.status, w.Code)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			challenge := w.Header().Get("WWW-Authenticate")
			require.True(t, strings.HasPrefix(challenge, test.challenge), challenge)
			require.Equal(t, test.status == 401, challenge != "")
			require.Equal(t, name == "token_missing", challenge == "Bearer")
			require.Equal(t, test.status == 503, w.Header().Get("Retry-After") != "")
			var problem map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &problem))
			require.NotEmpty(t, problem["detail"])
			require.NotEmpty(t, problem["requestId"])
			require.Equal(t, w.Header().Get("X-Request-Id"), problem["requestId"])
			delete(problem, "detail")
			delete(problem, "requestId")
			require.Equal(t, map[string]any{"type": "urn:wugan:error:" + name, "title": test.title, "status": float64(test.status), "code": name}, problem)
			if test.token != "" {
				require.NotContains(t, w.Body.String(), test.token)
			}
			require.NotContains(t, w.Body.String(), "disk on fire")
		})
	}
}

func TestARequestIDIsKeptWhenItIsFitForALogLine(t *testing.T) {
	answered := func(sent string) string {
		r := request("")
		r.Header.Set("X-Request-Id", sent)
		return serve(verifier(), r).Header().Get("X-Request-Id")
	}
	require.Equal(t, "abc-123", answered("abc-123"))
	require.Equal(t, strings.Repeat("x", 128), answered(strings.Repeat("x", 128)))
	for _, bad := range []string{"", "a b", "a\nb", "é", "\x7f", strings.Repeat("x", 129)} {
		require.NotEqual(t, bad, answered(bad))
		require.GreaterOrEqual(t, len(answered(bad)), 26)
	}
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "from-outside-in")
	verify.WriteError(w, request(""), verify.ErrMissing)
	require.Equal(t, "from-outside-in", w.Header().Get("X-Request-Id"))
}

func TestNoClaimsAreFoundWhereNobodyPutThem(t *testing.T) {
	_, ok := verify.FromContext(t.Context())
	require.False(t, ok)
	got, ok := verify.FromContext(verify.NewContext(t.Context(), &verify.Claims{Subject: "u", ExpiresAt: time.Now(), Roles: []string{"editor"}}))
	require.True(t, ok)
	require.True(t, got.HasRole("editor"))
	require.False(t, got.HasRole("admin"))
}

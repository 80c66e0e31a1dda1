package httpapi

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// subjectOf reads whose token it is.
func subjectOf(t *testing.T, token string) (user, session string) {
	t.Helper()
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, claims)
	require.NoError(t, err)
	user, _ = claims["sub"].(string)
	session, _ = claims["sid"].(string)
	return user, session
}

func TestARefusedRequestIsLoggedWithWhoseTokenItWas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	refresh := func(token, id string) said {
		return s.do(http.MethodPost, "/api/v1/auth/refresh", fmt.Sprintf(`{"refreshToken":%q}`, token), "X-Request-Id", id)
	}
	me := func(token, id string) said {
		return s.do(http.MethodGet, "/api/v1/users/me", "", append(bearer(token), "X-Request-Id", id)...)
	}
	access, first := s.login("alice")
	user, session := subjectOf(t, access)
	second := refresh(first, "good").text("refreshToken")
	require.Equal(t, http.StatusOK, refresh(second, "good").status)
	require.Equal(t, "refresh_reused", refresh(first, "reused").text("code"))
	require.Equal(t, "session_revoked", refresh(first, "ended").text("code"))
	require.Equal(t, "session_revoked", me(access, "revoked").text("code"))
	later, _ := s.login("alice")
	_, laterSession := subjectOf(t, later)
	s.moved.move(5 * time.Hour)
	require.Equal(t, "token_expired", me(later, "expired").text("code"))
	require.Equal(t, "token_invalid", me(later[:len(later)-8]+"AAAAAAAA", "forged").text("code"))
	require.Equal(t, "refresh_invalid", refresh(later, "foreign").text("code"))

	lines := map[string]map[string]any{}
	for _, line := range s.log.lines(t, "request") {
		id, _ := line["requestId"].(string)
		lines[id] = line
		require.Contains(t, line, "tookMs")
		require.Less(t, line["tookMs"], 20_000.0, "in milliseconds")
	}
	for _, id := range []string{"reused", "ended", "revoked"} {
		require.Equal(t, user, lines[id]["user"], id)
		require.Equal(t, session, lines[id]["session"], id)
	}
	require.Equal(t, user, lines["expired"]["user"])
	require.Equal(t, laterSession, lines["expired"]["session"])
	for _, id := range []string{"forged", "foreign"} {
		require.NotContains(t, lines[id], "user", "nothing is taken from a token whose signature is not ours: %s", id)
	}
}

func TestALogoutWithAnAccessTokenThatRanOutMomentsAgoEndsTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	logout := func(token string) said { return s.do(http.MethodPost, "/api/v1/auth/logout", "", bearer(token)...) }
	access, refresh := s.login("alice")
	old, living := s.login("bob")
	s.moved.move(4*time.Hour + time.Minute)
	require.Equal(t, "token_invalid", logout(access[:len(access)-8]+"AAAAAAAA").text("code"))
	require.Equal(t, http.StatusNoContent, logout(access).status)
	require.Equal(t, http.StatusNoContent, logout(access).status, "and again")
	got := s.do(http.MethodPost, "/api/v1/auth/refresh", fmt.Sprintf(`{"refreshToken":%q}`, refresh))
	require.Equal(t, "session_revoked", got.text("code"))

	s.moved.move(5 * time.Minute)
	require.Equal(t, "token_expired", logout(old).text("code"), "an old copy ends nothing")
	require.Equal(t, http.StatusOK, s.do(http.MethodPost, "/api/v1/auth/refresh", fmt.Sprintf(`{"refreshToken":%q}`, living)).status)
	require.Equal(t, "token_expired", s.do(http.MethodGet, "/api/v1/users/me", "", bearer(old)...).text("code"))
}

func TestABodyThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	login := func(body string, header ...string) said {
		return s.do(http.MethodPost, "/api/v1/auth/login", body, header...)
	}
	require.Equal(t, http.StatusOK, login("\uFEFF"+`{"code":"code-alice"}`).status, "a byte order mark is skipped")
	for _, coding := range []string{"gzip", "zstd", "br", "identity, gzip", "GZIP"} {
		for _, path := range []string{"/api/v1/auth/login", "/oauth2/token", "/oauth2/revoke"} {
			got := s.do(http.MethodPost, path, "\x1f\x8b", "Content-Encoding", coding, "Content-Type", "application/x-www-form-urlencoded")
			require.Equal(t, http.StatusUnsupportedMediaType, got.status, "%s %s", coding, path)
			require.Equal(t, "identity", got.header.Get("Accept-Encoding"))
			require.Contains(t, got.text("detail"), "compressed")
		}
	}
	require.Equal(t, http.StatusOK, login(`{"code":"code-alice"}`, "Content-Encoding", "identity").status)
	for header, says := range map[string]string{
		"text/plain": "not application/json", "application/json; charset=gbk": "charset", "application": "not application/json", "/;": "malformed",
	} {
		got := login(`{"code":"code-alice"}`, "Content-Type", header)
		require.Equal(t, http.StatusUnsupportedMediaType, got.status, header)
		require.Contains(t, got.text("detail"), says)
	}
	require.Contains(t, login(`{"code":}`).text("detail"), "byte 9")
	require.Contains(t, login("\xff\xfe{\x00}\x00").text("detail"), "UTF-8")
}

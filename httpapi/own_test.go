package httpapi

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

func TestAUserReadsAndChangesTheProfile(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config, _ *http.Server) { c.AvatarHosts = []string{"cdn.example.com", "cdn.example.com:8443"} })
	access, _ := s.login("alice")
	change := func(body string) said {
		return s.do(http.MethodPatch, "/api/v1/users/me", body, bearer(access)...)
	}
	got := change(`{"nickname":"爱丽丝","avatarUrl":"https://cdn.example.com/a.png"}`)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	got = s.do(http.MethodPost, "/api/v1/users/me", `{"avatarUrl":"https://CDN.example.com.:8443/b.png"}`, bearer(access)...)
	require.Equal(t, "爱丽丝", got.text("nickname"), "what is not named stays")
	require.Equal(t, "https://CDN.example.com.:8443/b.png", got.text("avatarUrl"))
	for address, says := range map[string]string{
		"wxfile://tmp_1.png":                   "names a file on the user's device",
		"http://tmp/1.png":                     "names a file on the user's device",
		"http://usr/1.png":                     "names a file on the user's device",
		"data:image/png;base64,AA==":           "not an http or https address",
		"/a.png":                               "not an http or https address",
		"https://a:b@cdn.example.com/a.png":    "not an http or https address",
		"https://cdn.example.com/a b":          "not printable ASCII",
		"http://cdn.example.com/a.png":         "WUGAN_PROFILE_AVATAR_HOSTS",
		"https://elsewhere.example.com/a.png":  "WUGAN_PROFILE_AVATAR_HOSTS",
		"https://cdn.example.com:444/a.png":    "WUGAN_PROFILE_AVATAR_HOSTS",
		"https://10.0.0.1/a.png":               "WUGAN_PROFILE_AVATAR_HOSTS",
		"https://" + strings.Repeat("x", 2000): "too long",
	} {
		refused := change(`{"avatarUrl":"` + address + `"}`)
		refuses(t, refused, 400, "invalid_request")
		require.Contains(t, refused.text("detail"), says, address)
	}
	require.Empty(t, change(`{"avatarUrl":""}`).text("avatarUrl"), "an empty one removes the avatar")
}

func TestAUserSeesAndEndsSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	here, refresh := s.login("alice")
	got := s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"code-alice","deviceId":"d-1","deviceName":"iPhone"}`, "User-Agent", "wechat/8\x09\xff")
	there := got.text("accessToken")
	_, session := s.idOf(there)
	s.moved.move(90 * time.Minute)

	list := s.do(http.MethodGet, "/api/v1/sessions", "", bearer(here)...).json(t)["sessions"].([]any)
	require.Len(t, list, 2)
	for _, x := range list {
		one := x.(map[string]any)
		require.Equal(t, one["id"] != session, one["current"])
		if one["id"] != session {
			continue
		}
		require.Equal(t, "iPhone", one["deviceName"])
		require.Equal(t, "wechat/8", one["userAgent"], "without control characters and bytes that are no UTF-8")
		used, err := time.Parse(time.RFC3339Nano, one["lastUsedAt"].(string))
		require.NoError(t, err)
		created, err := time.Parse(time.RFC3339Nano, one["createdAt"].(string))
		require.NoError(t, err)
		require.False(t, used.Before(created), "to the hour, and never before it began")
	}
	mallory, _ := s.login("mallory")
	refuses(t, s.do(http.MethodDelete, "/api/v1/sessions/"+session, "", bearer(mallory)...), 404, "not_found")
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, "/api/v1/sessions/"+session, "", bearer(here)...).status)
	ended := s.do(http.MethodGet, "/api/v1/users/me", "", bearer(there)...)
	refuses(t, ended, 401, "session_revoked")
	require.Equal(t, "signed_out", ended.text("reason"))

	for range 2 { // a response may have been lost
		require.Equal(t, http.StatusNoContent, s.do(http.MethodPost, "/api/v1/auth/logout", `{"refreshToken":"`+refresh+`"}`).status)
	}
	refuses(t, s.do(http.MethodPost, "/api/v1/auth/logout", `{"refreshToken":"`+here+`"}`), 401, "refresh_invalid")
	refuses(t, s.do(http.MethodPost, "/api/v1/auth/logout", `{"refreshToken":"a b"}`), 400, "invalid_request")
	refuses(t, s.do(http.MethodPost, "/api/v1/auth/logout", ""), 401, "token_missing")
}

func TestATicketHandsAUserOver(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, _ := s.login("alice")
	id, _ := s.idOf(access)
	issue := func(body string) string {
		got := s.do(http.MethodPost, "/api/v1/auth/ticket", body, bearer(access)...)
		require.Equal(t, http.StatusOK, got.status, "%s", got.body)
		require.EqualValues(t, 60, got.json(t)["expiresIn"])
		return got.text("ticket")
	}
	redeem := func(body string) said { return s.do(http.MethodPost, "/api/v1/auth/login", body) }

	ticket := issue("")
	got := redeem(`{"ticket":"` + ticket + `","deviceId":"web"}`)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	user, _ := s.idOf(got.text("accessToken"))
	require.Equal(t, id, user)
	refuses(t, redeem(`{"ticket":"`+ticket+`"}`), 400, "invalid_ticket")
	ticket = issue(`{"audience":"h5"}`)
	refuses(t, redeem(`{"ticket":"`+ticket+`","audience":"another"}`), 400, "invalid_ticket")
	refuses(t, redeem(`{"ticket":"x","code":"code-alice"}`), 400, "invalid_request")
	refuses(t, s.do(http.MethodPost, "/api/v1/auth/ticket", `{"audience":"\u0001"}`, bearer(access)...), 400, "invalid_request")
}

func TestAUserLinksAnotherIdentityUnlessItIsTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, _ := s.login("alice")
	s.login("bob")
	link := func(code string) said {
		return s.do(http.MethodPost, "/api/v1/users/me/identities", `{"code":"`+code+`"}`, bearer(access)...)
	}
	got := link("code-alice-at-work")
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Len(t, got.json(t)["identities"], 2)
	refuses(t, link("code-bob"), 409, "identity_taken")
	refuses(t, link("spent"), 400, "invalid_code")
	refuses(t, s.do(http.MethodDelete, "/api/v1/users/me/identities/"+testApp, "", bearer(access)...), 409, "last_identity")
	got = s.do(http.MethodGet, "/api/v1/users/me/identities", "", bearer(access)...)
	require.Len(t, got.json(t)["identities"], 2)
	require.NotContains(t, string(got.body), "alice", "no openid leaves by a user's request")

	got = s.do(http.MethodPost, "/api/v1/users/me/identities", `{"code":"code-alice","appId":"`+otherApp+`"}`, bearer(access)...)
	require.Len(t, got.json(t)["identities"], 3)
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, "/api/v1/users/me/identities/"+otherApp, "", bearer(access)...).status)
	refuses(t, s.do(http.MethodDelete, "/api/v1/users/me/identities/wx0", "", bearer(access)...), 404, "not_found")
}

func TestAUserBindsAPhoneNumber(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bind := func(access, code string) said {
		return s.do(http.MethodPost, "/api/v1/users/me/phone", `{"code":"`+code+`"}`, bearer(access)...)
	}
	alice, _ := s.login("alice")
	got := bind(alice, "phone-13800001111")
	require.Equal(t, "138****1111", got.text("phone"), "%s", got.body)
	require.NotContains(t, got.json(t), "accessToken", "the session goes on")
	refused := bind(alice, "spent")
	refuses(t, refused, 400, "invalid_code")
	require.Contains(t, refused.text("detail"), "getPhoneNumber button", "another wx.login would not help")
	bob, _ := s.login("bob")
	refuses(t, bind(bob, "phone-13800001111"), 409, "phone_taken")
}

func TestAPhoneNumberJoinsOnePersonsUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config, _ *http.Server) {
		c.Users.JoinByPhone(func(at time.Time, ended ...uuid.UUID) { c.Revocations.Add(at, auth.ReasonMerged, ended...) })
	})
	alice, _ := s.login("alice")
	bob, _ := s.login("bob")
	bind := func(access string) said {
		return s.do(http.MethodPost, "/api/v1/users/me/phone", `{"code":"phone-13800001111"}`, bearer(access)...)
	}
	require.Equal(t, http.StatusOK, bind(alice).status)
	refuses(t, bind(bob), 409, "phone_taken") // both have an identity of the same app

	got := s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"code-alice-elsewhere","appId":"`+otherApp+`"}`)
	newcomer := got.text("accessToken")
	id, _ := s.idOf(alice)
	got = bind(newcomer)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Equal(t, id, got.text("id"), "the user who remains")
	user, _ := s.idOf(got.text("accessToken"))
	require.Equal(t, id, user, "with tokens of a session of that user")
	ended := s.do(http.MethodGet, "/api/v1/users/me", "", bearer(newcomer)...)
	refuses(t, ended, 401, "session_revoked")
	require.Equal(t, "merged", ended.text("reason"))
}

func TestAClientUsesItsSessionKeyWithoutSeeingIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, _ := s.login("alice")
	mallory, _ := s.login("mallory")
	check := func(access string) string {
		return strings.TrimSpace(string(s.do(http.MethodPost, "/api/v1/wechat/check-session", "", bearer(access)...).body))
	}
	require.JSONEq(t, `{"valid":true}`, check(access))
	require.JSONEq(t, `{"valid":false}`, check(mallory))
	decrypt := func(plain string) said {
		data := base64.StdEncoding.EncodeToString([]byte(plain))
		return s.do(http.MethodPost, "/api/v1/wechat/decrypt", `{"encryptedData":"`+data+`","iv":"AAAAAAAAAAAAAAAAAAAAAA=="}`, bearer(access)...)
	}
	require.JSONEq(t, `{"data":{"gid":"g"}}`, string(decrypt(`{"gid":"g","openId":"alice"}`).body))
	refuses(t, decrypt(`[]`), 400, "decrypt_failed")
}

func TestAnAccountIsClosedByWhoHoldsTheDevice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, refresh := s.login("alice")
	s.login("bob")
	closeWith := func(body string) said {
		return s.do(http.MethodDelete, "/api/v1/users/me", body, bearer(access)...)
	}
	refuses(t, closeWith(`{}`), 400, "invalid_request")
	refuses(t, closeWith(`{"code":"spent"}`), 400, "invalid_code")
	refuses(t, closeWith(`{"code":"code-bob"}`), 403, "another_person")
	require.Equal(t, http.StatusOK, s.do(http.MethodGet, "/api/v1/users/me", "", bearer(access)...).status)
	require.Equal(t, http.StatusNoContent, closeWith(`{"code":"code-alice"}`).status)
	ended := s.do(http.MethodGet, "/api/v1/users/me", "", bearer(access)...)
	refuses(t, ended, 401, "session_revoked")
	require.Equal(t, "account_closed", ended.text("reason"))
	require.Equal(t, http.StatusUnauthorized, s.do(http.MethodPost, "/api/v1/auth/refresh", `{"refreshToken":"`+refresh+`"}`).status)
}

// The token of a user who was deleted behind this process's back is good until it
// hears of it: the response is that of the session's end all the same.
func TestATokenOutlivesItsUserByNothing(t *testing.T) {
	t.Parallel()
	var who caller
	_, err := who.account(users.User{}, users.ErrNotFound)
	require.Equal(t, codeSessionRevoked, problemOf(err).Code)
	require.Equal(t, "account_closed", problemOf(err).Reason)
	now := time.Now()
	_, err = who.account(users.User{DisabledAt: &now}, nil)
	require.Equal(t, codeUserDisabled, problemOf(err).Code)
	_, err = who.account(users.User{}, users.ErrUnavailable)
	require.Equal(t, codeDatabaseUnavailable, problemOf(err).Code)
}

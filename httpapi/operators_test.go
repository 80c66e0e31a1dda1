package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/internal/secret"
)

const testSupport = "support-key-of-the-tests-0123456789ab"

func withSupport(c *Config, _ *http.Server) {
	c.Keys = apikey.NewSet(
		apikey.Key{Name: "boss", Scope: apikey.Admin, Text: secret.New(testAdmin)},
		apikey.Key{Name: "anna", Scope: apikey.Support, Text: secret.New(testSupport)},
		apikey.Key{Name: "shop", Scope: apikey.Service, Text: secret.New(testService)},
	)
}

// json decodes a response.
func (s said) json(t *testing.T) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal(s.body, &fields), "%s", s.body)
	return fields
}

// refuses requires a problem.
func refuses(t *testing.T, got said, status int, code string) {
	t.Helper()
	require.Equal(t, status, got.status, "%s", got.body)
	require.Equal(t, code, got.text("code"), "%s", got.body)
}

// idOf returns the user's id and the session's.
func (s *site) idOf(access string) (user, session string) {
	s.t.Helper()
	got := s.do(http.MethodGet, "/api/v1/auth/verify", "", bearer(access)...)
	require.Equal(s.t, http.StatusNoContent, got.status)
	return got.header.Get("X-User-Id"), got.header.Get("X-Session-Id")
}

func TestOperatorsChangeAUserAndSeeTheUserAsItIsThen(t *testing.T) {
	t.Parallel()
	s := newSite(t, withSupport)
	access, _ := s.login("alice")
	id, _ := s.idOf(access)
	as := func(key, method, path, body string, header ...string) said {
		return s.do(method, "/api/v1/admin"+path, body, append(bearer(key), header...)...)
	}

	got := as(testAdmin, http.MethodPut, "/users/"+id+"/roles", `{"roles":["editor"],"reason":"hired"}`)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Equal(t, []any{"editor"}, got.json(t)["roles"])
	got = as(testAdmin, http.MethodPut, "/users/"+id+"/metadata", `{"metadata":{"tier":"gold"},"reason":"paid"}`)
	require.Equal(t, map[string]any{"tier": "gold"}, got.json(t)["metadata"])
	refuses(t, as(testAdmin, http.MethodPut, "/users/"+id+"/roles", `{"reason":"x"}`), 400, "invalid_request")
	refuses(t, as(testAdmin, http.MethodPut, "/users/"+id+"/metadata", `{"reason":"x"}`), 400, "invalid_request")
	refuses(t, as(testSupport, http.MethodPut, "/users/"+id+"/roles", `{"roles":[],"reason":"x"}`), 403, "forbidden")
	require.Contains(t, as(testAdmin, http.MethodPost, "/users/"+id+"/disable", `{}`).text("detail"), "The field reason is missing", "every change has a reason")

	got = as(testSupport, http.MethodPost, "/users/"+id+"/disable", `{"reason":"fraud"}`, "X-Actor", "%E6%9D%8E%E4%BC%9F")
	require.Equal(t, "fraud", got.text("disabledReason"), "%s", got.body)
	refuses(t, s.do(http.MethodPost, "/api/v1/auth/login", `{"code":"code-alice"}`), 403, "user_disabled")
	got = as(testSupport, http.MethodPost, "/users/"+id+"/enable", `{"reason":"a mistake"}`)
	require.Nil(t, got.json(t)["disabledAt"])
	for _, actor := range []string{"%zz", "%ff", "%00"} {
		got = as(testSupport, http.MethodPost, "/users/"+id+"/enable", `{"reason":"x"}`, "X-Actor", actor)
		refuses(t, got, 400, "invalid_request")
		require.Contains(t, got.text("detail"), "The header X-Actor", actor)
	}

	page := as(testSupport, http.MethodGet, "/users/"+id+"/events?limit=2&count=true", "").json(t)
	require.Len(t, page["events"], 2)
	require.EqualValues(t, 6, page["total"], "created, roles, metadata, session ended, disabled, enabled")
	disabled := page["events"].([]any)[1].(map[string]any)
	require.Equal(t, "user_disabled", disabled["kind"])
	require.Equal(t, "anna", disabled["actor"])
	require.Equal(t, "fraud", disabled["reason"])
	require.Equal(t, map[string]any{"onBehalfOf": "李伟"}, disabled["detail"])
	rest := as(testSupport, http.MethodGet, "/users/"+id+"/events?cursor="+page["nextCursor"].(string), "").json(t)
	require.Len(t, rest["events"], 4)
	require.Empty(t, rest["nextCursor"])
	require.Nil(t, rest["total"], "it was not asked for")
	refuses(t, as(testSupport, http.MethodGet, "/users/"+id+"/events?cursor=yesterday", ""), 400, "invalid_request")

	require.Equal(t, http.StatusNoContent, as(testAdmin, http.MethodDelete, "/users/"+id+"?reason=asked", "").status)
	refuses(t, as(testSupport, http.MethodGet, "/users/"+id, ""), 404, "not_found")
	refuses(t, as(testSupport, http.MethodGet, "/users/7", ""), 404, "not_found")
}

func TestOperatorsFindPeopleByWhatSupportIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, withSupport)
	alice, _ := s.login("alice")
	bob, _ := s.login("bob")
	require.Equal(t, http.StatusOK, s.do(http.MethodPatch, "/api/v1/users/me", `{"nickname":"爱丽丝"}`, bearer(alice)...).status)
	require.Equal(t, http.StatusOK, s.do(http.MethodPost, "/api/v1/users/me/phone", `{"code":"phone-13800001111"}`, bearer(alice)...).status)
	id, session := s.idOf(alice)
	bobID, _ := s.idOf(bob)
	// The user reads a request's id off an error message; a request that was served has none to read.
	require.Equal(t, http.StatusNoContent, s.do(http.MethodPost, "/api/v1/auth/logout-all", "", bearer(bob)...).status)
	refuses(t, s.do(http.MethodGet, "/api/v1/users/me", "", append(bearer(bob), "X-Request-Id", "bob-was-refused")...), 401, "session_revoked")

	find := func(query string) said {
		return s.do(http.MethodGet, "/api/v1/admin/users?"+query, "", bearer(testSupport)...)
	}
	for query, want := range map[string][]string{
		"id=" + id:                                   {id},
		"sessionId=" + session:                       {id},
		"requestId=bob-was-refused":                  {bobID},
		"requestId=bob-was-refused&id=" + id:         {},
		"id=" + id + "&sessionId=" + session:         {id},
		"id=7":                                       {},
		"sessionId=7":                                {},
		"sessionId=" + bobID:                         {},
		"requestId=unknown":                          {},
		"phone=13800001111":                          {id},
		"phone=13800002222":                          {},
		"nickname=" + url.QueryEscape("爱丽丝"):         {id},
		"nicknamePart=" + url.QueryEscape("丽丝"):      {id},
		"appId=" + testApp + "&openid=bob":           {bobID},
		"limit=100&appId=" + testApp + "&openid=eve": {},
	} {
		got := find(query + "&count=true")
		require.Equal(t, http.StatusOK, got.status, "%s: %s", query, got.body)
		ids := []string{}
		for _, u := range got.json(t)["users"].([]any) {
			ids = append(ids, u.(map[string]any)["id"].(string))
		}
		require.ElementsMatch(t, want, ids, query)
		if _, byPart, _ := cutParameter(query, "nicknamePart"); !byPart {
			require.EqualValues(t, len(want), got.json(t)["total"], query)
		}
	}
	first := find("limit=1").json(t)
	require.Len(t, first["users"], 1)
	require.Nil(t, first["total"])
	second := find("limit=1&cursor=" + first["nextCursor"].(string)).json(t)
	require.Len(t, second["users"], 1)
	require.NotEqual(t, first["users"], second["users"])
	refuses(t, find("openid=bob"), 400, "invalid_request")
	refuses(t, find("id="+id+"&id="+bobID), 400, "invalid_request")

	// The number is masked until an operator asks for it, which is recorded.
	require.Equal(t, "138****1111", s.do(http.MethodGet, "/api/v1/admin/users/"+id, "", bearer(testSupport)...).text("phone"))
	read := s.do(http.MethodPost, "/api/v1/admin/users/"+id+"/phone", "", append(bearer(testSupport), "X-Actor", "li")...)
	require.Equal(t, "+8613800001111", read.text("phone"), "%s", read.body)
	refuses(t, s.do(http.MethodPost, "/api/v1/admin/users/"+id+"/phone", "", append(bearer(testSupport), "X-Actor", "%zz")...), 400, "invalid_request")
	events := s.do(http.MethodGet, "/api/v1/admin/users/"+id+"/events?limit=1", "", bearer(testSupport)...).json(t)["events"].([]any)
	require.Equal(t, "phone_read", events[0].(map[string]any)["kind"])

	key := s.do(http.MethodGet, "/api/v1/admin/key", "", bearer(testSupport)...)
	require.JSONEq(t, `{"name":"anna","scope":"support"}`, string(key.body))
}

// cutParameter reports whether a query has a parameter.
func cutParameter(query, name string) (value string, found bool, err error) {
	values, err := url.ParseQuery(query)
	return values.Get(name), values.Has(name), err
}

func TestOperatorsEndOneSessionOrAllOfAUser(t *testing.T) {
	t.Parallel()
	s := newSite(t, withSupport)
	first, _ := s.login("alice")
	second, _ := s.login("alice")
	third, refresh := s.login("alice")
	id, session := s.idOf(first)

	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, "/api/v1/admin/sessions/"+session+"?reason=lost", "", bearer(testSupport)...).status)
	got := s.do(http.MethodGet, "/api/v1/users/me", "", bearer(first)...)
	refuses(t, got, 401, "session_revoked")
	require.Equal(t, "operator", got.text("reason"))
	require.Equal(t, http.StatusOK, s.do(http.MethodGet, "/api/v1/users/me", "", bearer(second)...).status)

	list := s.do(http.MethodGet, "/api/v1/admin/users/"+id+"/sessions", "", bearer(testSupport)...).json(t)["sessions"].([]any)
	require.Len(t, list, 3, "the ended one, too")
	ended := 0
	for _, x := range list {
		one := x.(map[string]any)
		if one["revokedAt"] == nil {
			continue
		}
		ended++
		require.Equal(t, session, one["id"])
		require.Equal(t, "operator", one["revokedReason"])
		at, err := time.Parse(time.RFC3339Nano, one["revokedAt"].(string))
		require.NoError(t, err)
		require.Equal(t, time.UTC, at.Location())
	}
	require.Equal(t, 1, ended)

	require.Equal(t, http.StatusNoContent, s.do(http.MethodPost, "/api/v1/admin/users/"+id+"/logout-all", `{"reason":"all"}`, bearer(testSupport)...).status)
	for _, token := range []string{second, third} {
		refuses(t, s.do(http.MethodGet, "/api/v1/users/me", "", bearer(token)...), 401, "session_revoked")
	}
	refuses(t, s.do(http.MethodPost, "/api/v1/auth/refresh", `{"refreshToken":"`+refresh+`"}`), 401, "session_revoked")
	refuses(t, s.do(http.MethodDelete, "/api/v1/admin/sessions/"+id+"?reason=lost", "", bearer(testSupport)...), 404, "not_found")
}

func TestAnAdminMergesTwoUsersWhoAreOnePerson(t *testing.T) {
	t.Parallel()
	s := newSite(t, withSupport)
	alice, _ := s.login("alice")
	other, _ := s.login("alice-again")
	id, _ := s.idOf(alice)
	from, _ := s.idOf(other)
	merge := func(key, body string) said {
		return s.do(http.MethodPost, "/api/v1/admin/users/"+id+"/merge", body, bearer(key)...)
	}
	refuses(t, merge(testSupport, `{"from":"`+from+`","reason":"x"}`), 403, "forbidden")
	refuses(t, merge(testAdmin, `{"from":"bob","reason":"x"}`), 400, "invalid_request")
	refuses(t, merge(testAdmin, `{"from":"`+id+`","reason":"x"}`), 400, "invalid_request")
	got := merge(testAdmin, `{"from":"`+from+`","reason":"one person"}`)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Len(t, got.json(t)["identities"], 2)
	ended := s.do(http.MethodGet, "/api/v1/users/me", "", bearer(other)...)
	refuses(t, ended, 401, "session_revoked")
	require.Equal(t, "merged", ended.text("reason"))
	refuses(t, s.do(http.MethodGet, "/api/v1/admin/users/"+from, "", bearer(testAdmin)...), 404, "not_found")
	again, _ := s.login("alice-again")
	user, _ := s.idOf(again)
	require.Equal(t, id, user, "the identity logs in as who remains")
}

func TestTheCommandLinePrintsWhatTheAdminAPIReturns(t *testing.T) {
	t.Parallel()
	var c Config
	s := newSite(t, withSupport, func(from *Config, _ *http.Server) { c = *from })
	access, _ := s.login("alice")
	id, session := s.idOf(access)
	person, err := c.Admin.Person(t.Context(), uuidOf(t, id))
	require.NoError(t, err)
	sessions, err := c.Admin.Sessions(t.Context(), person.ID)
	require.NoError(t, err)
	events, err := c.Admin.Events(t.Context(), person.ID, 0, 1)
	require.NoError(t, err)
	event, err := AdminEvent(events[0])
	require.NoError(t, err)

	get := func(path string) map[string]any {
		return s.do(http.MethodGet, "/api/v1/admin/users/"+id+path, "", bearer(testSupport)...).json(t)
	}
	same := func(want any, printed any) {
		t.Helper()
		text, err := json.Marshal(printed)
		require.NoError(t, err)
		expected, err := json.Marshal(want)
		require.NoError(t, err)
		require.JSONEq(t, string(expected), string(text))
	}
	same(get(""), AdminUser(person))
	same(get("/sessions")["sessions"].([]any)[0], AdminSession(sessions[0]))
	same(get("/events")["events"].([]any)[0], event)
	require.Equal(t, session, sessions[0].ID.String())
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestCheckTellsEverythingThatIsWrongAtOnce(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		w.pod() // makes the schema, and sets what a service needs
		good := ok(t, "check", "--online")
		require.NotContains(t, good, "WRONG")
		for _, line := range []string{`ok +settings`, `ok +database `, `ok +clock `, `ok +platform of ` + appID} {
			require.Regexp(t, `(?m)^`+line, good)
		}
		var told struct {
			OK     bool
			Checks []map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(ok(t, "check", "--json")), &told))
		require.True(t, told.OK)
		require.NotEmpty(t, told.Checks)

		require.NotContains(t, good, "lifetimes of")
		apps := filepath.Join(t.TempDir(), "apps.yaml")
		require.NoError(t, os.WriteFile(apps, []byte(`apps: [{id: wx00000000000000b2, provider: wechat, secret: 0f1e2d3c4b5a69788796a5b4c3d2e1f0, accessTTL: 30m}]`), 0o600))
		t.Setenv("WUGAN_APPS_FILE", apps)
		require.Regexp(t, `(?m)^ok +lifetimes of wx00000000000000b2 +access 30m0s, refresh 168h0m0s$`, ok(t, "check"))
		t.Setenv("WUGAN_APPS_FILE", "")

		require.Regexp(t, `(?m)^ok +lifetimes +access 4h0m0s, refresh 168h0m0s$`, good)
		t.Setenv("WUGAN_REFRESH_TTL", "2h")
		out, exit, err := command(t, "check")
		require.Equal(t, exitFailed, exit)
		require.ErrorContains(t, err, "something is wrong")
		require.Regexp(t, `(?m)^WRONG +lifetimes +refresh tokens expire after 2h0m0s and access tokens after 4h0m0s`, out)
		t.Setenv("WUGAN_REFRESH_TTL", "168h")

		w.wechat.AddApp(appID, "another-secret-of-the-app-0123456789", "platform")
		t.Setenv("WUGAN_ISSUER", "")
		t.Setenv("WUGAN_WECHAT_PUSH", "hunter2")
		out, exit, err = command(t, "check", "--online")
		require.Equal(t, exitFailed, exit)
		require.ErrorContains(t, err, "3 things are wrong")
		for _, line := range []string{`WRONG +needed to serve +WUGAN_ISSUER: expected`, `WRONG +message push +WUGAN_WECHAT_PUSH: expected`, `WRONG +platform of ` + appID, `ok +database `} {
			require.Regexp(t, `(?m)^`+line, out)
		}
		require.NotContains(t, out, "hunter2")
		require.NotContains(t, out, appSecret)

		t.Setenv("WUGAN_ACCESS_TTL", "soon")
		out, exit, _ = command(t, "check")
		require.Equal(t, exitFailed, exit)
		require.Regexp(t, `^WRONG +settings +WUGAN_ACCESS_TTL: expected a duration`, out)
	})
}

func TestCheckNamesADatabaseThatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	t.Setenv("WUGAN_DATABASE_URL", "sqlite:"+path)
	out, exit, _ := command(t, "check")
	require.Equal(t, exitFailed, exit)
	require.Regexp(t, `(?m)^WRONG +database +WUGAN_DATABASE_URL: expected a database that is there`, out)
	require.NoFileExists(t, path)
}

func TestTheCommandLineShowsASessionAndChangesAUser(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		p := w.pod()
		alice := p.signIn()
		id := p.me(alice.access).text("id")
		session := p.do("GET", "/api/v1/auth/verify", alice.access, nil).header.Get("X-Session-Id")
		shown := ok(t, "sessions", "show", session)
		require.Regexp(t, `(?m)^user +`+id+`$`, shown)
		require.Regexp(t, `(?m)^state +live$`, shown)
		var asJSON struct {
			UserID  string
			Session map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(ok(t, "sessions", "show", session, "--json")), &asJSON))
		require.Equal(t, id, asJSON.UserID)
		require.Equal(t, session, asJSON.Session["id"])

		require.Contains(t, ok(t, "users", "roles", id, "editor", "support", "--reason", "hired"), "editor, support")
		require.Contains(t, p.me(p.signIn().access).text("id"), id)
		require.Contains(t, ok(t, "users", "show", id), "editor,support")
		ok(t, "users", "roles", id, "--none", "--reason", "left")
		require.NotContains(t, ok(t, "users", "list"), "editor")

		bob := p.login("bob")
		other := p.me(bob.text("accessToken")).text("id")
		require.Contains(t, ok(t, "users", "merge", id, "--from", other, "--reason", "one person"), "has 2 identities now")
		require.Eventually(t, func() bool { return p.me(bob.text("accessToken")).text("reason") == "merged" }, 2*time.Second, 20*time.Millisecond)
		require.Equal(t, id, p.me(p.login("bob").text("accessToken")).text("id"))

		require.Contains(t, ok(t, "users", "delete", id, "--reason", "asked"), "is erased")
		require.Eventually(t, func() bool { return p.me(alice.access).status == 401 }, 2*time.Second, 20*time.Millisecond)
		nobody := uuid.NewString()
		for _, args := range [][]string{
			{"sessions", "show", nobody}, {"users", "show", id}, {"users", "delete", id, "--reason", "again"}, {"users", "roles", nobody, "editor", "--reason", "x"},
		} {
			out, exit, err := command(t, args...)
			require.Equal(t, exitFailed, exit, "%v: %v %s", args, err, out)
		}
		for _, args := range [][]string{
			{"sessions", "show"},
			{"sessions", "show", "x"},
			{"users", "roles", nobody, "--reason", "x"},
			{"users", "roles", nobody, "a", "--none", "--reason", "x"},
			{"users", "roles", nobody, "a,b", "--reason", "x"},
			{"users", "delete", nobody},
			{"users", "merge", nobody, "--reason", "x"},
			{"users", "merge", nobody, "--from", nobody, "--reason", "x"},
			{"events", "--kind", "none"},
			{"events", "--limit", "0"},
			{"events", "--after", "x"},
		} {
			out, exit, err := command(t, args...)
			require.Equal(t, exitUsage, exit, "%v: %v %s", args, err, out)
		}
	})
}

func TestTheCommandLineListsEventsInTheirOrder(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		p := w.pod()
		id := p.me(p.signIn().access).text("id")
		ok(t, "users", "disable", id, "--reason", "spam")
		type page struct {
			Cursor string
			Events []struct{ Kind, UserID, Actor string }
		}
		read := func(args ...string) (out page) {
			t.Helper()
			require.NoError(t, json.Unmarshal([]byte(ok(t, append([]string{"events", "--json"}, args...)...)), &out))
			return out
		}
		first := read("--limit", "1")
		require.Equal(t, "user_created", first.Events[0].Kind)
		rest := read("--after", first.Cursor)
		require.Equal(t, "user_disabled", rest.Events[len(rest.Events)-1].Kind)
		require.Len(t, read("--kind", "user_disabled").Events, 1)
		require.Empty(t, read("--after", rest.Cursor).Events)
		table := ok(t, "events")
		require.Less(t, strings.Index(table, "user_created"), strings.Index(table, "user_disabled"))
		require.Regexp(t, `(?m)^more: --after \S+$`, table)
	})
}

func TestTablesAreJSONOnRequest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.jwks")
	ok(t, "keys", "new", path)
	ok(t, "keys", "rotate", path)
	var keys struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(ok(t, "keys", "list", "--json", path)), &keys))
	require.Len(t, keys.Keys, 2)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var private struct{ Keys []struct{ D string } }
	require.NoError(t, json.Unmarshal(text, &private))
	for _, key := range private.Keys {
		require.NotContains(t, ok(t, "keys", "list", "--json", path), key.D)
	}

	t.Setenv("WUGAN_DATABASE_URL", "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	var steps struct{ Steps []struct{ Applied bool } }
	require.NoError(t, json.Unmarshal([]byte(ok(t, "migrate", "status", "--json")), &steps))
	require.NotEmpty(t, steps.Steps)
	require.False(t, steps.Steps[0].Applied)
	require.Equal(t, ok(t, "version"), ok(t, "--version"))
}

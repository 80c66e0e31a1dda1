package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// command runs wugan's command line within this process; it returns what was
// printed and the exit status.
func command(t *testing.T, args ...string) (out string, exit int, err error) {
	t.Helper()
	root := rootCommand()
	root.SetArgs(args)
	var text bytes.Buffer
	root.SetOut(&text)
	root.SetErr(&text)
	err = root.ExecuteContext(t.Context())
	var usage usageError
	switch {
	case errors.As(err, &usage):
		exit = exitUsage
	case err != nil:
		exit = exitFailed
	}
	return text.String(), exit, err
}

// Settings come by the environment of the process, so these tests do not run
// beside others.
func commandStores(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for name, database := range map[string]func(t *testing.T) string{
		"postgres": func(t *testing.T) string { t.Helper(); return pgtest.Migrated(t) },
		"sqlite":   func(t *testing.T) string { t.Helper(); return "sqlite:" + filepath.Join(t.TempDir(), "wugan.db") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, database(t))
			t.Setenv("WUGAN_DATABASE_URL", w.database)
			t.Setenv("WUGAN_DATA_KEY", w.dataKey)
			test(t, w)
		})
	}
}

func ok(t *testing.T, args ...string) string {
	t.Helper()
	out, exit, err := command(t, args...)
	require.NoError(t, err, out)
	require.Zero(t, exit)
	return out
}

func TestTheCommandLineShowsAndBarsUsers(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		p := w.pod()
		alice := p.signIn()
		id := p.me(alice.access).text("id")
		require.Equal(t, 200, p.do("PATCH", "/api/v1/users/me", alice.access, map[string]any{"nickname": "小明\u202e"}).status)

		require.Regexp(t, `(?m)^`+id+` +小明 .* active$`, ok(t, "users", "list", "--nickname", "小"))
		require.NotContains(t, ok(t, "users", "list", "--nickname", "大"), id)
		var listed struct{ Users []map[string]any }
		require.NoError(t, json.Unmarshal([]byte(ok(t, "users", "list", "--json", "--app", appID, "--openid", openIDOf(p, id))), &listed))
		require.Equal(t, id, listed.Users[0]["id"])
		var api struct{ Users []map[string]any }
		require.NoError(t, json.Unmarshal(p.admin("GET", "/users?id="+id).body, &api))
		require.Equal(t, api.Users, listed.Users, "the same as the admin API")

		require.Contains(t, ok(t, "users", "disable", id, "--reason", "spam", "--actor", "li.wei"), "is disabled")
		require.Eventually(t, func() bool { return p.me(alice.access).text("code") == "session_revoked" }, time.Second, 20*time.Millisecond, "noticed by the pod")
		require.Equal(t, "user_disabled", p.refresh(alice.refresh).text("code"))
		shown := ok(t, "users", "show", id)
		require.Contains(t, shown, "disabled")
		require.Regexp(t, `user_disabled +li\.wei +\{"reason": ?"spam"\}`, shown)
		require.Contains(t, ok(t, "users", "enable", id, "--reason", "sorry"), "is active")
		require.Equal(t, 200, p.login("alice").status)
		var show map[string]any
		require.NoError(t, json.Unmarshal([]byte(ok(t, "users", "show", id, "--json")), &show))
		require.Len(t, show["sessions"], 2)
		require.Equal(t, osUser(), show["events"].([]any)[0].(map[string]any)["actor"])
	})
}

func TestTheCommandLineEndsSessions(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		p := w.pod()
		first, second, third := p.signIn(), p.signIn(), p.signIn()
		id := p.me(first.access).text("id")
		session := p.do("GET", "/api/v1/auth/verify", first.access, nil).header.Get("X-Session-Id")
		require.Contains(t, ok(t, "sessions", "list", id), session)
		require.Contains(t, ok(t, "sessions", "revoke", session, "--reason", "stolen"), "has ended")
		require.NotContains(t, ok(t, "sessions", "list", id), session)
		require.Regexp(t, session+`.*ended .*: operator`, ok(t, "sessions", "list", id, "--all"))
		require.Equal(t, "session_revoked", p.refresh(first.refresh).text("code"))
		require.Equal(t, 200, p.refresh(second.refresh).status)
		ok(t, "sessions", "revoke", "--user", id, "--reason", "all of them", "--json")
		require.Equal(t, "session_revoked", p.refresh(third.refresh).text("code"))

		// One whose row a failover has lost, named by the log of a gateway.
		lost := "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f"
		out, exit, err := command(t, "sessions", "revoke", lost, "--reason", "stolen")
		require.Equal(t, exitFailed, exit, "%v: %s", err, out)
		require.ErrorContains(t, err, "--lost")
		for range 2 {
			require.Contains(t, ok(t, "sessions", "revoke", lost, "--lost", "--reason", "stolen"), "has ended")
		}

		var none struct{ Sessions []any }
		require.NoError(t, json.Unmarshal([]byte(ok(t, "sessions", "list", id, "--json")), &none))
		require.Empty(t, none.Sessions)
	})
}

func TestTheCommandLineTellsFailureFromMisuse(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		w.pod() // makes the schema
		nobody := "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f"
		for _, args := range [][]string{
			{"users"},
			{"users", "show"},
			{"users", "show", "alice"},
			{"users", "disable", nobody},
			{"users", "list", "--limit", "0"},
			{"users", "list", "--app", appID},
			{"users", "list", "--unknown"},
			{"users", "list", "extra"},
			{"sessions", "revoke", "--reason", "x"},
			{"sessions", "revoke", nobody, "--user", nobody, "--reason", "x"},
			{"sessions", "revoke", nobody},
			{"users", "disable", nobody, "--reason", "x", "--actor", "李伟"},
			{"users", "enable", nobody, "--reason", "a\x00b"},
		} {
			out, exit, err := command(t, args...)
			require.Equal(t, exitUsage, exit, "%v: %v %s", args, err, out)
		}
		for _, args := range [][]string{
			{"users", "show", nobody}, {"users", "disable", nobody, "--reason", "x"}, {"sessions", "revoke", nobody, "--reason", "x"}, {"sessions", "list", nobody},
		} {
			out, exit, err := command(t, args...)
			require.Equal(t, exitFailed, exit, "%v: %v %s", args, err, out)
		}
	})
}

func TestACopyThatCannotBeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wugan.db")
	t.Setenv("WUGAN_DATABASE_URL", "sqlite:"+path)
	ok(t, "migrate", "up")
	_, exit, err := command(t, "copy", "--from", "sqlite:"+path)
	require.Equal(t, exitFailed, exit)
	require.ErrorContains(t, err, "WUGAN_DATABASE_URL: expected the PostgreSQL database to fill")
	t.Setenv("WUGAN_DATABASE_URL", pgtest.Migrated(t))
	require.Contains(t, ok(t, "copy", "--from", "sqlite:"+path), "copied 0 users")
	for _, args := range [][]string{{"copy"}, {"copy", "--from", path}} {
		_, exit, _ := command(t, args...)
		require.Equal(t, exitUsage, exit, args)
	}
	_, exit, _ = command(t, "copy", "--from", "sqlite:"+path+".none")
	require.Equal(t, exitFailed, exit)
	require.NoFileExists(t, path+".none")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("the diary of somebody\n", 100)), 0o600))
	t.Setenv("WUGAN_DATABASE_URL", "sqlite:"+path)
	_, exit, err = command(t, "migrate", "status")
	require.Equal(t, exitFailed, exit, err)
}

func TestRekeySaysHowMuchWasSealed(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		w.pod().signIn()
		require.Contains(t, ok(t, "rekey"), "1 values seen, 0 sealed anew")
	})
}

func TestAMistypedDatabaseIsNotAnEmptyService(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	t.Setenv("WUGAN_DATABASE_URL", "sqlite:"+path)
	_, exit, err := command(t, "users", "list")
	require.Equal(t, exitFailed, exit)
	require.ErrorContains(t, err, "WUGAN_DATABASE_URL: expected a database that is there")
	require.NoFileExists(t, path)
}

// openIDOf asks the admin API how WeChat names a user.
func openIDOf(p *pod, id string) string {
	p.w.t.Helper()
	var user struct{ Identities []struct{ OpenID string } }
	require.NoError(p.w.t, json.Unmarshal(p.admin("GET", "/users/"+id).body, &user))
	require.Len(p.w.t, user.Identities, 1)
	return user.Identities[0].OpenID
}

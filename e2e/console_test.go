//go:build e2e

package e2e_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/wechat/fakewechat"
)

const (
	consoleSupport = "anna-key-0123456789-abcdefghijklmnop"
	consoleGateway = "gate-key-0123456789-abcdefghijklmnop"
	manyEvents     = 10_000
	crowdSize      = 210_000 // more than two pages of a search by a part of the nickname
)

// consoleNames are people and their nicknames, in several scripts, one of them a try at markup.
var consoleNames = [][2]string{
	{"nameless", ""},
	{"leaver", "Leaver"},
	{"mallory", `<img src=x onerror=alert(1)> & "M"`},
	{"anong", "อนงค์ ดีใจ"},
	{"lihua", "李华 🐼"},
	{"busy", "王小波"},
	{"zoe", "Zoë Müller"},
	{"mariam", "مريم العلي"},
	{"ming", "小明"},
}

// consoleWorld is a pod with people, and what the browser's test asks of both.
type consoleWorld struct {
	*fleet
	database string
	mu       sync.Mutex
	pod      *process
	env      map[string]string
	logIn    func(person, device string) (access, refresh string)
}

func TestTheConsoleKeepsItsPromisesInChromium(t *testing.T) {
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	folder := filepath.Join(top, "e2e", "console")
	run := func(dir string, env []string, name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
	run(top, nil, filepath.Join(top, "scripts", "need"), "/usr/bin/chromium=chromium",
		"/usr/share/fonts/truetype/wqy/wqy-microhei.ttc=fonts-wqy-microhei") // or every picture shows boxes
	run(top, nil, filepath.Join(top, "scripts", "npm-ci"), "e2e/console", "--ignore-scripts")

	for store, database := range map[string]string{
		"postgres": pgtest.Migrated(t), "sqlite": "sqlite:" + filepath.Join(t.TempDir(), "wugan.db"),
	} {
		t.Run(store, func(t *testing.T) {
			w := newConsoleWorld(t, database)
			people := w.populate()
			control := httptest.NewServer(w.control())
			t.Cleanup(control.Close)
			ids, err := json.Marshal(people)
			require.NoError(t, err)
			cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "console.test.mjs")
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "CONSOLE_URL="+w.pod.base+"/console/", "CONTROL_URL="+control.URL, "PEOPLE="+string(ids), "STORE="+store,
				"ADMIN_KEY="+adminKey, "SUPPORT_KEY="+consoleSupport, "GATEWAY_KEY="+consoleGateway)
			output, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", output)
			t.Logf("%s", output)
		})
	}
}

func newConsoleWorld(t *testing.T, database string) *consoleWorld {
	t.Helper()
	w := &consoleWorld{database: database, fleet: newFleet(t, database), env: map[string]string{
		"WUGAN_ADDR": freeAddress(t), "WUGAN_REFRESH_GRACE": "0s", "WUGAN_DASHBOARD_URL": "https://grafana.example.com/d/wugan",
		"WUGAN_API_KEYS": "anna:support:" + consoleSupport + ",gate:gateway:" + consoleGateway,
	}}
	w.pod = w.start(w.env)
	w.logIn = func(person, device string) (access, refresh string) {
		t.Helper()
		code, err := w.wechat.Login(app, person)
		require.NoError(t, err)
		status, answer, err := exchange(http.DefaultClient, "POST", w.pod.base+"/api/v1/auth/login", "",
			map[string]any{"code": code, "deviceId": device, "deviceName": device})
		require.NoError(t, err)
		require.Equal(t, 200, status, answer)
		return answer["accessToken"].(string), answer["refreshToken"].(string)
	}
	return w
}

// populate makes people with a past, and returns their ids by how the test calls
// them.
func (w *consoleWorld) populate() map[string]string {
	w.t.Helper()
	call := func(method, path, bearer string, body any, want int) map[string]any {
		w.t.Helper()
		status, answer, err := exchange(http.DefaultClient, method, w.pod.base+path, bearer, body)
		require.NoError(w.t, err)
		require.Equal(w.t, want, status, answer)
		return answer
	}
	people := map[string]string{}
	for i := range 26 {
		w.logIn(fmt.Sprint("other", i), "")
	}
	for _, named := range consoleNames {
		name, nickname := named[0], named[1]
		access, _ := w.logIn(name, "iPhone 15")
		people[name] = call("GET", "/api/v1/users/me", access, nil, 200)["id"].(string)
		if nickname != "" {
			call("PATCH", "/api/v1/users/me", access, map[string]any{"nickname": nickname}, 200)
		}
	}
	w.wechat.SetUser(fakewechat.User{Name: "ming", Phone: "13812340000"})
	access, refresh := w.logIn("ming", "HUAWEI Mate 60")
	code, err := w.wechat.PhoneCode(app, "ming")
	require.NoError(w.t, err)
	call("POST", "/api/v1/users/me/phone", access, map[string]any{"code": code}, 200)
	next := call("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": refresh}, 200)
	call("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": next["refreshToken"]}, 200)
	// The copy of a token that was used already ends the session.
	people["reused"], _ = call("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": refresh}, 401)["requestId"].(string)
	w.logIn("ming", "Xiaomi 14")
	for i := range 12 {
		w.logIn("busy", fmt.Sprint("device ", i))
	}
	call("PUT", "/api/v1/admin/users/"+people["ming"]+"/roles", adminKey, map[string]any{"roles": []string{"editor"}, "reason": "ticket 1"}, 200)
	call("PUT", "/api/v1/admin/users/"+people["ming"]+"/metadata", adminKey, map[string]any{"metadata": map[string]any{"tier": "gold"}, "reason": "ticket 1"}, 200)
	w.past(people["busy"])
	return people
}

// past gives a person as many events as one has who is signed out again and again.
func (w *consoleWorld) past(id string) {
	w.execute(w.t.Context(), `
INSERT INTO events (at, kind, user_id, actor, detail)
SELECT now() - n * interval '1 minute', 'session_revoked', $1, 'user', '{"reason": "replaced"}' FROM generate_series(1, $2) n`, `
WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < ?2)
INSERT INTO events (at, kind, user_id, actor, detail)
SELECT (unixepoch() - n * 60) * 1000000, 'session_revoked', ?1, 'user', '{"reason": "replaced"}' FROM g`, id, manyEvents)
}

// crowd makes people who are older than all others. The first of them has a name
// of its own.
func (w *consoleWorld) crowd(ctx context.Context) {
	w.execute(ctx, `
INSERT INTO users (id, nickname, created_at, last_login_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, CASE n WHEN 1 THEN '元老' ELSE 'Crowd ' || n END, now(), now()
FROM generate_series(1, $1) n`, `
WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < ?1)
INSERT INTO users (id, nickname, created_at, last_login_at)
SELECT printf('00000000-0000-7000-8000-%012x', n), CASE n WHEN 1 THEN '元老' ELSE 'Crowd ' || n END, unixepoch() * 1000000, unixepoch() * 1000000 FROM g`,
		crowdSize)
}

// execute runs a statement of one database or the other.
func (w *consoleWorld) execute(ctx context.Context, postgres, sqlite string, args ...any) {
	w.t.Helper()
	driver, address, statement := "pgx", w.database, postgres
	if path, is := strings.CutPrefix(w.database, "sqlite:"); is {
		driver, address, statement = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)", sqlite
	}
	db, err := sql.Open(driver, address)
	require.NoError(w.t, err)
	defer db.Close()
	_, err = db.ExecContext(ctx, statement, args...)
	require.NoError(w.t, err)
}

// control lets the browser's test stop and start the pod, and log people in.
func (w *consoleWorld) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /stop", func(http.ResponseWriter, *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		_ = w.pod.cmd.Process.Kill()
		if err := <-w.pod.done; err == nil {
			w.t.Error("the pod had ended in good order before it was killed")
		}
		w.pod = nil
	})
	mux.HandleFunc("POST /start", func(http.ResponseWriter, *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.pod == nil {
			w.pod = w.start(w.env)
		}
	})
	mux.HandleFunc("POST /crowd", func(_ http.ResponseWriter, r *http.Request) { w.crowd(r.Context()) })
	mux.HandleFunc("POST /login", func(rw http.ResponseWriter, r *http.Request) {
		access, _ := w.logIn(r.URL.Query().Get("person"), r.URL.Query().Get("device"))
		_ = json.NewEncoder(rw).Encode(map[string]string{"accessToken": access})
	})
	server := http.TimeoutHandler(mux, time.Minute, "too long")
	return server
}

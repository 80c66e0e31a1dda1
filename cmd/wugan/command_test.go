package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// program is the built command, run as a process of its own.
type program struct{ path string }

// TestTheProgram runs the command as operators do. One test for all of it, so
// that it is built once.
func TestTheProgram(t *testing.T) {
	t.Parallel()
	p := program{filepath.Join(t.TempDir(), "wugan")}
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=v1.2.3-test", "-o", p.path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, c := range []struct {
		name string
		run  func(p program, t *testing.T)
	}{
		{"tells success, failure and wrong usage by its exit status", program.exitStatuses},
		{"tells its version", program.tellsItsVersion},
		{"does not serve without what production needs, and names it in one line", program.needs},
		{"serves, is healthy, refuses the stand-in's codes, and stops when asked", program.serves},
		{"dev runs in an empty folder, its three lines work, and a restart keeps everything", program.dev},
		{"dev takes lifetimes on the command line", program.devLifetimes},
		{"migrates up, down and tells its state, on PostgreSQL", program.migratesPostgres},
		{"migrates up, down and tells its state, on SQLite", program.migratesSQLite},
		{"migrates once when eight start at the same moment", program.migratesAtOnce},
		{"agrees with the goose command about what has been done", program.agreesWithGoose},
		{"makes, rotates and lists keys without showing them", program.keys},
		{"plays WeChat for back ends in any language", program.playsWeChat},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(p, t)
		})
	}
}

// command is one run of the program, in an empty folder and with nothing in the
// environment but what is given.
func (p program) command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	// The test's context ends before its cleanup, which is to see a graceful stop.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), p.path, args...)
	cmd.Dir, cmd.Env = t.TempDir(), append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}, env...)
	return cmd
}

// run waits for the end and returns what was written, and the exit status.
func (p program) run(t *testing.T, env []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := p.command(t, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// ok is a run that must succeed.
func (p program) ok(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, errs, status := p.run(t, env, args...)
	require.Zero(t, status, "%v: %s%s", args, out, errs)
	return out
}

// process is a run that goes on.
type process struct {
	cmd         *exec.Cmd
	out, errors *logBook
	done        chan error
}

func (p program) start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	r := &process{cmd: cmd, out: &logBook{}, errors: &logBook{}, done: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = r.out, r.errors
	require.NoError(t, cmd.Start())
	go func() { r.done <- cmd.Wait() }()
	t.Cleanup(func() {
		r.stop(t)
		if t.Failed() {
			t.Logf("%s wrote:\n%s%s", cmd.Args, r.out, r.errors)
		}
	})
	return r
}

// stop asks the process to end, as an orchestrator does; again does nothing.
func (r *process) stop(t *testing.T) {
	t.Helper()
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-r.done:
		require.NoError(t, err, "a stop that was asked for is no failure")
		r.done <- nil
	case <-time.After(20 * time.Second):
		_ = r.cmd.Process.Kill()
		t.Error("the program did not stop when it was asked to")
	}
}

// ready waits for a good answer.
func (r *process) ready(t *testing.T, url string) {
	t.Helper()
	require.Eventually(t, func() bool { return status(url) == http.StatusOK }, 30*time.Second, 20*time.Millisecond,
		"%s does not answer", url)
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (p program) exitStatuses(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--help"}, {"keys", "new", "--help"}, {"help"}, {"help", "keys"}, {"help", "keys", "new"}, {"help", "help"}, {"completion", "bash"}} {
		_, _, status := p.run(t, nil, args...)
		require.Equal(t, 0, status, args)
	}
	for _, args := range [][]string{
		{},
		{"nonsense"},
		{"serve", "extra"},
		{"serve", "--nonsense"},
		{"migrate"},
		{"migrate", "sideways"},
		{"help", "nonsense"},
		{"help", "keys", "nonsense"},
		{"help", "keys", "new", "nonsense"},
		{"help", "--nonsense"},
		{"completion", "nonsense"},
		{"completion", "bash", "extra"},
		{"keys"},
		{"keys", "new"},
		{"keys", "new", "a", "b"},
		{"keys", "new", "--alg", "none", "a"},
		{"dev", "--access-ttl", "soon"},
		{"dev", "--access-ttl", "-1s"},
		{"users", "show", "alice"},
		{"sessions"},
		{"version", "extra"},
		{"fakewechat", "extra"},
		{"healthcheck", "--url"},
	} {
		out, errs, status := p.run(t, nil, args...)
		require.Equal(t, exitUsage, status, "%v: %s%s", args, out, errs)
		require.Contains(t, errs, "wugan: ", args)
	}
	for _, args := range [][]string{
		{"serve"},
		{"keys", "list", "none.jwks"},
		{"keys", "rotate", "none.jwks"},
		{"healthcheck", "--url", "http://127.0.0.1:1/readyz"},
		{"users", "list"},
		{"keys", "new", "/no/such/folder/access.jwks"},
	} {
		out, errs, status := p.run(t, nil, args...)
		require.Equal(t, exitFailed, status, "%v: %s%s", args, out, errs)
		require.Equal(t, 1, strings.Count(errs, "\n"), "%v: %s", args, errs)
	}
	_, errs, status := p.run(t, []string{"WUGAN_ACCESS_TTL=soon"}, "migrate", "status")
	require.Equal(t, exitFailed, status)
	require.Equal(t, "wugan: WUGAN_ACCESS_TTL: expected a duration such as 30s, 4h or 168h\n", errs)
}

func (p program) tellsItsVersion(t *testing.T) {
	require.Equal(t, "wugan v1.2.3-test\n", p.ok(t, nil, "version"))
}

// production is what a good production environment has.
func (p program) production(t *testing.T, database string) map[string]string {
	t.Helper()
	folder := t.TempDir()
	p.ok(t, nil, "keys", "new", filepath.Join(folder, "access.jwks"))
	p.ok(t, nil, "keys", "new", "--alg", "HS256", filepath.Join(folder, "refresh.jwks"))
	dataKey, err := newDataKey(func(b []byte) (int, error) { copy(b, "0123456789abcdef0123456789abcdef"); return len(b), nil })
	require.NoError(t, err)
	return map[string]string{
		"WUGAN_ADDR": freeAddress(t), "WUGAN_METRICS_ADDR": "", "WUGAN_DATABASE_URL": database,
		"WUGAN_WECHAT_APPS": appID + ":" + appSecret, "WUGAN_WECHAT_API_URL": "http://127.0.0.1:1",
		"WUGAN_ACCESS_KEYS": filepath.Join(folder, "access.jwks"), "WUGAN_REFRESH_KEYS": filepath.Join(folder, "refresh.jwks"),
		"WUGAN_DATA_KEY": dataKey,
	}
}

func environment(settings map[string]string) []string {
	var env []string
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	return env
}

func (p program) needs(t *testing.T) {
	settings := p.production(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	for _, name := range []string{"WUGAN_WECHAT_APPS", "WUGAN_ACCESS_KEYS", "WUGAN_REFRESH_KEYS", "WUGAN_DATA_KEY"} {
		value := settings[name]
		delete(settings, name)
		_, errs, status := p.run(t, environment(settings), "serve")
		require.Equal(t, exitFailed, status)
		require.Regexp(t, `^wugan: `+name+`\b.*\n$`, errs)
		require.NotContains(t, errs, appSecret)
		settings[name] = value
	}
	_, errs, status := p.run(t, nil, "serve")
	require.Equal(t, exitFailed, status)
	require.Equal(t, 1, strings.Count(errs, "\n"), errs)
	for _, name := range []string{"WUGAN_WECHAT_APPS", "WUGAN_ACCESS_KEYS", "WUGAN_REFRESH_KEYS", "WUGAN_DATA_KEY"} {
		require.Contains(t, errs, name)
	}

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	settings["WUGAN_ADDR"] = taken.Addr().String()
	_, errs, status = p.run(t, environment(settings), "serve")
	require.Equal(t, exitFailed, status)
	require.Regexp(t, `(?m)^wugan: WUGAN_ADDR: expected an address that can be listened on: .*address already in use$`, errs)
}

func (p program) serves(t *testing.T) {
	settings := p.production(t, pgtest.Migrated(t))
	wechat := p.wechat(t)
	settings["WUGAN_WECHAT_API_URL"] = "http://" + wechat.address
	base := "http://" + settings["WUGAN_ADDR"]
	service := p.start(t, p.command(t, environment(settings), "serve"))
	service.ready(t, base+"/readyz")
	require.Empty(t, p.ok(t, environment(settings), "healthcheck"))
	p.ok(t, nil, "healthcheck", "--url", base+"/healthz")

	// The stand-in would take it; the service does not even ask.
	require.Equal(t, http.StatusBadRequest, post(base+"/api/v1/auth/login", `{"code":"dev:alice"}`))
	require.Equal(t, http.StatusOK, post(base+"/api/v1/auth/login", `{"code":"`+wechat.code(t, "alice")+`"}`))

	service.stop(t)
	_, errs, status := p.run(t, environment(settings), "healthcheck")
	require.Equal(t, exitFailed, status, errs)
	require.NotContains(t, service.errors.String(), appSecret)
}

var pasted = regexp.MustCompile(`(?m)^curl .*$`)

// paste runs a line in a shell, as a newcomer would.
func paste(t *testing.T, folder, line string) map[string]any {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = folder
	out, err := cmd.Output()
	require.NoError(t, err, line)
	var answer map[string]any
	require.NoError(t, json.Unmarshal(out, &answer), "%s\n%s", line, out)
	return answer
}

func (p program) dev(t *testing.T) {
	_, err := exec.LookPath("curl")
	require.NoError(t, err, "the three lines are for curl")
	address := freeAddress(t)
	cmd := p.command(t, []string{"WUGAN_ADDR=" + address}, "dev")
	folder := cmd.Dir
	first := p.start(t, cmd)
	first.ready(t, "http://"+address+"/readyz")
	require.Eventually(t, func() bool { return len(pasted.FindAllString(first.out.String(), -1)) == 3 }, 5*time.Second, 10*time.Millisecond)
	welcome := first.out.String()
	require.Contains(t, welcome, "NOT FOR PRODUCTION")
	lines := pasted.FindAllString(welcome, -1)

	login := paste(t, folder, lines[0])
	require.Equal(t, true, login["newUser"])
	id := login["user"].(map[string]any)["id"]
	require.NotEmpty(t, id)
	require.Equal(t, id, paste(t, folder, lines[1])["id"])
	require.NotEmpty(t, paste(t, folder, lines[2])["refreshToken"])
	jwks := get(t, "http://"+address+"/.well-known/jwks.json")

	first.stop(t)
	again := p.command(t, []string{"WUGAN_ADDR=" + address}, "dev")
	again.Dir = folder
	second := p.start(t, again)
	second.ready(t, "http://"+address+"/readyz")
	require.Equal(t, jwks, get(t, "http://"+address+"/.well-known/jwks.json"), "the keys are kept")
	require.Equal(t, id, paste(t, folder, lines[1])["id"], "and the session")
	require.NotEmpty(t, paste(t, folder, lines[2])["refreshToken"])
	require.Equal(t, false, paste(t, folder, lines[0])["newUser"])

	for _, name := range []string{"access.jwks", "refresh.jwks", "data.key", "wugan.db"} {
		info, err := os.Stat(filepath.Join(folder, ".wugan", name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	require.NoError(t, err)
	return body.String()
}

func (p program) devLifetimes(t *testing.T) {
	address := freeAddress(t)
	cmd := p.command(t, nil, "dev", "--addr", address, "--access-ttl", "2s", "--refresh-ttl", "1h", "--refresh-grace", "0s", "--session-max-age", "30m", "--data", "here")
	folder := cmd.Dir
	p.start(t, cmd).ready(t, "http://"+address+"/readyz")
	login := paste(t, folder, `curl -s http://`+address+`/api/v1/auth/login -H 'Content-Type: application/json' -d '{"code":"dev:alice"}'`)
	require.EqualValues(t, 2, login["expiresIn"])
	require.EqualValues(t, 1800, login["refreshExpiresIn"], "the greatest age comes first")
	me := func() any {
		token := login["accessToken"].(string)
		return paste(t, folder, `curl -s http://`+address+`/api/v1/users/me -H 'Authorization: Bearer `+token+`'`)["code"]
	}
	require.Nil(t, me())
	require.Eventually(t, func() bool { return me() == "token_expired" }, 5*time.Second, 100*time.Millisecond)
	require.FileExists(t, filepath.Join(folder, "here", "wugan.db"))
}

func (p program) migratesPostgres(t *testing.T) { p.migrates(t, pgtest.Empty(t)) }

func (p program) migratesSQLite(t *testing.T) {
	p.migrates(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
}

func (p program) migrates(t *testing.T, database string) {
	t.Helper()
	env := []string{"WUGAN_DATABASE_URL=" + database}
	status := func() (pending, applied int) {
		out := p.ok(t, env, "migrate", "status")
		return strings.Count(out, "pending"), strings.Count(out, "applied")
	}
	steps, applied := status()
	require.Positive(t, steps)
	require.Zero(t, applied)

	// Operators' commands and the service want a schema that is current.
	_, errs, exit := p.run(t, env, "users", "list")
	require.Equal(t, exitFailed, exit)
	require.Contains(t, errs, "wugan migrate up")

	require.Contains(t, p.ok(t, env, "migrate", "up"), "applied 1 ")
	pending, applied := status()
	require.Zero(t, pending)
	require.Equal(t, steps, applied)
	require.Equal(t, "the schema is current\n", p.ok(t, env, "migrate", "up"))
	p.ok(t, env, "users", "list")

	for range steps {
		require.Contains(t, p.ok(t, env, "migrate", "down"), "took back ")
	}
	pending, applied = status()
	require.Equal(t, steps, pending)
	require.Zero(t, applied)
	require.Equal(t, "there is no step to take back\n", p.ok(t, env, "migrate", "down"))
	require.Contains(t, p.ok(t, env, "migrate", "up"), "applied 1 ")
}

func (p program) migratesAtOnce(t *testing.T) {
	for _, database := range []string{pgtest.Empty(t), "sqlite:" + filepath.Join(t.TempDir(), "wugan.db")} {
		var (
			wg      sync.WaitGroup
			mu      sync.Mutex
			applied int
		)
		for range 8 {
			cmd := p.command(t, []string{"WUGAN_DATABASE_URL=" + database}, "migrate", "up")
			wg.Go(func() {
				out, err := cmd.CombinedOutput()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				applied += strings.Count(string(out), "applied 1 ")
			})
		}
		wg.Wait()
		require.Equal(t, 1, applied, "each step is taken by one of them")
		require.NotContains(t, p.ok(t, []string{"WUGAN_DATABASE_URL=" + database}, "migrate", "status"), "pending")
	}
}

func (p program) agreesWithGoose(t *testing.T) {
	install := exec.CommandContext(t.Context(), "../../scripts/tools", "goose")
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)
	goose := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), ".tools/bin/goose", args...)
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	database := pgtest.Empty(t)
	env := []string{"WUGAN_DATABASE_URL=" + database}
	goose("-dir", "migrations", "postgres", database, "up")
	require.NotContains(t, p.ok(t, env, "migrate", "status"), "pending")
	require.Equal(t, "the schema is current\n", p.ok(t, env, "migrate", "up"))
	p.ok(t, env, "users", "list")
	goose("-dir", "migrations", "postgres", database, "down")
	require.Contains(t, p.ok(t, env, "migrate", "status"), "pending")
}

func (p program) keys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.jwks")
	require.Regexp(t, `^`+regexp.QuoteMeta(path)+`: one ES256 key, id \S+\n$`, p.ok(t, nil, "keys", "new", path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, errs, status := p.run(t, nil, "keys", "new", path)
	require.Equal(t, exitFailed, status, "overwriting a key file would end every session")
	require.Contains(t, errs, "file exists")
	same, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, same)

	require.Contains(t, p.ok(t, nil, "keys", "rotate", "--active-in", "1h", path), "0 dropped")
	listed := p.ok(t, nil, "keys", "list", path)
	require.Regexp(t, `(?m)^\S+ +ES256 +\d{4}-\S+Z +published, will sign$`, listed)
	require.Regexp(t, `(?m)^\S+ +ES256 +always +signs$`, listed)
	require.Contains(t, p.ok(t, nil, "keys", "rotate", "--alg", "EdDSA", "--active-in", "0s", path), "new EdDSA key")
	require.Contains(t, p.ok(t, nil, "keys", "rotate", "--active-in", "0s", "--drain", "0s", path), "new EdDSA key", "the algorithm of the one in use")

	var file struct{ Keys []map[string]any }
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	listed = p.ok(t, nil, "keys", "list", path)
	for _, key := range file.Keys {
		require.NotEmpty(t, key["d"])
		require.NotContains(t, listed, key["d"])
		require.Contains(t, listed, key["kid"])
	}
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "a rotation keeps it private")

	for _, algorithm := range []string{"ES256", "EdDSA", "RS256", "HS256"} {
		require.Contains(t, p.ok(t, nil, "keys", "new", "--alg", algorithm, path+algorithm), "one "+algorithm+" key")
	}
}

// standIn is a running wugan fakewechat.
type standIn struct{ address, control string }

func (p program) wechat(t *testing.T) standIn {
	t.Helper()
	s := standIn{freeAddress(t), freeAddress(t)}
	run := p.start(t, p.command(t, nil, "fakewechat", "--listen", s.address, "--control", s.control, "--app", appID+":"+appSecret+":platform"))
	require.Eventually(t, func() bool {
		return status("http://"+s.address+"/sns/jscode2session") != 0 && status("http://"+s.control+"/") != 0
	}, 20*time.Second, 20*time.Millisecond, "%s", run.errors)
	return s
}

// code asks the control side for a wx.login code.
func (s standIn) code(t *testing.T, user string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.control+"/login", strings.NewReader(`{"appId":"`+appID+`","user":"`+user+`"}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	var answer struct{ Code string }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NotEmpty(t, answer.Code)
	return answer.Code
}

func (p program) playsWeChat(t *testing.T) {
	s := p.wechat(t)
	ask := func(code string) map[string]any {
		text := get(t, "http://"+s.address+"/sns/jscode2session?appid="+appID+"&secret="+appSecret+"&grant_type=authorization_code&js_code="+code)
		var answer map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
		return answer
	}
	code := s.code(t, "alice")
	first := ask(code)
	require.Len(t, first["openid"], 28)
	require.NotEmpty(t, first["session_key"])
	require.NotEmpty(t, first["unionid"])
	require.EqualValues(t, 40163, ask(code)["errcode"])
	require.EqualValues(t, 40029, ask("nobody-made-this")["errcode"])
	require.NotEmpty(t, ask("dev:bob")["openid"])

	bare := freeAddress(t)
	run := p.start(t, p.command(t, nil, "fakewechat", "--listen", bare, "--control", freeAddress(t), "--app", appID+":"+appSecret, "--no-dev-codes"))
	require.Eventually(t, func() bool { return status("http://"+bare+"/sns/jscode2session") != 0 }, 20*time.Second, 20*time.Millisecond, "%s", run.errors)
	s.address = bare
	require.EqualValues(t, 40029, ask("dev:bob")["errcode"])
	_, errs, exit := p.run(t, nil, "fakewechat", "--app", "nonsense")
	require.NotZero(t, exit)
	require.Contains(t, errs, "appid:secret")
}

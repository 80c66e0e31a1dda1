package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
		{"dev runs in an empty folder, its lines work, and a restart keeps everything", program.dev},
		{"dev says what it ignores, and names the issuer after the port", program.devAlone},
		{"dev takes lifetimes on the command line", program.devLifetimes},
		{"migrates up, down and tells its state, on PostgreSQL", program.migratesPostgres},
		{"migrates up, down and tells its state, on SQLite", program.migratesSQLite},
		{"migrates once when eight start at the same moment", program.migratesAtOnce},
		{"agrees with the goose command about what has been done", program.agreesWithGoose},
		{"makes, rotates and lists keys without showing them", program.keys},
		{"backs up while the service runs, and restores while it does not", program.backups},
		{"plays WeChat for back ends in any language", program.playsWeChat},
		{"plays another platform, for wugan serve and others", program.playsAlipay},
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

// freeAddress is a loopback address on which nothing listens.
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
		{"keys", "rotate", "--drain", "-1h", "a"},
		{"keys", "rotate", "--active-in", "-1h", "a"},
		{"dev", "--access-ttl", "soon"},
		{"dev", "--access-ttl", "-1s"},
		{"users", "show", "alice"},
		{"sessions"},
		{"version", "extra"},
		{"fakewechat", "extra"},
		{"fake"},
		{"fake", "nonsense"},
		{"fake", "wechat"},
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

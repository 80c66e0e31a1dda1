package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// home is a directory with the processes that live in it. A watchdog, started
// before the first of them, stops what is left and removes the directory as
// soon as this process is gone, or close is called.
type home struct {
	dir      string
	attr     *syscall.SysProcAttr
	watchdog *exec.Cmd
	alive    io.Closer // the watchdog waits for the end of this pipe
}

// watchdogScript reads until the other end of its standard input closes, which
// the kernel does for us even after a SIGKILL. QUIT is PostgreSQL's immediate
// stop, and stops PgBouncer as well.
const watchdogScript = `
trap '' INT TERM HUP
cat >/dev/null
for f in "$1"/*.pid "$1"/*/postmaster.pid; do
	pid=$(head -n 1 "$f" 2>/dev/null) || continue
	kill -QUIT "$pid" 2>/dev/null || continue
	n=0
	while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
	kill -KILL "$pid" 2>/dev/null
done
rm -rf -- "$1"
`

func newHome(ctx context.Context) (*home, error) {
	dir, err := os.MkdirTemp("", "wugan-pg-")
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir, attr: &syscall.SysProcAttr{
		// A Ctrl-C in the terminal is for the tests; the servers end after them.
		Setpgid: true,
	}}
	if err := h.dropRoot(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer reader.Close()
	h.watchdog = h.command(context.WithoutCancel(ctx), "/bin/sh", "-c", watchdogScript, "wugan-watchdog", dir)
	h.watchdog.Stdin = reader
	if err := h.watchdog.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the watchdog: %w", err), writer.Close(), os.RemoveAll(dir))
	}
	h.alive = writer
	return h, nil
}

// dropRoot arranges for the processes to run as an unprivileged user when we
// are root, because neither PostgreSQL nor PgBouncer runs as root.
func (h *home) dropRoot() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return err
		}
		h.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(h.dir, int(uid), int(gid))
	}
	return errors.New("neither the user postgres nor nobody exists, and PostgreSQL does not run as root")
}

func (h *home) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = h.dir
	cmd.SysProcAttr = h.attr
	// PGHOST and the like would change what the programs do.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + h.dir}
	return cmd
}

// write makes a file that only the unprivileged user can read.
func (h *home) write(name, content string) error {
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	if c := h.attr.Credential; c != nil {
		return os.Chown(path, int(c.Uid), int(c.Gid))
	}
	return nil
}

// close has the watchdog do its work and waits for it. It may be called twice.
func (h *home) close() error {
	err := h.alive.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	// The script's last command decides, and that is rm.
	if werr := h.watchdog.Wait(); werr != nil {
		return fmt.Errorf("remove %s: %w", h.dir, werr)
	}
	return err
}

// daemon is one server process of a home.
type daemon struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{} // closed when the process has been waited for
}

// start runs a server, which goes on when ctx ends; its output goes to a log
// file in the home. Were it to inherit ours, go test would wait for it.
func (h *home) start(ctx context.Context, logName, name string, args ...string) (*daemon, error) {
	d := &daemon{log: filepath.Join(h.dir, logName), exited: make(chan struct{})}
	out, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	d.cmd = h.command(context.WithoutCancel(ctx), name, args...)
	d.cmd.Stdout, d.cmd.Stderr = out, out
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = d.cmd.Wait() // how it ended stands in the log
		close(d.exited)
	}()
	return d, nil
}

func (d *daemon) running() bool {
	select {
	case <-d.exited:
		return false
	default:
		return true
	}
}

// signal sends sig and waits for the end of the process.
func (d *daemon) signal(ctx context.Context, sig syscall.Signal) error {
	if err := d.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-d.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("process %d did not end after %v: %w", d.cmd.Process.Pid, sig, ctx.Err())
	}
}

// tail gives the end of the log, for error messages.
func (d *daemon) tail() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	const enough = 2000
	if len(text) > enough {
		text = text[len(text)-enough:]
	}
	return string(text)
}

// freePort picks a port of 127.0.0.1 at random from below the range that the
// kernel gives to outgoing connections, so that a server which is stopped for
// a while finds its port free again.
func freePort(ctx context.Context) (int, error) {
	const low, high = 15000, 32000
	for range 50 {
		n, err := rand.Int(rand.Reader, big.NewInt(high-low))
		if err != nil {
			return 0, err
		}
		port := low + int(n.Int64())
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("no free port found")
}

// poll calls f every few milliseconds until it succeeds, stop is closed, or
// ctx ends; the last error of f is in the error.
func poll(ctx context.Context, stop <-chan struct{}, f func(context.Context) error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-stop:
			return fmt.Errorf("the process has ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

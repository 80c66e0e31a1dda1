//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const root = ".."

// need installs programs by scripts/need, or fails the test.
func need(t *testing.T, specs ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "need"), specs...).CombinedOutput()
	require.NoError(t, err, string(out))
}

// podman is a container engine without a daemon, whose images and containers
// live in a directory of the test's.
type podman struct{ base []string }

func newPodman(t *testing.T) *podman {
	t.Helper()
	// Without root it needs sub-uids and user namespaces, which a container or a
	// build machine rarely grants.
	require.Zero(t, os.Geteuid(), "building and running images needs root")
	need(t, "podman", "runc")
	// Podman wants a short path, which t.TempDir's are not.
	dir, err := os.MkdirTemp("", "podman-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	runc, err := exec.LookPath("runc")
	if err != nil {
		runc = "/usr/sbin/runc"
	}
	// cgroupfs and the file log, because there may be no systemd; vfs, because
	// an overlay does not mount on an overlay.
	return &podman{base: []string{
		"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"),
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", runc,
	}}
}

func (p *podman) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "podman", append(append([]string{}, p.base...), args...)...)
}

// output runs podman and gives its standard output. Without systemd podman
// complains on standard error about the timers of health checks.
func (p *podman) output(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := p.command(t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "podman %s\n%s%s", strings.Join(args, " "), &stdout, &stderr)
	return strings.TrimSpace(stdout.String())
}

// build makes one target of the Dockerfile. The stage `build` is not run, for
// its base image cannot be fetched everywhere: its one product, which the same
// script has made in dir/out, takes its place.
func (p *podman) build(t *testing.T, target, dir string) {
	t.Helper()
	p.output(t, "build", "--isolation=chroot", "--format=docker", "--build-context", "build="+dir,
		"--target", target, "--tag", target+":e2e", root)
}

// remove ends a container after the test, whatever its state.
func (p *podman) remove(t *testing.T, name string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if t.Failed() {
			logs, _ := p.command(ctx, "logs", name).CombinedOutput()
			t.Logf("logs of %s:\n%s", name, logs)
		}
		out, err := p.command(ctx, "rm", "--force", "--time", "1", name).CombinedOutput()
		if err != nil {
			t.Errorf("remove %s: %v: %s", name, err, out)
		}
	})
}

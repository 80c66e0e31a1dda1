//go:build e2e

package e2e_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// machine is a clean Debian in a directory, with a systemd of its own, which
// shares this machine's network.
type machine struct {
	root string
	init string // the process id of its systemd while it runs
}

// newMachine installs Debian, the release of the Dockerfile's base image.
func newMachine(t *testing.T) *machine {
	t.Helper()
	require.Zero(t, os.Geteuid(), "installing a system needs root")
	need(t, "debootstrap", "systemd-nspawn=systemd-container",
		"/usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring")
	m := &machine{root: filepath.Join(t.TempDir(), "debian")}
	// In a mount namespace of its own: what debootstrap mounts goes with it.
	run(t, ".", "unshare", "--mount", "debootstrap", "--variant=minbase",
		"--include=systemd-sysv,ca-certificates", "bookworm", m.root)
	return m
}

func (m *machine) nspawn(args ...string) []string {
	return append([]string{"--quiet", "--register=no", "--keep-unit", "--directory=" + m.root}, args...)
}

// run runs a program there, in the running system if it is started.
func (m *machine) run(t *testing.T, args ...string) string {
	t.Helper()
	if m.init == "" {
		return run(t, ".", "systemd-nspawn", m.nspawn(append([]string{"--pipe"}, args...)...)...)
	}
	return run(t, ".", "nsenter", append([]string{"--target", m.init, "--all"}, args...)...)
}

// boot starts the system; it stops with the test.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	var console bytes.Buffer
	cmd := exec.Command("systemd-nspawn", m.nspawn("--boot", "--console=read-only")...)
	cmd.Stdout, cmd.Stderr = &console, &console
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if t.Failed() && m.init != "" {
			log, _ := exec.Command("nsenter", "--target", m.init, "--all", "journalctl", "--unit=wugan", "--no-pager").CombinedOutput()
			t.Logf("the service's log:\n%s", log)
		}
		_ = cmd.Process.Signal(os.Interrupt) // systemd-nspawn shuts the system down
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the console:\n%s", console.Bytes())
		}
	})
	children := fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid)
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(children)
		require.NoError(t, err)
		for _, pid := range strings.Fields(string(text)) {
			name, err := os.ReadFile("/proc/" + pid + "/comm")
			if err == nil && string(name) == "systemd\n" &&
				exec.Command("nsenter", "--target", pid, "--all", "systemctl", "list-jobs").Run() == nil {
				m.init = pid
				return true
			}
		}
		return false
	}, time.Minute, 200*time.Millisecond)
}

// write writes a file of the machine's, or adds to it.
func (m *machine) write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(m.root, path), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err, "the package brings it")
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// release makes what `make dist` does, for this machine and for Windows.
func release(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, ".", "scripts/dist", dir, "v9.8.7", "linux/"+runtime.GOARCH, "windows/amd64")
	return dir
}

func TestTheDebianPackageIsInstalledStartedAndLogsSomebodyIn(t *testing.T) {
	dist := release(t)
	name := "wugan_9.8.7_linux_" + runtime.GOARCH
	deb := "wugan_9.8.7_" + runtime.GOARCH + ".deb"

	t.Run("the checksums are those of the files, and the SBOM names what is inside", func(t *testing.T) {
		check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
		check.Dir = dist
		out, err := check.CombinedOutput()
		require.NoError(t, err, string(out))
		for _, file := range []string{name + ".tar.gz", name + ".cdx.json", deb, "wugan_9.8.7_windows_amd64.zip", "wugan_9.8.7_windows_amd64.cdx.json"} {
			require.Contains(t, string(out), file+": OK")
		}
		text, err := os.ReadFile(filepath.Join(dist, name+".cdx.json"))
		require.NoError(t, err)
		var sbom struct {
			BOMFormat  string
			Metadata   struct{ Component struct{ Version string } }
			Components []struct{ Name, Version string }
		}
		require.NoError(t, json.Unmarshal(text, &sbom))
		require.Equal(t, "CycloneDX", sbom.BOMFormat)
		require.Equal(t, "v9.8.7", sbom.Metadata.Component.Version)
		versions := map[string]string{}
		for _, c := range sbom.Components {
			versions[c.Name] = c.Version
		}
		for _, module := range []string{"std", "github.com/jackc/pgx/v5"} {
			require.NotEmpty(t, versions[module], module)
		}
	})

	t.Run("the archive for Windows has the program", func(t *testing.T) {
		archive, err := zip.OpenReader(filepath.Join(dist, "wugan_9.8.7_windows_amd64.zip"))
		require.NoError(t, err)
		defer archive.Close()
		program, err := archive.Open("wugan_9.8.7_windows_amd64/wugan.exe")
		require.NoError(t, err)
		start := make([]byte, 2)
		_, err = io.ReadFull(program, start)
		require.NoError(t, err)
		require.Equal(t, "MZ", string(start))
	})

	unpacked := t.TempDir()
	run(t, ".", "tar", "-C", unpacked, "-xzf", filepath.Join(dist, name+".tar.gz"))
	binary := filepath.Join(unpacked, name, "wugan")
	require.Contains(t, run(t, ".", binary, "--version"), "v9.8.7")

	m := newMachine(t)
	text, err := os.ReadFile(filepath.Join(dist, deb))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(m.root, "root", deb), text, 0o600))
	require.Contains(t, m.run(t, "dpkg", "--install", "/root/"+deb), "set WUGAN_ISSUER")

	t.Run("secrets are root's alone", func(t *testing.T) {
		for _, file := range []string{"wugan.env", "secrets/access.jwks", "secrets/refresh.jwks", "secrets/data_key", "secrets/wechat_apps", "secrets/api_keys"} {
			info, err := os.Stat(filepath.Join(m.root, "etc/wugan", file))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
		}
	})

	address, listen, control := freeAddress(t), freeAddress(t), freeAddress(t)
	const wechatApp = app + ":0123456789abcdef0123456789abcdef"
	fake := exec.Command(binary, "fakewechat", "--listen="+listen, "--control="+control, "--app="+wechatApp)
	require.NoError(t, fake.Start())
	t.Cleanup(func() {
		_ = fake.Process.Kill()
		_ = fake.Wait() // killed, on purpose
	})
	m.write(t, "etc/wugan/secrets/wechat_apps", wechatApp+"\n")
	m.write(t, "etc/wugan/wugan.env", strings.Join([]string{
		"WUGAN_ISSUER=http://" + address, "WUGAN_ADDR=" + address, "WUGAN_METRICS_ADDR=127.0.0.1:0",
		"WUGAN_WECHAT_API_URL=http://" + listen, "",
	}, "\n"))
	m.boot(t)

	t.Run("systemd finds nothing to say about the unit, nor much that it exposes", func(t *testing.T) {
		require.Empty(t, m.run(t, "systemd-analyze", "verify", "wugan.service"))
		// Of 100. The service needs the network, and nothing else.
		m.run(t, "systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", "wugan.service")
	})

	base := "http://" + address
	ready := func() bool {
		return reachable("http://"+control) && exec.Command("curl", "-sf", base+"/readyz").Run() == nil
	}
	login := func(t *testing.T) map[string]any {
		t.Helper()
		code := call(t, http.MethodPost, "http://"+control+"/login", "", map[string]any{"appId": app, "user": "alice"}, 200)["code"]
		return call(t, http.MethodPost, base+"/api/v1/auth/login", "", map[string]any{"code": code}, 200)
	}
	require.False(t, ready(), "it waits for the operator's settings")
	m.run(t, "systemctl", "enable", "--now", "wugan")
	require.Eventually(t, ready, 30*time.Second, 200*time.Millisecond)
	tokens := login(t)
	require.Equal(t, true, tokens["newUser"])

	t.Run("it has no rights beyond a port below 1024", func(t *testing.T) {
		pid := strings.TrimSpace(m.run(t, "systemctl", "show", "--property=MainPID", "--value", "wugan"))
		status := m.run(t, "cat", "/proc/"+pid+"/status")
		require.NotRegexp(t, `(?m)^Uid:.*\b0\b`, status)
		require.Regexp(t, `(?m)^CapBnd:\s+0000000000000400$`, status)
		require.Regexp(t, `(?m)^NoNewPrivs:\s+1$`, status)
		require.Regexp(t, `(?m)^Seccomp:\s+2$`, status)
	})
	t.Run("an upgrade keeps keys, settings and users, and starts it again", func(t *testing.T) {
		started := func() string { return m.run(t, "systemctl", "show", "--property=MainPID", "wugan") }
		before := started()
		m.run(t, "dpkg", "--install", "/root/"+deb)
		require.NotEqual(t, before, started())
		require.Eventually(t, ready, 30*time.Second, 200*time.Millisecond)
		require.Equal(t, false, login(t)["newUser"])
		call(t, http.MethodPost, base+"/api/v1/auth/refresh", "", map[string]any{"refreshToken": tokens["refreshToken"]}, 200)
	})
	t.Run("the log holds no secret", func(t *testing.T) {
		log := m.run(t, "journalctl", "--unit=wugan", "--no-pager")
		require.Contains(t, log, `"serving"`)
		key, err := os.ReadFile(filepath.Join(m.root, "etc/wugan/secrets/data_key"))
		require.NoError(t, err)
		require.NotContains(t, log, string(key))
		require.NotContains(t, log, "0123456789abcdef0123456789abcdef")
		require.NotRegexp(t, `eyJ[\w-]+\.`, log)
	})
	t.Run("a purge stops it and leaves keys and users", func(t *testing.T) {
		m.run(t, "dpkg", "--purge", "wugan")
		require.False(t, ready())
		require.FileExists(t, filepath.Join(m.root, "etc/wugan/secrets/refresh.jwks"))
		require.FileExists(t, filepath.Join(m.root, "var/lib/private/wugan/wugan.db"))
		require.NoFileExists(t, filepath.Join(m.root, "etc/wugan/wugan.env"))
	})
}

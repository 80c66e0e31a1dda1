//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat/fakewechat"
)

// fleet is what equal pods share: settings, keys, and a WeChat of their own.
type fleet struct {
	t      *testing.T
	wechat *fakewechat.Server
	env    map[string]string
}

const (
	fleetSecret = "0123456789abcdef0123456789abcdef"
	adminKey    = "admin-key-0123456789abcdef0123456789ab"
)

// newFleet makes the settings of pods on a database.
func newFleet(t *testing.T, database string) *fleet {
	t.Helper()
	f := &fleet{t: t, wechat: fakewechat.New(fakewechat.Options{UserRate: -1, OnMisuse: func(what string) { t.Error("misuse of WeChat: " + what) }})}
	f.wechat.AddApp(app, fleetSecret, "")
	server := httptest.NewServer(f.wechat.Handler())
	t.Cleanup(server.Close)
	dir := t.TempDir()
	f.env = map[string]string{
		"WUGAN_DATABASE_URL": database, "WUGAN_WECHAT_APPS": app + ":" + fleetSecret, "WUGAN_WECHAT_API_URL": server.URL,
		"WUGAN_ACCESS_KEYS": filepath.Join(dir, "access.jwks"), "WUGAN_REFRESH_KEYS": filepath.Join(dir, "refresh.jwks"),
		"WUGAN_DATA_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "WUGAN_ISSUER": "http://localhost:8080",
		"WUGAN_METRICS_ADDR": "", "WUGAN_LOGIN_RATE": "0",
		"WUGAN_ADMIN_KEY": adminKey,
	}
	f.wugan("keys", "new", f.env["WUGAN_ACCESS_KEYS"])
	f.wugan("keys", "new", "--alg", "HS256", f.env["WUGAN_REFRESH_KEYS"])
	return f
}

// command is the built program with the fleet's settings.
func (f *fleet) command(env map[string]string, args ...string) *exec.Cmd {
	f.t.Helper()
	binary := os.Getenv("WUGAN_BIN")
	require.NotEmpty(f.t, binary, "make e2e builds the program and names it in WUGAN_BIN")
	cmd := exec.Command(binary, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.t.TempDir()}
	for _, set := range []map[string]string{f.env, env} {
		for name, value := range set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// wugan runs a subcommand to its end.
func (f *fleet) wugan(args ...string) {
	f.t.Helper()
	out, err := f.command(nil, args...).CombinedOutput()
	require.NoError(f.t, err, "wugan %s: %s", strings.Join(args, " "), out)
}

// process is one pod.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string
	log  *lockedBuffer
	done chan error
}

// start runs wugan serve and waits until it is ready.
func (f *fleet) start(env map[string]string) *process {
	f.t.Helper()
	address := env["WUGAN_ADDR"]
	if address == "" {
		address = freeAddress(f.t)
	}
	merged := map[string]string{"WUGAN_ADDR": address}
	for name, value := range env {
		merged[name] = value
	}
	scheme := "http://"
	if merged["WUGAN_TLS_CERT"] != "" || merged["WUGAN_TLS_DOMAINS"] != "" {
		scheme = "https://"
	}
	p := &process{t: f.t, cmd: f.command(merged, "serve"), base: scheme + address, log: &lockedBuffer{}, done: make(chan error, 1)}
	p.cmd.Stderr = p.log
	require.NoError(f.t, p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	f.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
		}
		if f.t.Failed() {
			text := p.log.String()
			f.t.Logf("log of %s:\n%s", address, text[max(0, len(text)-4000):])
		}
	})
	if scheme == "http://" {
		p.awaitReady()
	}
	return p
}

func (p *process) awaitReady() {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		answer, err := http.Get(p.base + "/readyz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 30*time.Second, 20*time.Millisecond, "%s is not ready: %s", p.base, p.log)
}

// stop ends a pod in good order.
func (p *process) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.done:
		require.NoError(p.t, err, p.log.String())
	case <-time.After(45 * time.Second):
		p.t.Fatal("the pod does not stop")
	}
}

// exchange sends JSON and decodes the answer; it does not fail the test.
func exchange(client *http.Client, method, url, bearer string, body any) (int, map[string]any, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, url, reader)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, err
	}
	var out map[string]any
	if len(data) > 0 {
		err = json.Unmarshal(data, &out)
	}
	return answer.StatusCode, out, err
}

// signIn logs a person in through an address.
func (f *fleet) signIn(client *http.Client, base, person string) (access, refresh string) {
	f.t.Helper()
	code, err := f.wechat.Login(app, person)
	require.NoError(f.t, err)
	status, answer, err := exchange(client, "POST", base+"/api/v1/auth/login", "", map[string]any{"code": code})
	require.NoError(f.t, err)
	require.Equal(f.t, 200, status, answer)
	return answer["accessToken"].(string), answer["refreshToken"].(string)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

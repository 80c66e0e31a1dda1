// Package devserver runs wugan for tests of programs that use it. It builds the
// command once for each test binary, starts `wugan dev` on a free loopback port, and
// stops it when the test ends. It contains no assertions about the service itself.
package devserver

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// GatewayKey is the key that servers of this package take for gateways.
const GatewayKey = "gateway-key-of-the-tests-0123456789"

// startWithin is how long a program may take to answer, on a busy machine.
const startWithin = 60 * time.Second

// Server is a running `wugan dev`.
type Server struct {
	// URL is its address, without a slash at the end: also its issuer and audience.
	URL string
}

// Tokens are what a login answers.
type Tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	User         struct {
		ID    string `json:"id"`
		AppID string `json:"appId"`
	} `json:"user"`
}

// Start runs `wugan dev` with these settings ("WUGAN_X=value") until the test
// ends. What it logs appears when the test fails.
func Start(t *testing.T, settings ...string) *Server {
	t.Helper()
	address := FreeAddress(t)
	server := &Server{URL: "http://" + address}
	env := append([]string{
		"WUGAN_ADDR=" + address, "WUGAN_ISSUER=" + server.URL, "WUGAN_GATEWAY_KEY=" + GatewayKey,
	}, settings...)
	Run(t, server.URL+"/readyz", env, Wugan(t), "dev", "--data", t.TempDir())
	return server
}

// Keys makes a key file with one new key of an algorithm, by `wugan keys new`,
// for WUGAN_ACCESS_KEYS.
func Keys(t *testing.T, algorithm string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.jwks")
	output, err := exec.CommandContext(t.Context(), Wugan(t), "keys", "new", "--alg", algorithm, path).CombinedOutput()
	require.NoError(t, err, "%s", output)
	return path
}

// Login signs a user in by name; the first time makes the user.
func (s *Server) Login(t *testing.T, name string) Tokens {
	t.Helper()
	var tokens Tokens
	status := s.post(t, "/api/v1/auth/login", "", map[string]string{"code": "dev:" + name}, &tokens)
	require.Equal(t, http.StatusOK, status)
	require.NotEmpty(t, tokens.AccessToken)
	return tokens
}

// Logout ends the session of a refresh token.
func (s *Server) Logout(t *testing.T, tokens Tokens) {
	t.Helper()
	require.Equal(t, http.StatusNoContent, s.post(t, "/api/v1/auth/logout", "", map[string]string{"refreshToken": tokens.RefreshToken}, nil))
}

func (s *Server) post(t *testing.T, path, bearer string, body, answer any) int {
	t.Helper()
	data, err := json.Marshal(body)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, bytes.NewReader(data))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	if answer != nil {
		require.NoError(t, json.NewDecoder(response.Body).Decode(answer))
	}
	return response.StatusCode
}

var builds = struct {
	sync.Mutex
	folder string
	paths  map[string]string
}{paths: map[string]string{}}

// Wugan returns the path of the wugan command: WUGAN_BIN when that is set, else
// built from this checkout.
func Wugan(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("WUGAN_BIN"); path != "" {
		return path
	}
	return Build(t, "github.com/wugan/wugan/cmd/wugan")
}

// Build compiles a command of this module, once for each test binary, and returns
// its path.
func Build(t *testing.T, importPath string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if path, ok := builds.paths[importPath]; ok {
		return path
	}
	if builds.folder == "" {
		folder, err := os.MkdirTemp("", "wugan-devserver-") //nolint:usetesting // outlives the test: the next one uses the same program
		require.NoError(t, err)
		builds.folder = folder
	}
	path := filepath.Join(builds.folder, strings.ReplaceAll(importPath, "/", "_"))
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, importPath).CombinedOutput()
	require.NoError(t, err, "%s", output)
	builds.paths[importPath] = path
	return path
}

// Main runs the tests of a package and removes what Build made.
func Main(m *testing.M) {
	status := m.Run()
	if builds.folder != "" {
		_ = os.RemoveAll(builds.folder)
	}
	os.Exit(status)
}

// FreeAddress returns a loopback address with no listener.
func FreeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// Run starts a program with env beside the environment of the test, waits until
// a GET of ready is answered with a status below 500, and ends it with the test.
func Run(t *testing.T, ready string, env []string, name string, args ...string) {
	t.Helper()
	var output lockedBuffer
	command := exec.CommandContext(t.Context(), name, args...)
	command.Env = append(os.Environ(), env...)
	command.Stdout, command.Stderr = &output, &output
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second // then it is killed
	require.NoError(t, command.Start())
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = command.Wait() // how it ends is of no interest: we end it
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		<-exited
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(name), output.String())
		}
	})

	client := http.Client{Timeout: time.Second}
	deadline := time.Now().Add(startWithin)
	for {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ready, http.NoBody)
		require.NoError(t, err)
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode < http.StatusInternalServerError {
				return
			}
		}
		select {
		case <-exited:
			require.FailNow(t, "the program ended", "%s wrote:\n%s", name, output.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			require.FailNow(t, "the program does not answer", "%s wrote:\n%s", name, output.String())
		}
	}
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

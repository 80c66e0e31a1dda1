//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// buildWithClock builds the program with a wall clock that is off by what the
// file named in CLOCK_OFFSET holds, a duration that is read every 50 ms. The
// monotonic clock goes on as it does when a machine's clock is set. A
// static binary calls no C library that could be told another time, so the
// standard library's own Now is replaced while it is built (go build -overlay).
func buildWithClock(t *testing.T) (binary string) {
	t.Helper()
	dir := t.TempDir()
	goroot := strings.TrimSpace(run(t, ".", "go", "env", "GOROOT"))
	original := filepath.Join(goroot, "src", "time", "time.go")
	source, err := os.ReadFile(original)
	require.NoError(t, err)
	const declared = "\nfunc Now() Time {\n"
	require.Equal(t, 1, strings.Count(string(source), declared), "time.Now is written otherwise in this release of Go")
	changed := strings.Replace(string(source), declared, `
// Offset is what Now adds to the wall clock, in nanoseconds.
var Offset int64

func Now() Time {
	t := machineNow()
	if Offset == 0 {
		return t
	}
	m := t.mono()
	t.stripMono()
	t = t.Add(Duration(Offset))
	t.setMono(m)
	return t
}

func machineNow() Time {
`, 1)
	const reader = `package main

import (
	"os"
	"strings"
	"time"
)

func init() {
	path := os.Getenv("CLOCK_OFFSET")
	read := func() {
		text, err := os.ReadFile(path)
		if err != nil {
			return
		}
		if d, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
			time.Offset = int64(d)
		}
	}
	read()
	go func() {
		for {
			time.Sleep(50 * time.Millisecond)
			read()
		}
	}()
}
`
	repository, err := filepath.Abs(root)
	require.NoError(t, err)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		original: write("time.go", changed),
		filepath.Join(repository, "cmd", "wugan", "clock_offset.go"): write("clock_offset.go", reader),
	}})
	require.NoError(t, err)
	binary = filepath.Join(dir, "wugan")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", write("overlay.json", string(overlay)), "-o", binary, "./cmd/wugan")
	build.Dir, build.Env = repository, append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

// Pods and commands whose machines' clocks are really wrong, up to eight days,
// and one that jumps.
func TestPodsWithWrongClocksTurnNobodyAwayAndLetNobodyIn(t *testing.T) {
	binary := buildWithClock(t)
	cluster := pgtest.NewCluster(t)
	name, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	f := newFleet(t, cluster.URL(name))
	t.Setenv("WUGAN_BIN", binary)
	client := &http.Client{Timeout: 10 * time.Second}

	offsets := t.TempDir()
	offset := func(pod string, by time.Duration) string {
		path := filepath.Join(offsets, pod)
		require.NoError(t, os.WriteFile(path+".new", []byte(by.String()), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
		return path
	}
	start := func(pod string, by time.Duration) *process {
		return f.start(map[string]string{"CLOCK_OFFSET": offset(pod, by)})
	}
	right, ahead, behind := start("right", 0), start("ahead", 11*time.Second), start("behind", -320*time.Second)
	status := func(p *process, access string) int {
		code, _, err := exchange(client, "GET", p.base+"/api/v1/users/me", access, nil)
		require.NoError(t, err)
		return code
	}
	refresh := func(p *process, token string) (int, map[string]any) {
		code, answer, err := exchange(client, "POST", p.base+"/api/v1/auth/refresh", "", map[string]any{"refreshToken": token})
		require.NoError(t, err)
		return code, answer
	}

	// One token at two pods within the grace has one successor, whatever they
	// take the time for, and no honest client is taken for a thief.
	access, token := f.signIn(client, right.base, "alice")
	for range 3 {
		_, first := refresh(right, token)
		code, second := refresh(ahead, token)
		require.Equal(t, 200, code, second)
		require.Equal(t, first["refreshToken"], second["refreshToken"])
		code, third := refresh(behind, token)
		require.Equal(t, 200, code, third)
		require.Equal(t, first["refreshToken"], third["refreshToken"])
		token = first["refreshToken"].(string)
	}
	require.Equal(t, 200, status(behind, access))

	// A pod that is eight days ahead purges no living session.
	far := start("far", 8*24*time.Hour)
	time.Sleep(3 * time.Second)
	code, answer := refresh(right, token)
	require.Equal(t, 200, code, answer)
	token = answer["refreshToken"].(string)
	require.Equal(t, 200, status(far, answer["accessToken"].(string)))

	// A logout on the pod that is behind reaches the others at once.
	leaving, _ := f.signIn(client, ahead.base, "bob")
	code, _, err = exchange(client, "POST", behind.base+"/api/v1/auth/logout", leaving, nil)
	require.NoError(t, err)
	require.Equal(t, 204, code)
	for _, p := range []*process{right, ahead, far} {
		require.Eventually(t, func() bool { return status(p, leaving) == 401 }, 3*time.Second, 20*time.Millisecond, p.base)
	}

	// Commands on machines with wrong clocks end what they say they end.
	for _, by := range []time.Duration{-8 * time.Hour, 8 * 24 * time.Hour} {
		mine, _ := f.signIn(client, right.base, fmt.Sprintf("carol %s", by))
		response, err := http.NewRequestWithContext(t.Context(), http.MethodGet, right.base+"/api/v1/auth/verify", http.NoBody)
		require.NoError(t, err)
		response.Header.Set("Authorization", "Bearer "+mine)
		verified, err := client.Do(response)
		require.NoError(t, err)
		require.NoError(t, verified.Body.Close())
		session := verified.Header.Get("X-Session-Id")
		out, err := f.command(map[string]string{"CLOCK_OFFSET": offset("command", by)}, "sessions", "revoke", session, "--reason", "a test").CombinedOutput()
		require.NoError(t, err, string(out))
		require.Eventually(t, func() bool { return status(right, mine) == 401 && status(far, mine) == 401 }, 3*time.Second, 20*time.Millisecond)
	}

	// A clock that jumps by five hours for three seconds lets no ended token in.
	offset("right", 5*time.Hour)
	for range 30 {
		require.Equal(t, 401, status(right, leaving))
		time.Sleep(100 * time.Millisecond)
	}
	offset("right", 0)
	for range 30 {
		require.Equal(t, 401, status(right, leaving))
		time.Sleep(100 * time.Millisecond)
	}
	code, answer = refresh(right, token)
	require.Equal(t, 200, code, answer)
}

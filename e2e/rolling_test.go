//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// haproxy stands in front of pods, asks /readyz, and sends nothing again: a
// request that a pod loses is lost.
func haproxy(t *testing.T, backends ...string) string {
	t.Helper()
	need(t, "haproxy")
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path = "/usr/sbin/haproxy"
	}
	address := freeAddress(t)
	var servers strings.Builder
	for i, b := range backends {
		fmt.Fprintf(&servers, "    server pod%d %s check inter 100ms fastinter 50ms fall 2 rise 1\n", i, b)
	}
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	require.NoError(t, os.WriteFile(config, []byte(`
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    retries 0
    option http-keep-alive
    http-reuse always
frontend all
    bind `+address+`
    default_backend pods
backend pods
    balance roundrobin
    option httpchk GET /readyz
`+servers.String()), 0o600))
	cmd := exec.Command(path, "-db", "-f", config)
	log := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	base := "http://" + address
	require.Eventually(t, func() bool {
		answer, err := http.Get(base + "/readyz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 20*time.Second, 50*time.Millisecond, "%s", log)
	return base
}

func TestARollingRestartBehindAProxyLosesNoRequest(t *testing.T) {
	f := newFleet(t, pgtest.Migrated(t))
	addresses := []string{freeAddress(t), freeAddress(t)}
	start := func(i int) *process {
		return f.start(map[string]string{"WUGAN_ADDR": addresses[i], "WUGAN_SHUTDOWN_DELAY": "1s"})
	}
	pods := []*process{start(0), start(1)}
	base := haproxy(t, addresses...)

	// Sixteen clients, each of which keeps one pair of tokens and never pauses.
	var sent, lost atomic.Int64
	var first sync.Once
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for n := range 16 {
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: 1,
		}}
		access, refresh := f.signIn(client, base, fmt.Sprint("person", n))
		failed := func(what string, status int, err error) {
			lost.Add(1)
			first.Do(func() { t.Errorf("%s: status %d, error %v", what, status, err) })
		}
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sent.Add(2)
				if status, _, err := exchange(client, "GET", base+"/api/v1/users/me", access, nil); status != 200 {
					failed("users/me", status, err)
				}
				status, answer, err := exchange(client, "POST", base+"/api/v1/auth/refresh", "", map[string]any{"refreshToken": refresh})
				if status != 200 {
					failed("refresh", status, err)
					continue
				}
				access, refresh = answer["accessToken"].(string), answer["refreshToken"].(string)
			}
		})
	}
	time.Sleep(time.Second)
	for range 2 {
		for i := range pods {
			pods[i].stop()
			pods[i] = start(i)
			time.Sleep(500 * time.Millisecond) // the proxy finds it again
		}
	}
	time.Sleep(time.Second)
	close(stop)
	wg.Wait()
	t.Logf("%d requests during four restarts, %d lost", sent.Load(), lost.Load())
	require.Greater(t, sent.Load(), int64(1000))
	require.Zero(t, lost.Load())
}

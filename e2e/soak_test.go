//go:build e2e && soak

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

const (
	soakDevices = 200
	// pause is how long a device waits between two refreshes, on average. One in
	// twenty waits for longer than the grace.
	pause     = 1500 * time.Millisecond
	longPause = 13 * time.Second
	// restart is how long PostgreSQL stays up, on average, and outage how long it
	// stays away at most.
	restart = 40 * time.Second
	outage  = 4 * time.Second
	// verifiedTokens is the size in bytes of a full cache of verified access tokens
	// (verify.DefaultCacheSize), which the checks fill by and by.
	verifiedTokens = 6 << 20
)

// device is one installation of the mini program: it keeps the last refresh
// token that it received, and sends it again where no response came.
type device struct {
	number  int
	pods    []*process
	client  *http.Client
	refresh string
	access  string
	counts  *soakCounts
}

// soakCounts is what the devices met.
type soakCounts struct {
	refreshed, lost, twice, unavailable, checked, unreached atomic.Int64

	mu     sync.Mutex
	errors []string
}

func (c *soakCounts) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errors = append(c.errors, fmt.Sprintf(format, args...))
}

func (c *soakCounts) String() string {
	return fmt.Sprintf("%d refreshed, %d responses lost, %d sent twice at once, %d told to wait (503), %d not reached, %d checks",
		c.refreshed.Load(), c.lost.Load(), c.twice.Load(), c.unavailable.Load(), c.unreached.Load(), c.checked.Load())
}

// TestNoDeviceIsEverLoggedOut runs for SOAK (10m by default). It is not a part of
// make e2e: make soak runs it.
func TestNoDeviceIsEverLoggedOut(t *testing.T) {
	during := 10 * time.Minute
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		during, err = time.ParseDuration(text)
		require.NoError(t, err, "SOAK is a duration such as 10m or 2h")
	}
	cluster := pgtest.NewCluster(t)
	database, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	f := newFleet(t, cluster.URL(database))
	var pods []*process
	var figures []string // addresses
	for range 2 {
		address := freeAddress(t)
		pods = append(pods, f.start(map[string]string{"WUGAN_METRICS_ADDR": address, "WUGAN_LOG_LEVEL": "warn"}))
		figures = append(figures, address)
	}

	counts := &soakCounts{}
	devices := make([]*device, soakDevices)
	for i := range devices {
		d := &device{number: i, pods: pods, counts: counts, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: time.Minute}}
		d.access, d.refresh = f.signIn(d.client, pods[i%2].base, fmt.Sprintf("person-%d", i))
		devices[i] = d
	}

	// A while of the same life, so that pools and heaps have grown to their size.
	live(t, devices, max(15*time.Second, during/20), nil)
	hangUp(devices)
	before := measurePods(t, figures)
	t.Logf("before: %v", before)

	restarts := live(t, devices, during, cluster)
	require.Empty(t, counts.errors, counts)
	// Each device has one more refresh, whatever it met last.
	for _, d := range devices {
		status, answer := d.send(d.pods[d.number%2])
		require.Equal(t, http.StatusOK, status, "device %d: %v", d.number, answer)
	}

	conn, err := pgx.Connect(t.Context(), cluster.Superuser(database))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var sessions, ended, users, reused, connections int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL),
(SELECT count(*) FROM users), (SELECT count(*) FROM events WHERE kind IN ('refresh_reused', 'session_restored'))`).Scan(&sessions, &ended, &users, &reused))
	require.Equal(t, soakDevices, sessions, "a row a session, however often it was refreshed")
	require.Equal(t, soakDevices, users)
	require.Zero(t, ended, "sessions that ended")
	require.Zero(t, reused, "tokens taken for copies")
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = 'wugan'", database).Scan(&connections))
	require.LessOrEqual(t, connections, 2*(max(4, runtime.NumCPU())+1), "connections to PostgreSQL")

	hangUp(devices)
	var after []podFigures
	require.Eventually(t, func() bool {
		after = measurePods(t, figures)
		for i := range after {
			if after[i].goroutines > before[i].goroutines+10 || after[i].files > before[i].files+10 {
				return false
			}
		}
		return true
	}, time.Minute, 2*time.Second, "goroutines and open files: %v before, %v after", before, after)
	t.Logf("after:  %v; %d restarts of PostgreSQL, %d connections; %v", after, restarts, connections, counts)
	for i := range after {
		require.Less(t, after[i].alive, before[i].alive+verifiedTokens+4<<20, "bytes that are alive in pod %d", i)
		require.Less(t, after[i].resident, before[i].resident*3/2+16<<20, "resident bytes of pod %d", i)
	}
	require.Positive(t, counts.lost.Load())
	require.Positive(t, counts.refreshed.Load())
}

// live lets the devices live for a while, all of them idle at its end. With a
// cluster, PostgreSQL is stopped or killed now and then.
func live(t *testing.T, devices []*device, during time.Duration, cluster *pgtest.Cluster) (restarts int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	var wg sync.WaitGroup
	for _, d := range devices {
		wg.Go(func() { d.live(ctx) })
	}
	if cluster != nil {
		for sleep(ctx, time.Duration(rand.ExpFloat64()*float64(restart))) {
			end := cluster.Stop
			if restarts%2 == 1 {
				end = cluster.Kill
			}
			// A test that is over must not leave the server away.
			background := context.WithoutCancel(ctx)
			require.NoError(t, end(background))
			sleep(ctx, time.Duration(rand.Int64N(int64(outage))))
			require.NoError(t, cluster.Start(background))
			restarts++
		}
	}
	wg.Wait()
	return restarts
}

// hangUp closes the connections that the devices have kept.
func hangUp(devices []*device) {
	for _, d := range devices {
		d.client.CloseIdleConnections()
	}
	time.Sleep(2 * time.Second) // the pods notice
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// live refreshes on a random schedule. A lost response leaves it with the token
// that it had. What it has begun goes on when ctx ends.
//
//nolint:contextcheck // see above
func (d *device) live(ctx context.Context) {
	for {
		wait := time.Duration(rand.ExpFloat64() * float64(pause))
		if rand.IntN(20) == 0 {
			wait = longPause
		}
		if !sleep(ctx, wait) {
			return
		}
		pod := d.pods[rand.IntN(len(d.pods))]
		switch rand.IntN(10) {
		case 0, 1:
			d.lose(pod)
		case 2:
			d.twice()
		default:
			d.once(pod)
		}
		if d.access != "" && rand.IntN(4) == 0 {
			d.check(d.pods[rand.IntN(len(d.pods))])
		}
	}
}

// once refreshes, and takes what comes.
func (d *device) once(pod *process) {
	status, answer := d.send(pod)
	d.take(status, answer)
}

// twice sends the same token to both pods at once, as two tabs do, and keeps one
// of the responses.
func (d *device) twice() {
	d.counts.twice.Add(1)
	type response struct {
		status int
		answer map[string]any
	}
	responses := make([]response, len(d.pods))
	var wg sync.WaitGroup
	for i, pod := range d.pods {
		wg.Go(func() {
			status, answer := d.send(pod)
			responses[i] = response{status, answer}
		})
	}
	wg.Wait()
	rand.Shuffle(len(responses), func(i, k int) { responses[i], responses[k] = responses[k], responses[i] })
	for _, r := range responses {
		if r.status == http.StatusUnauthorized {
			d.take(r.status, r.answer)
		}
	}
	for _, r := range responses {
		if r.status == http.StatusOK {
			d.take(r.status, r.answer)
			return
		}
	}
	d.take(responses[0].status, responses[0].answer)
}

func (d *device) send(pod *process) (int, map[string]any) {
	status, answer, err := exchange(d.client, http.MethodPost, pod.base+"/api/v1/auth/refresh", "", map[string]any{"refreshToken": d.refresh})
	if err != nil {
		d.counts.unreached.Add(1)
		return 0, nil
	}
	return status, answer
}

// take judges a response and keeps its tokens.
func (d *device) take(status int, answer map[string]any) {
	switch status {
	case 0:
	case http.StatusOK:
		d.counts.refreshed.Add(1)
		d.access, _ = answer["accessToken"].(string)
		d.refresh, _ = answer["refreshToken"].(string)
	case http.StatusServiceUnavailable:
		d.counts.unavailable.Add(1)
	default:
		d.counts.fail("device %d: a refresh was answered %d %v", d.number, status, answer)
	}
}

// lose sends a refresh and hangs up: before the request is whole, or before, or in
// the middle of, its response.
func (d *device) lose(pod *process) {
	d.counts.lost.Add(1)
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(pod.base, "http://"))
	if err != nil {
		return
	}
	defer conn.Close()
	body, err := json.Marshal(map[string]any{"refreshToken": d.refresh})
	if err != nil {
		return
	}
	request := fmt.Appendf(nil, "POST /api/v1/auth/refresh HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		conn.RemoteAddr(), len(body), body)
	if rand.IntN(4) == 0 {
		request = request[:rand.IntN(len(request))]
	}
	_, _ = conn.Write(request)
	if rand.IntN(3) == 0 {
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.CopyN(io.Discard, conn, rand.Int64N(200)+1)
		return
	}
	time.Sleep(time.Duration(rand.Int64N(int64(40 * time.Millisecond))))
}

// check asks as a gateway does: that needs no database.
func (d *device) check(pod *process) {
	status, answer, err := exchange(d.client, http.MethodGet, pod.base+"/api/v1/auth/verify", d.access, nil)
	switch {
	case err != nil:
		d.counts.unreached.Add(1)
	case status != http.StatusNoContent:
		d.counts.fail("device %d: a good access token was answered %d %v", d.number, status, answer)
	default:
		d.counts.checked.Add(1)
	}
}

// podFigures is what one process holds.
type podFigures struct {
	goroutines, files, alive, resident int64
}

func (f podFigures) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %.1f MiB alive, %.1f MiB resident", f.goroutines, f.files, float64(f.alive)/(1<<20), float64(f.resident)/(1<<20))
}

// measurePods reads the figures of idle pods after a collection of garbage.
func measurePods(t *testing.T, addresses []string) (list []podFigures) {
	t.Helper()
	for _, address := range addresses {
		page(t, "http://"+address+"/debug/pprof/heap?gc=1") // collects first
		var f podFigures
		for name, into := range map[string]*int64{
			"go_goroutines": &f.goroutines, "process_open_fds": &f.files, "go_memstats_heap_alloc_bytes": &f.alive, "process_resident_memory_bytes": &f.resident,
		} {
			scanner := bufio.NewScanner(bytes.NewReader(page(t, "http://"+address+"/metrics")))
			scanner.Buffer(nil, 1<<20)
			for scanner.Scan() {
				if value, ok := strings.CutPrefix(scanner.Text(), name+" "); ok {
					number, err := strconv.ParseFloat(value, 64)
					require.NoError(t, err)
					*into = int64(number)
				}
			}
			require.Positive(t, *into, name)
		}
		list = append(list, f)
	}
	return list
}

func page(t *testing.T, url string) []byte {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, url)
	return body
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/wechat/fakewechat"
)

const (
	appID     = "wx4f4bc4dec97d474b"
	appSecret = "0123456789abcdef0123456789abcdef"
	issuer    = "http://localhost:8080"
	// gatewayKey reads the revocations.
	gatewayKey = "bench-gateway-key-0123456789-abcdefghij"
	// people is how many users there are: enough that those who log in at the
	// same moment are different ones.
	people = 20_000
	// rows is how many sessions are refreshed, and how many rows pgbench updates.
	rows = 1024
)

// bench is everything that runs during a measurement.
type bench struct {
	o        options
	cluster  *pgtest.Cluster
	database string
	url      string
	wechat   *fakewechat.Server
	stop     []func()
	service  *process
	folder   string
	sessions []string // refresh tokens
}

func newBench(ctx context.Context, o options) (b *bench, err error) {
	b, err = prepare(ctx, o, "256MB")
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err != nil {
		return b, err
	}
	if err := b.createDatabase(ctx); err != nil {
		return b, err
	}
	if err := b.fill(ctx); err != nil {
		return b, err
	}
	if b.service, err = b.start(ctx); err != nil {
		return b, err
	}
	return b, b.openSessions(ctx)
}

// prepare builds the service, and starts PostgreSQL with so much memory of its own
// and the simulated WeChat. The caller closes what it returns, also with an error.
func prepare(ctx context.Context, o options, sharedBuffers string) (b *bench, err error) {
	b = &bench{o: o}
	if b.folder, err = os.MkdirTemp("", "wugan-bench"); err != nil {
		return b, err
	}
	b.stop = append(b.stop, func() { _ = os.RemoveAll(b.folder) })
	if b.o.binary == "" {
		b.o.binary = filepath.Join(b.folder, "wugan")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.o.binary, "./cmd/wugan") // our own path
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return b, fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	if b.cluster, err = pgtest.Start(ctx, pgtest.Durable(), pgtest.Setting("max_connections", "200"),
		pgtest.Setting("shared_buffers", sharedBuffers), pgtest.Setting("max_wal_size", "4GB")); err != nil {
		return b, err
	}
	b.stop = append(b.stop, func() { _ = b.cluster.Close() })
	return b, b.startWeChat(ctx)
}

func (b *bench) createDatabase(ctx context.Context) (err error) {
	if b.database, err = b.cluster.CreateMigrated(ctx); err != nil {
		return err
	}
	b.url = b.cluster.URL(b.database)
	return nil
}

func (b *bench) close() {
	if b.service != nil {
		b.service.end()
	}
	for i := len(b.stop) - 1; i >= 0; i-- {
		b.stop[i]()
	}
}

// fill makes the users, and the table that pgbench updates: rows as wide as a
// session, with the same room left on the page.
func (b *bench) fill(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	now := time.Now()
	var users, identities [][]any
	for i := range people {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		name := person(i)
		users = append(users, []any{id, now, now})
		identities = append(identities, []any{appID, fakewechat.OpenID(appID, name), id, fakewechat.UnionID("platform", name), now, now})
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"users"}, []string{"id", "created_at", "last_login_at"}, pgx.CopyFromRows(users)); err != nil {
		return err
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"identities"},
		[]string{"app_id", "openid", "user_id", "unionid", "unionid_at", "created_at"}, pgx.CopyFromRows(identities)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`
CREATE TABLE bench_rows (
    id int PRIMARY KEY, user_id uuid NOT NULL, app_id text NOT NULL, user_agent text NOT NULL, ip text NOT NULL,
    used bigint NOT NULL, last bigint NOT NULL, created_at timestamptz NOT NULL, rotated_at timestamptz NOT NULL, expires_at timestamptz NOT NULL
) WITH (fillfactor = 60);
INSERT INTO bench_rows
SELECT i, gen_random_uuid(), '%s', 'wugan-bench', '127.0.0.1', 0, 1, now(), now(), now() FROM generate_series(1, %d) i;
ANALYZE`, appID, rows))
	return err
}

func person(i int) string { return "person-" + strconv.Itoa(i) }

func (b *bench) startWeChat(ctx context.Context) error {
	b.wechat = fakewechat.New(fakewechat.Options{UserRate: -1})
	b.wechat.AddApp(appID, appSecret, "platform")
	listener, err := b.wechat.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: b.wechat.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	b.stop = append(b.stop, func() { _ = server.Close() })
	return os.WriteFile(filepath.Join(b.folder, "wechat"), []byte("http://"+listener.Addr().String()), 0o600)
}

// process is the service.
type process struct {
	cmd     *exec.Cmd
	address string
	metrics string
	// ready is the time from the start of the process to the first 200 of
	// readyz.
	ready time.Duration
}

// start starts the service as its operator would.
func (b *bench) start(ctx context.Context) (*process, error) {
	wechat, err := os.ReadFile(filepath.Join(b.folder, "wechat"))
	if err != nil {
		return nil, err
	}
	accessKeys := "access-" + b.o.algorithm + ".jwks"
	for _, k := range []struct{ file, alg string }{{accessKeys, b.o.algorithm}, {"refresh.jwks", "HS256"}} {
		path := filepath.Join(b.folder, k.file)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if out, err := exec.CommandContext(ctx, b.o.binary, "keys", "new", "--alg", k.alg, path).CombinedOutput(); err != nil { // our own binary
			return nil, fmt.Errorf("keys new: %w: %s", err, out)
		}
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	dataKey := make([]byte, 32)
	if _, err := rand.Read(dataKey); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.o.binary, "serve") // our own binary
	cmd.Env = append(os.Environ(),
		"WUGAN_LOG_LEVEL="+b.o.level, "WUGAN_ISSUER="+issuer, "WUGAN_GATEWAY_KEY="+gatewayKey,
		"WUGAN_ADDR="+address, "WUGAN_METRICS_ADDR="+metrics, "WUGAN_DATABASE_URL="+b.url,
		"WUGAN_WECHAT_APPS="+appID+":"+appSecret, "WUGAN_WECHAT_API_URL="+string(wechat),
		"WUGAN_ACCESS_KEYS="+filepath.Join(b.folder, accessKeys),
		"WUGAN_REFRESH_KEYS="+filepath.Join(b.folder, "refresh.jwks"),
		"WUGAN_DATA_KEY="+base64.StdEncoding.EncodeToString(dataKey),
	)
	log, err := os.Create(filepath.Join(b.folder, "service.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stderr = log
	p := &process{cmd: cmd, address: address, metrics: metrics}
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(started) < time.Minute {
		if res, err := http.Get("http://" + address + "/readyz"); err == nil { //nolint:noctx // a probe of our own process
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				p.ready = time.Since(started)
				return p, nil
			}
		}
		time.Sleep(500 * time.Microsecond)
	}
	p.end()
	said, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("the service was not ready within a minute; the end of its log: %s", said[max(0, len(said)-2000):])
}

func (p *process) end() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	_ = p.cmd.Wait()
}

// memory is the resident memory of the service in MiB.
func (p *process) memory() (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no VmRSS")
}

// usage is what the service has taken so far.
type usage struct {
	cpu            time.Duration
	bytes, objects float64 // allocated
}

func (p *process) spent(ctx context.Context) (u usage, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.metrics+"/metrics", http.NoBody)
	if err != nil {
		return u, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return u, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return u, err
	}
	for name, into := range map[string]*float64{"go_memstats_alloc_bytes_total": &u.bytes, "go_memstats_mallocs_total": &u.objects} {
		_, rest, ok := strings.Cut(string(text), "\n"+name+" ")
		if !ok {
			return u, errors.New("the metrics lack " + name)
		}
		number, _, _ := strings.Cut(rest, "\n")
		if *into, err = strconv.ParseFloat(number, 64); err != nil {
			return u, err
		}
	}
	u.cpu, err = p.cpu()
	return u, err
}

// cpu is the processor time that the service has taken.
func (p *process) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The fields after the name, which stands in brackets: utime and stime are
	// the 12th and 13th, in hundredths of a second.
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("no processor time")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

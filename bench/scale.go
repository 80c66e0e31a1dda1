package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/postgres"
)

const (
	// smallCrowd is the number of sessions that a large number is compared with.
	smallCrowd = 10_000
	// leastCrowd is enough for the clients not to meet on a row.
	leastCrowd = 1000
	// scaleClients is the number of connections.
	scaleClients = 64
	// stride steps through the sessions so that each comes once before any comes
	// again, and neighbours in the table do not come after one another.
	stride = 1_000_003
)

// scale is what was measured with one number of sessions.
type scale struct {
	rows          int
	filled        time.Duration
	bytes         [3]int64 // of users, identities and sessions, indexes included
	before, after float64  // pgbench on the sessions themselves, transactions a second
	refresh       load
	cost          cost
	// of PostgreSQL, a transaction of pgbench and a refresh
	pgbenchServer, refreshServer time.Duration
	pgbenchWAL, refreshWAL       int64

	ready        time.Duration // start with that many revocations
	revoked      int
	feed         time.Duration
	feedBytes    int
	list         time.Duration // users list
	purged       int
	purge        time.Duration
	serviceMiB   float64
	databaseSize int64
}

// runScale measures refreshes of random sessions in a small and in a large
// database, beside pgbench, which does the same update on the same table.
func runScale(ctx context.Context, o options) error {
	if o.rows < leastCrowd {
		return fmt.Errorf("-rows takes %d or more", leastCrowd)
	}
	b, err := prepare(ctx, o, "512MB")
	defer b.close()
	if err != nil {
		return err
	}
	for _, rows := range []int{smallCrowd, o.rows} {
		s, err := b.scale(ctx, rows)
		if err != nil {
			return fmt.Errorf("%d sessions: %w", rows, err)
		}
		_, _ = io.WriteString(o.out, s.markdown())
	}
	return nil
}

func (b *bench) scale(ctx context.Context, rows int) (s scale, err error) {
	s.rows = rows
	if err := b.createDatabase(ctx); err != nil {
		return s, err
	}
	began := time.Now()
	if err := b.crowd(ctx, rows); err != nil {
		return s, err
	}
	s.filled = time.Since(began)
	if err := b.sizes(ctx, &s); err != nil {
		return s, err
	}
	if b.service, err = b.start(ctx); err != nil {
		return s, err
	}
	fmt.Fprintf(os.Stderr, "%d sessions, filled in %s …\n", rows, s.filled.Round(time.Second))
	if err := b.scaleRates(ctx, &s); err != nil {
		return s, err
	}
	if s.serviceMiB, err = b.service.memory(); err != nil {
		return s, err
	}
	b.service.end()
	if err := b.scaleRevocations(ctx, &s); err != nil {
		return s, err
	}
	b.service.end()
	b.service = nil
	return s, b.scalePurge(ctx, &s)
}

// person number i and the session of the same id. Ids rise, as those of version 7
// do.
const idOf = `(lpad(to_hex(%s + 1764000000000), 12, '0') || '70008000000000000000')::uuid`

func sessionID(i int) string { return fmt.Sprintf("%012x", i+1764000000000) }

// crowd fills the tables as logins would have. Foreign keys are not checked one by
// one: the rows are right by the way they are made.
func (b *bench) crowd(ctx context.Context, rows int) error {
	conn, err := pgx.Connect(ctx, b.cluster.Superuser(b.database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	id := fmt.Sprintf(idOf, "i")
	for _, statement := range []string{
		`SET session_replication_role = replica`,
		`INSERT INTO users (id, nickname, created_at, last_login_at) SELECT ` + id + `, '', now() - interval '30 days', now() FROM generate_series(1::bigint, $1) i`,
		`INSERT INTO identities (app_id, openid, user_id, unionid, unionid_at, created_at)
SELECT '` + appID + `', 'o' || to_char(i, 'FM000000000000000000000000000'), ` + id + `, 'u' || to_char(i, 'FM000000000000000000000000000'), now(), now() FROM generate_series(1::bigint, $1) i`,
		`INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at)
SELECT ` + id + `, ` + id + `, '` + appID + `', 'device-' || i, 'iPhone 15 Pro', 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50 NetType/WIFI Language/zh_CN',
    '203.0.113.77', now() - interval '30 days', now() - interval '1 hour', now() + interval '7 days' FROM generate_series(1::bigint, $1) i`,
	} {
		args := []any{}
		if strings.Contains(statement, "$1") {
			args = append(args, rows)
		}
		if _, err := conn.Exec(ctx, statement, args...); err != nil {
			return err
		}
	}
	for _, statement := range []string{`VACUUM ANALYZE`, `CHECKPOINT`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) sizes(ctx context.Context, s *scale) error {
	conn, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.QueryRow(ctx, `SELECT pg_total_relation_size('users'), pg_total_relation_size('identities'), pg_total_relation_size('sessions'),
    pg_database_size(current_database())`).Scan(&s.bytes[0], &s.bytes[1], &s.bytes[2], &s.databaseSize)
}

// scaleRates lets pgbench update odd sessions, and clients refresh even ones.
func (b *bench) scaleRates(ctx context.Context, s *scale) (err error) {
	sign, err := b.refreshTokens()
	if err != nil {
		return err
	}
	script := fmt.Sprintf("\\set i 2 * random(0, %d) + 1\nUPDATE sessions SET used = used + 1, last = last + 1, rotated_at = now(), expires_at = now() + interval '7 days' WHERE user_id = %[2]s AND id = %[2]s;\n",
		s.rows/2-1, fmt.Sprintf(idOf, ":i::bigint"))
	measure := func(do func() (float64, error)) (cpu time.Duration, wal int64, err error) {
		walBefore, err := b.walPosition(ctx)
		if err != nil {
			return 0, 0, err
		}
		before := b.serverCPU()
		rate, err := do()
		if err != nil {
			return 0, 0, err
		}
		operations := rate * b.o.each.Seconds()
		cpu = time.Duration(float64(b.serverCPU()-before) / operations)
		walAfter, err := b.walPosition(ctx)
		return cpu, int64(float64(walAfter-walBefore) / operations), err
	}
	if s.pgbenchServer, s.pgbenchWAL, err = measure(func() (float64, error) {
		s.before, err = b.pgbenchScript(ctx, script, scaleClients)
		return s.before, err
	}); err != nil {
		return err
	}
	var next atomic.Int64
	half := int64(s.rows / 2)
	if s.refreshServer, s.refreshWAL, err = measure(func() (float64, error) {
		s.refresh, s.cost, err = b.cost(ctx, "scale", scaleClients, func() (load, error) {
			return drive(ctx, b.service.address, scaleClients, b.o.each, func(c *conn, _, _ int) error {
				k := next.Add(1) - 1
				body := `{"refreshToken":"` + sign(2*int(k*stride%half)+2, k/half) + `"}`
				return want(200)(c.ask("POST", "/api/v1/auth/refresh", "", body))
			})
		})
		return s.refresh.rate, err
	}); err != nil {
		return err
	}
	s.after, err = b.pgbenchScript(ctx, script, scaleClients)
	return err
}

// scaleRevocations ends one session in a thousand and reads them as a gateway
// does.
func (b *bench) scaleRevocations(ctx context.Context, s *scale) error {
	conn, err := pgx.Connect(ctx, b.cluster.Superuser(b.database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	tag, err := conn.Exec(ctx, `UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id IN (SELECT `+fmt.Sprintf(idOf, "1000 * i")+` FROM generate_series(1::bigint, $1) i)`, s.rows/1000)
	if err != nil {
		return err
	}
	s.revoked = int(tag.RowsAffected())
	if b.service, err = b.start(ctx); err != nil {
		return err
	}
	s.ready = b.service.ready
	// Not by a client of the benchmark: the response is long, and comes in chunks.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.service.address+"/api/v1/revocations", http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+gatewayKey)
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	s.feed, s.feedBytes = time.Since(began), len(body)
	if n := strings.Count(string(body), `"id"`); response.StatusCode != http.StatusOK || n != s.revoked {
		return fmt.Errorf("%d sessions were revoked, the feed answers %d and names %d", s.revoked, response.StatusCode, n)
	}
	list := exec.CommandContext(ctx, b.o.binary, "users", "list", "--limit", "100") // our own binary
	list.Env = append(os.Environ(), "WUGAN_DATABASE_URL="+b.url)
	began = time.Now()
	if out, err := list.CombinedOutput(); err != nil {
		return fmt.Errorf("users list: %w: %s", err, out)
	}
	s.list = time.Since(began)
	return nil
}

// scalePurge adds one dead session to ten living ones and has them removed.
func (b *bench) scalePurge(ctx context.Context, s *scale) error {
	conn, err := pgx.Connect(ctx, b.cluster.Superuser(b.database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, `INSERT INTO sessions (user_id, id, app_id, created_at, rotated_at, expires_at)
SELECT `+fmt.Sprintf(idOf, "10 * i")+`, gen_random_uuid(), '`+appID+`', now() - interval '60 days', now() - interval '60 days', now() - interval '53 days' FROM generate_series(1::bigint, $1) i`, s.rows/10); err != nil {
		return err
	}
	store, err := postgres.Open(ctx, b.url, auth.Lifetimes{AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour})
	if err != nil {
		return err
	}
	before := time.Now().Add(-24 * time.Hour)
	began := time.Now()
	s.purged, err = store.Purge(ctx, before, before)
	s.purge = time.Since(began)
	return errors.Join(err, store.Close())
}

func (b *bench) walPosition(ctx context.Context) (n int64, err error) {
	conn, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, `SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint`).Scan(&n)
	return n, err
}

// serverCPU is the processor time of PostgreSQL's processes. A backend that ends
// hands its time to the first of them.
func (b *bench) serverCPU() (total time.Duration) {
	text, err := os.ReadFile(filepath.Join(b.cluster.Dir(), "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	for _, path := range all {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, rest, _ := strings.Cut(string(stat), " ")
		_, rest, _ = strings.Cut(rest, ") ")
		fields := strings.Fields(rest)
		if len(fields) < 15 || pid != first && fields[1] != first {
			continue
		}
		counted := fields[11:13]
		if pid == first {
			counted = fields[11:15] // and of children that it has waited for
		}
		for _, ticks := range counted {
			n, err := strconv.ParseInt(ticks, 10, 64)
			if err == nil {
				total += time.Duration(n) * 10 * time.Millisecond
			}
		}
	}
	return total
}

func (s scale) markdown() string {
	pgbench := (s.before + s.after) / 2
	var b strings.Builder
	fmt.Fprintf(&b, "\n| %d sessions | |\n|--|--:|\n", s.rows)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | "+format+" |\n", append([]any{name}, args...)...)
	}
	line("filled in", "%s", s.filled.Round(time.Second))
	line("users, identities, sessions: bytes a row, indexes included", "%d, %d, %d", s.bytes[0]/int64(s.rows), s.bytes[1]/int64(s.rows), s.bytes[2]/int64(s.rows))
	line("database", "%.1f GB", float64(s.databaseSize)/1e9)
	line("pgbench on the sessions, before and after", "%.0f, %.0f/s", s.before, s.after)
	line("refresh, of pgbench", "%.0f/s, **%.2f**", s.refresh.rate, s.refresh.rate/pgbench)
	line("refresh p50, p99", "%s, %s", short(s.refresh.p50), short(s.refresh.p99))
	line("processor time a refresh: service, PostgreSQL, clients", "%s, %s, %s", micros(s.cost.cpu), micros(s.refreshServer), micros(s.cost.clients))
	line("processor time of PostgreSQL a transaction of pgbench", "%s", micros(s.pgbenchServer))
	line("WAL a refresh, a transaction of pgbench", "%d, %d bytes", s.refreshWAL, s.pgbenchWAL)
	line("resident memory of the service", "%.1f MiB", s.serviceMiB)
	line(fmt.Sprintf("start to ready with %d revoked sessions", s.revoked), "%s", short(s.ready))
	line("reading them as a gateway", "%s, %d bytes", short(s.feed), s.feedBytes)
	line("`users list`, the start of the program included", "%s", short(s.list))
	line(fmt.Sprintf("purge of %d dead sessions among them", s.purged), "%s", s.purge.Round(100*time.Millisecond))
	return b.String()
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
}

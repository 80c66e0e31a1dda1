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
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// figures are what one number of clients reached.
type figures struct {
	clients                         int
	before, after                   float64 // pgbench, transactions a second
	refresh, login, verify, healthz load
	refreshCost, loginCost          cost
	verifyCost                      cost
}

// limit is PostgreSQL's own rate in this run.
func (f figures) limit() float64 { return (f.before + f.after) / 2 }

func (f figures) String() string {
	return fmt.Sprintf("pgbench %.0f and %.0f/s; refresh %.0f/s (%.2f, %s), login %.0f/s (%.2f, %s), verify %.0f/s (%.2f of healthz %.0f/s, %s)",
		f.before, f.after, f.refresh.rate, f.refresh.rate/f.limit(), f.refreshCost,
		f.login.rate, f.login.rate/f.limit(), f.loginCost,
		f.verify.rate, f.verify.rate/f.healthz.rate, f.healthz.rate, f.verifyCost)
}

func (b *bench) figures(ctx context.Context, n int) (f figures, err error) {
	f.clients = n
	if f.before, err = b.pgbench(ctx, n); err != nil {
		return f, err
	}
	if f.refresh, f.refreshCost, err = b.cost(ctx, "refresh", n, func() (load, error) { return b.refreshes(ctx, n) }); err != nil {
		return f, fmt.Errorf("refresh: %w", err)
	}
	if f.login, f.loginCost, err = b.cost(ctx, "login", n, func() (load, error) { return b.logins(ctx, n) }); err != nil {
		return f, fmt.Errorf("login: %w", err)
	}
	if f.after, err = b.pgbench(ctx, n); err != nil {
		return f, err
	}
	access, err := b.accessToken(ctx)
	if err != nil {
		return f, err
	}
	if f.verify, f.verifyCost, err = b.cost(ctx, "verify", n, func() (load, error) { return b.verifies(ctx, n, access) }); err != nil {
		return f, fmt.Errorf("verify: %w", err)
	}
	f.healthz, err = b.probes(ctx, n)
	return f, err
}

// variant is the service with other settings than those of the figures.
type variant struct {
	algorithm, level string
	clients          int
	limit            float64 // of pgbench, before and after
	refresh          load
	cost             cost
}

// variants measures refreshes again, with other keys, and with the largest number of
// clients also with a line in the log for each request.
func (b *bench) variants(ctx context.Context, r *results) error {
	usual := b.o
	defer func() { b.o = usual }()
	most := slices.Max(usual.clients)
	for _, other := range []struct {
		algorithm, level string
		clients          []int
	}{
		{"ES256", usual.level, slices.DeleteFunc(slices.Clone(usual.clients), func(n int) bool { return n != most && n != 16 })},
		{usual.algorithm, "info", []int{most}},
	} {
		b.service.end()
		b.o.algorithm, b.o.level, b.o.profile = other.algorithm, other.level, ""
		var err error
		if b.service, err = b.start(ctx); err != nil {
			return err
		}
		for _, n := range other.clients {
			v := variant{algorithm: other.algorithm, level: other.level, clients: n}
			if err := b.variant(ctx, &v); err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "  %s, log %s, %d clients: refresh %.0f/s (%.2f, %s)\n", v.algorithm, v.level, n, v.refresh.rate, v.refresh.rate/v.limit, v.cost)
			r.variants = append(r.variants, v)
		}
	}
	return nil
}

func (b *bench) variant(ctx context.Context, v *variant) error {
	before, err := b.pgbench(ctx, v.clients)
	if err != nil {
		return err
	}
	if v.refresh, v.cost, err = b.cost(ctx, "refresh", v.clients, func() (load, error) { return b.refreshes(ctx, v.clients) }); err != nil {
		return err
	}
	after, err := b.pgbench(ctx, v.clients)
	v.limit = (before + after) / 2
	return err
}

// want makes any other status an error.
func want(status int) func(int, []byte, error) error {
	return func(got int, body []byte, err error) error {
		if err == nil && got != status {
			err = fmt.Errorf("answered %d: %.200s", got, body)
		}
		return err
	}
}

var tps = regexp.MustCompile(`tps = ([0-9.]+) \(without`)

// pgbench measures one prepared single-row update a transaction.
func (b *bench) pgbench(ctx context.Context, n int) (float64, error) {
	return b.pgbenchScript(ctx, fmt.Sprintf("\\set id random(1, %d)\n"+
		"UPDATE bench_rows SET used = used + 1, last = last + 1, rotated_at = now(), expires_at = now() + interval '7 days' WHERE id = :id;\n", rows), n)
}

// pgbenchScript measures a script, prepared, in transactions a second. A busy machine
// may not even have connected all clients in a short time: it then takes longer.
func (b *bench) pgbenchScript(ctx context.Context, text string, n int) (float64, error) {
	script := filepath.Join(b.cluster.Dir(), "update.sql")
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil { // read by the unprivileged user
		return 0, err
	}
	for seconds := max(1, int(b.o.each.Seconds())); ; seconds *= 2 {
		out, err := b.cluster.Pgbench(ctx, b.database, "-n", "-M", "prepared", "-f", script,
			"-c", strconv.Itoa(n), "-j", strconv.Itoa(min(n, 2)), "-T", strconv.Itoa(seconds))
		if err != nil {
			return 0, fmt.Errorf("pgbench: %w", err)
		}
		if m := tps.FindStringSubmatch(out); m != nil {
			return strconv.ParseFloat(m[1], 64)
		}
		if seconds > longestPgbench {
			return 0, fmt.Errorf("pgbench said no rate: %s", out)
		}
	}
}

// longestPgbench is how many seconds may pass without one transaction.
const longestPgbench = 30

// cost is what one operation takes.
type cost struct {
	commits float64       // of the database; the service's own polling is in it
	cpu     time.Duration // of the service
	clients time.Duration // of this process: the clients and the simulated WeChat
	memory  float64       // bytes that the service allocates
	objects float64       // how many allocations these are
}

func (c cost) String() string {
	return fmt.Sprintf("service %s, %.0f bytes in %.0f allocations, clients %s",
		c.cpu.Round(100*time.Nanosecond), c.memory, c.objects, c.clients.Round(100*time.Nanosecond))
}

// cost measures what each operation takes that do performs.
func (b *bench) cost(ctx context.Context, name string, n int, do func() (load, error)) (l load, c cost, err error) {
	before, err := b.committed(ctx)
	if err != nil {
		return l, c, err
	}
	if l, c, err = b.spent(ctx, name, n, do); err != nil {
		return l, c, err
	}
	after, err := b.committed(ctx)
	c.commits = float64(after-before) / l.operations
	return l, c, err
}

// spent is cost without the commits, which take two seconds to be known.
func (b *bench) spent(ctx context.Context, name string, n int, do func() (load, error)) (l load, c cost, err error) {
	used, err := b.service.spent(ctx)
	if err != nil {
		return l, c, err
	}
	own := ownCPU()
	profiled := b.profile(ctx, name, n)
	if l, err = do(); err != nil {
		return l, c, err
	}
	own = ownCPU() - own
	if err := <-profiled; err != nil {
		return l, c, err
	}
	then, err := b.service.spent(ctx)
	c.cpu = time.Duration(float64(then.cpu-used.cpu) / l.operations)
	c.clients = time.Duration(float64(own) / l.operations)
	c.memory = (then.bytes - used.bytes) / l.operations
	c.objects = (then.objects - used.objects) / l.operations
	return l, c, err
}

// ownCPU is the processor time that this process has taken.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// profile writes what the service's processor time and its allocations went to
// while it was under the load of 64 clients, if that is asked for.
func (b *bench) profile(ctx context.Context, name string, n int) <-chan error {
	done := make(chan error, 1)
	if b.o.profile == "" || n != 64 {
		done <- nil
		return done
	}
	seconds := max(1, int(b.o.each.Seconds())-1)
	go func() {
		// The allocations of the same seconds: the service samples them always.
		allocated := make(chan error, 1)
		go func() { allocated <- b.fetchProfile(ctx, "allocs", seconds, name+".allocs.pprof") }()
		done <- errors.Join(b.fetchProfile(ctx, "profile", seconds, name+".pprof"), <-allocated)
	}()
	return done
}

func (b *bench) fetchProfile(ctx context.Context, kind string, seconds int, file string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%d", b.service.metrics, kind, seconds)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s of the service: answered %d: %.200s", kind, answer.StatusCode, data)
	}
	return os.WriteFile(filepath.Join(b.o.profile, file), data, 0o600)
}

func (b *bench) committed(ctx context.Context) (n int64, err error) {
	time.Sleep(1100 * time.Millisecond) // backends report their figures once a second
	conn, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`).Scan(&n)
	return n, err
}

// openSessions signs people in whose sessions are refreshed.
func (b *bench) openSessions(ctx context.Context) error {
	c, err := dial(ctx, b.service.address)
	if err != nil {
		return err
	}
	for i := range rows {
		answer, err := b.loginOnce(c, i)
		if err != nil {
			return err
		}
		b.sessions = append(b.sessions, field(answer, "refreshToken"))
	}
	return c.c.Close()
}

func (b *bench) loginOnce(c *conn, i int) ([]byte, error) {
	code, err := b.wechat.Login(appID, person(i%people))
	if err != nil {
		return nil, err
	}
	status, body, err := c.ask("POST", "/api/v1/auth/login", "", `{"code":"`+code+`"}`)
	return body, want(200)(status, body, err)
}

// refreshes lets each client refresh its own share of the sessions in turn.
func (b *bench) refreshes(ctx context.Context, n int) (load, error) {
	share := rows / n
	return drive(ctx, b.service.address, n, b.o.each, func(c *conn, client, i int) error {
		at := client*share + i%share
		status, body, err := c.ask("POST", "/api/v1/auth/refresh", "", `{"refreshToken":"`+b.sessions[at]+`"}`)
		if err := want(200)(status, body, err); err != nil {
			return err
		}
		b.sessions[at] = field(body, "refreshToken")
		return nil
	})
}

// logins lets each client log its own share of the people in, in turn.
func (b *bench) logins(ctx context.Context, n int) (load, error) {
	share := people / n
	return drive(ctx, b.service.address, n, b.o.each, func(c *conn, client, i int) error {
		_, err := b.loginOnce(c, client*share+i%share)
		return err
	})
}

// verifies lets each client check one access token again and again.
func (b *bench) verifies(ctx context.Context, n int, access string) (load, error) {
	return drive(ctx, b.service.address, n, b.o.each, func(c *conn, _, _ int) error {
		return want(204)(c.ask("GET", "/api/v1/auth/verify", access, ""))
	})
}

// probes lets each client ask whether the process lives.
func (b *bench) probes(ctx context.Context, n int) (load, error) {
	return drive(ctx, b.service.address, n, b.o.each, func(c *conn, _, _ int) error {
		return want(200)(c.ask("GET", "/healthz", "", ""))
	})
}

func (b *bench) accessToken(ctx context.Context) (string, error) {
	c, err := dial(ctx, b.service.address)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.c.Close() }()
	body, err := b.loginOnce(c, 0)
	return field(body, "accessToken"), err
}

// resources measures what one process takes before any load.
func (b *bench) resources(ctx context.Context, r *results) error {
	for range 5 {
		p, err := b.start(ctx)
		if err != nil {
			return err
		}
		if r.ready == 0 || p.ready < r.ready {
			r.ready = p.ready
		}
		time.Sleep(time.Second)
		mib, err := p.memory()
		p.end()
		if err != nil {
			return err
		}
		r.idleMiB = max(r.idleMiB, mib)
	}
	info, err := os.Stat(b.o.binary)
	if err != nil {
		return err
	}
	r.binaryMiB = float64(info.Size()) / (1 << 20)
	return nil
}

// rowsAfter refreshes one session many times and counts its rows.
func (b *bench) rowsAfter(ctx context.Context, times int, r *results) error {
	c, err := dial(ctx, b.service.address)
	if err != nil {
		return err
	}
	defer func() { _ = c.c.Close() }()
	body, err := b.loginOnce(c, people-1)
	if err != nil {
		return err
	}
	user, token := field(body, "id"), field(body, "refreshToken")
	conn, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	count := func() (n int, err error) {
		err = conn.QueryRow(ctx, `SELECT count(*) FROM sessions WHERE user_id = $1`, user).Scan(&n)
		return n, err
	}
	before, err := count()
	if err != nil {
		return err
	}
	for range times {
		status, body, err := c.ask("POST", "/api/v1/auth/refresh", "", `{"refreshToken":"`+token+`"}`)
		if err := want(200)(status, body, err); err != nil {
			return err
		}
		token = field(body, "refreshToken")
	}
	after, err := count()
	r.refreshed, r.rowsAdded = times, after-before
	return err
}

var microLine = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// microbenchmarks runs the Go benchmarks, each for half a second at most, and reads
// what they say.
func microbenchmarks(ctx context.Context, each time.Duration) ([]micro, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchtime", min(each, 500*time.Millisecond).String(),
		"github.com/wugan/wugan/auth", "github.com/wugan/wugan/auth/verify").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	return readMicro(string(out)), nil
}

func readMicro(out string) (list []micro) {
	for _, m := range microLine.FindAllStringSubmatch(out, -1) {
		if ns, err := strconv.ParseFloat(m[2], 64); err == nil { // the pattern lets through nothing else
			list = append(list, micro{m[1], time.Duration(ns)})
		}
	}
	return list
}

package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"
	service   = "wugan" // the role that owns the test databases
	// patience is how long a server may take to start, stop or catch up on a
	// machine that is busy with other tests.
	patience = time.Minute
)

// Cluster is a private PostgreSQL server that a test may treat as it likes.
// Its methods may be called from several goroutines, but Start, Stop and Kill
// of the same cluster only one at a time.
type Cluster struct {
	Server
	home     *home
	data     string
	port     int
	settings []string
	server   *daemon
}

type options struct {
	durable  bool
	settings []string
}

// Option changes how a cluster is made.
type Option func(*options)

// Durable keeps fsync and full_page_writes on, as in production. Benchmarks
// need it; tests are faster without it and lose nothing, because what a killed
// server has written is in the kernel's hands.
func Durable() Option { return func(o *options) { o.durable = true } }

// Setting sets a parameter of postgresql.conf.
func Setting(name, value string) Option {
	return func(o *options) { o.settings = append(o.settings, "-c", name+"="+value) }
}

// Start makes a private cluster and starts it. The caller calls Close at the
// end; when the process dies before that, a watchdog cleans up.
func Start(ctx context.Context, opts ...Option) (*Cluster, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	c, err := newCluster(ctx, &o)
	if err != nil {
		return nil, err
	}
	if err := c.initialize(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// newCluster prepares a directory and a port, and no data yet.
func newCluster(ctx context.Context, o *options) (*Cluster, error) {
	if _, err := findServer(); err != nil {
		return nil, err
	}
	h, err := newHome(ctx)
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	c := &Cluster{home: h, data: filepath.Join(h.dir, "data"), port: port}
	c.settings = []string{
		"-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(port),
		"-c", "unix_socket_directories=" + socketDir(h.dir),
		"-c", "max_connections=200", "-c", "timezone=UTC", "-c", "log_timezone=UTC",
		// What a standby needs.
		"-c", "wal_level=replica", "-c", "max_wal_senders=8", "-c", "hot_standby=on", "-c", "wal_keep_size=64MB",
	}
	if !o.durable {
		c.settings = append(c.settings, "-c", "fsync=off", "-c", "full_page_writes=off")
	}
	c.settings = append(c.settings, o.settings...)
	password := rand.Text()
	c.admin = &url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	c.owner = url.UserPassword(service, rand.Text())
	return c, nil
}

// socketDir gives the directory for the unix socket, or none when its path
// would be longer than a socket address can be (107 bytes on Linux, 103 elsewhere).
func socketDir(dir string) string {
	if len(dir)+len("/.s.PGSQL.65535.lock") > 103 {
		return ""
	}
	return dir
}

func (c *Cluster) initialize(ctx context.Context) error {
	password, _ := c.admin.User.Password()
	if err := c.home.write("password", password); err != nil {
		return err
	}
	err := c.run(ctx, "initdb", "--pgdata="+c.data, "--username="+superuser, "--pwfile="+filepath.Join(c.home.dir, "password"),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	password, _ = c.owner.Password()
	// The password is made of letters and digits: it needs no escaping.
	return c.Exec(ctx, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", quote(service), password))
}

// run executes one of PostgreSQL's programs to its end.
func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	path, err := c.program(program)
	if err != nil {
		return err
	}
	out, err := c.home.command(ctx, path, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

func (c *Cluster) program(name string) (string, error) {
	dir, err := findServer()
	return filepath.Join(dir, name), err
}

// Start starts the server, which must not run, and waits until it answers. It
// keeps its address: clients find it again after a Stop or Kill.
func (c *Cluster) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	postgres, err := c.program("postgres")
	if err != nil {
		return err
	}
	for {
		c.server, err = c.home.start(ctx, "server.log", postgres, append([]string{"-D", c.data}, c.settings...)...)
		if err != nil {
			return err
		}
		err = poll(ctx, c.server.exited, c.ping)
		switch {
		case err == nil:
			return nil
		case ctx.Err() == nil && strings.Contains(c.server.tail(), "pre-existing shared memory block"):
			// Children of a killed server need a moment to notice; their
			// successor refuses to start beside them.
			time.Sleep(50 * time.Millisecond)
		default:
			return fmt.Errorf("start PostgreSQL: %w\n%s", err, c.server.tail())
		}
	}
}

func (c *Cluster) ping(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.admin.String())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// Stop shuts the server down in good order; clients are disconnected at once
// (PostgreSQL's "fast" mode) and everything committed is on its standbys.
func (c *Cluster) Stop(ctx context.Context) error { return c.end(ctx, syscall.SIGINT) }

// Kill ends the server as a power cut would end it, seen from the clients:
// transactions under way are lost, and the next Start recovers.
func (c *Cluster) Kill(ctx context.Context) error { return c.end(ctx, syscall.SIGKILL) }

func (c *Cluster) end(ctx context.Context, sig syscall.Signal) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.server.signal(ctx, sig)
}

// Running reports whether the server's process is alive.
func (c *Cluster) Running() bool { return c.server != nil && c.server.running() }

// Replica makes a streaming standby of this cluster, starts it, and waits until
// it streams. Replication is asynchronous unless synchronous_standby_names
// says otherwise; the standby's name there is its [Cluster.Name].
func (c *Cluster) Replica(ctx context.Context, opts ...Option) (*Cluster, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	r, err := newCluster(ctx, &o)
	if err != nil {
		return nil, err
	}
	if err := r.follow(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("make a replica: %w", err), r.Close())
	}
	return r, nil
}

func (c *Cluster) follow(ctx context.Context, primary *Cluster) error {
	// Roles are part of the copied data, and their passwords with them.
	c.admin.User, c.owner = primary.admin.User, primary.owner
	password, _ := primary.admin.User.Password()
	conninfo := fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s application_name=%s",
		primary.port, superuser, password, c.Name())
	err := c.run(ctx, "pg_basebackup", "--pgdata="+c.data, "--dbname="+conninfo,
		"--wal-method=stream", "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return poll(ctx, c.server.exited, func(ctx context.Context) error {
		return primary.expect(ctx, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming')", c.Name())
	})
}

// Name is the cluster's name in synchronous_standby_names.
func (c *Cluster) Name() string { return "wugan_" + strconv.Itoa(c.port) }

// Promote makes a standby a primary and waits until it takes writes.
func (c *Cluster) Promote(ctx context.Context) error {
	return c.expect(ctx, "SELECT pg_promote(true, $1)", int(patience.Seconds()))
}

// CaughtUp waits until the standby has replayed everything that the primary
// has written so far.
func (c *Cluster) CaughtUp(ctx context.Context, primary *Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var position string
	if err := primary.scan(ctx, &position, "SELECT pg_current_wal_lsn()::text"); err != nil {
		return err
	}
	return poll(ctx, c.server.exited, func(ctx context.Context) error {
		return c.expect(ctx, "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", position)
	})
}

// FailoverURL gives the address of a database on whichever of the clusters is
// the primary, in the form that libpq and pgx understand.
func FailoverURL(database string, clusters ...*Cluster) string {
	hosts := make([]string, len(clusters))
	for i, c := range clusters {
		hosts[i] = c.admin.Host
	}
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&target_session_attrs=read-write",
		clusters[0].owner, strings.Join(hosts, ","), url.PathEscape(database))
}

var errNotYet = errors.New("not yet so")

// expect runs a query that answers with a truth value, as the superuser.
func (c *Cluster) expect(ctx context.Context, query string, args ...any) error {
	var ok bool
	if err := c.scan(ctx, &ok, query, args...); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s: %w", query, errNotYet)
	}
	return nil
}

func (c *Cluster) scan(ctx context.Context, into any, query string, args ...any) error {
	conn, err := pgx.Connect(ctx, c.admin.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.QueryRow(ctx, query, args...).Scan(into)
}

// Close stops the server at once and removes its files. It may be called twice.
func (c *Cluster) Close() error { return c.home.close() }

// Log gives the end of the server's log.
func (c *Cluster) Log() string {
	if c.server == nil {
		return ""
	}
	return c.server.tail()
}

// Pgbench runs PostgreSQL's own load generator against a database, as its
// owner, and returns what it printed.
func (c *Cluster) Pgbench(ctx context.Context, database string, args ...string) (string, error) {
	path, err := c.program("pgbench")
	if err != nil {
		return "", err
	}
	password, _ := c.owner.Password()
	cmd := c.home.command(ctx, path, append(args,
		"-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-U", service, database)...)
	cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return string(out), err
}

// Dir is the directory of the cluster's files, gone after Close.
func (c *Cluster) Dir() string { return c.home.dir }

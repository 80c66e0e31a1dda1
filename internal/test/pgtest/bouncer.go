package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Bouncer starts a PgBouncer in transaction mode in front of the server of
// databaseURL, for the time of the test, and gives the address of the same
// database through it. As root on Debian it installs PgBouncer first.
//
// PgBouncer before 1.21 knows nothing of prepared statements: pgx needs
// default_query_exec_mode=exec (or cache_describe) in the address, which is the
// caller's to add, because whether it is needed is what a test asks.
func Bouncer(t testing.TB, databaseURL string) string {
	t.Helper()
	through, h, err := startBouncer(t.Context(), databaseURL)
	if err != nil {
		t.Fatalf("pgtest: PgBouncer: %v", err)
	}
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Errorf("pgtest: PgBouncer: %v", err)
		}
	})
	return through
}

func startBouncer(ctx context.Context, databaseURL string) (string, *home, error) {
	server, err := url.Parse(databaseURL)
	if err != nil {
		return "", nil, errors.New("the database's address is no URL") // the error would print its password
	}
	path, err := findBouncer(ctx)
	if err != nil {
		return "", nil, err
	}
	h, err := newHome(ctx)
	if err != nil {
		return "", nil, err
	}
	through, err := runBouncer(ctx, h, path, server)
	if err != nil {
		return "", nil, errors.Join(err, h.close())
	}
	return through, h, nil
}

func runBouncer(ctx context.Context, h *home, path string, server *url.URL) (string, error) {
	port, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	password, _ := server.User.Password()
	serverPort := server.Port()
	if serverPort == "" {
		serverPort = "5432"
	}
	config := fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 10
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
pidfile = %s
`, server.Hostname(), serverPort, port, filepath.Join(h.dir, "users"), filepath.Join(h.dir, "bouncer.pid"))
	if err := h.write("bouncer.ini", config); err != nil {
		return "", err
	}
	// In plain text: PgBouncer itself logs in to the server with it.
	if err := h.write("users", fmt.Sprintf("%q %q\n", server.User.Username(), password)); err != nil {
		return "", err
	}
	d, err := h.start(ctx, "bouncer.log", path, filepath.Join(h.dir, "bouncer.ini"))
	if err != nil {
		return "", err
	}
	through := *server
	through.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = poll(ctx, d.exited, func(ctx context.Context) error {
		config, err := pgx.ParseConfig(through.String())
		if err != nil {
			return err
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return err
		}
		return errors.Join(conn.Ping(ctx), conn.Close(ctx))
	})
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, d.tail())
	}
	return through.String(), nil
}

func findBouncer(ctx context.Context) (string, error) {
	const debian = "/usr/sbin/pgbouncer" // not on everybody's PATH
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	if isFile(debian) {
		return debian, nil
	}
	if err := need(ctx, "pgbouncer"); err != nil {
		return "", err
	}
	return exec.LookPath(debian)
}

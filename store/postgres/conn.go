package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// lockTimeout is how long a statement waits for a lock. The caller tries it
	// again, without a connection in between ([Store.call]): a row that stays
	// locked must not keep the pool's connections.
	lockTimeout = 100 * time.Millisecond
	// idleInTransaction ends a transaction, and gives up its locks, when its
	// process hangs in the middle of it. Ours last for patience at most.
	idleInTransaction = 2 * patience
	// pingTimeout is how long the pool waits for a connection to show that it
	// lives. It asks one that has been idle for a second.
	pingTimeout = 500 * time.Millisecond
	// connectTimeout bounds the attempt to connect to one host, so that there is
	// time left for the next one.
	connectTimeout = 2 * time.Second
	// maxConns is how many connections the pool may have. Requests that arrive
	// while the database is busy share a statement: more hardly make it faster.
	// It is here so that no address needs pool_max_conns, which the goose command
	// does not know.
	maxConns = 8
	// closeTimeout is how long a connection that is given up may say goodbye. Its
	// place in the pool is taken until then; pgx would wait for 15 s for the
	// answer of one that died without a reset.
	closeTimeout = 500 * time.Millisecond
)

// configure parses an address and returns the configuration of the pool. It does not
// override parameters of the address.
func configure(url string) (config *pgxpool.Config, pooler bool, err error) {
	config, err = pgxpool.ParseConfig(url)
	if err != nil {
		// The error of pgx repeats the address, with the password masked only
		// where it could be parsed.
		return nil, false, errors.New("postgres: the database address is not valid: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	c := config.ConnConfig
	if _, set := c.RuntimeParams["application_name"]; !set {
		c.RuntimeParams["application_name"] = "wugan"
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
		// A cancel request knows no other limit.
		c.DialFunc = (&net.Dialer{Timeout: connectTimeout}).DialContext
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = maxConns
	}
	if config.PingTimeout == 0 {
		config.PingTimeout = pingTimeout
	}
	// A pooler in transaction mode shares the server's connections: a parameter set
	// on one must not outlive the transaction.
	pooler = c.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement
	hosts := follow(c)
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		hosts.order(c)
		return nil
	}
	config.BeforeClose = func(conn *pgx.Conn) {
		raw := conn.PgConn().Conn()
		time.AfterFunc(closeTimeout, func() { _ = raw.Close() }) // it is closed already where all is well
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		prepareTypes(conn)
		hosts.connected(conn.PgConn().Conn().RemoteAddr())
		if pooler {
			return nil
		}
		return limitWaits(ctx, conn, c.RuntimeParams)
	}
	return config, pooler, nil
}

// limitWaitsSQL limits the waits of one transaction, where they are not limited
// for the connection.
var limitWaitsSQL = fmt.Sprintf(`
SELECT set_config('lock_timeout', '%d', true), set_config('idle_in_transaction_session_timeout', '%d', true)`,
	lockTimeout.Milliseconds(), idleInTransaction.Milliseconds())

// planByKeySQL is the first statement of a group of logins or refreshes. For the
// rest of the transaction it makes PostgreSQL plan each statement once for a
// connection, and by key. Left to itself it plans again for the length of the
// arrays each time, which takes longer than to run the statement. But a plan
// that is kept may be one for the nearly empty tables of the first day, where to
// read a whole index is as cheap as to look into it; of the ways to read a table,
// only a bitmap scan cannot do without a condition. Compiling (JIT) pays for
// long statements, of which there are none.
const planByKeySQL = `
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`

// groupBatch begins the batch of a group: one round trip and one transaction.
func (s *Store) groupBatch() *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(planByKeySQL)
	if s.pooler {
		b.Queue(limitWaitsSQL)
	}
	return b
}

// limitWaits sets on a connection of our own what limitWaitsSQL sets, where the
// address does not set it.
func limitWaits(ctx context.Context, conn *pgx.Conn, given map[string]string) error {
	const sql = `SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS s (name, value)`
	var names, values []string
	for name, d := range map[string]time.Duration{
		"lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idleInTransaction,
	} {
		if _, set := given[name]; !set {
			names, values = append(names, name), append(values, milliseconds(d))
		}
	}
	_, err := conn.Exec(ctx, sql, names, values)
	return err
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// hosts remembers which of an address's hosts accepted the last connection, so that it is
// tried first: after a failover the others are down or standbys, and each of them would
// cost a new connection its connectTimeout. It is safe for concurrent use.
type hosts struct {
	mu     sync.Mutex
	byAddr map[string]host // host by network address, as they were looked up
	good   host            // zero until one has answered
}

type host struct {
	name string
	port uint16
}

// follow makes the lookups of c known to a new hosts.
func follow(c *pgx.ConnConfig) *hosts {
	h := &hosts{byAddr: map[string]host{}}
	if len(c.Fallbacks) == 0 {
		return h
	}
	ports := map[string][]uint16{c.Host: {c.Port}}
	for _, f := range c.Fallbacks {
		ports[f.Host] = append(ports[f.Host], f.Port)
	}
	lookup := c.LookupFunc
	c.LookupFunc = func(ctx context.Context, name string) ([]string, error) {
		ips, err := lookup(ctx, name)
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, ip := range ips {
			for _, port := range ports[name] {
				if addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(ip, strconv.Itoa(int(port)))); err == nil { // it is an IP: nothing is looked up
					h.byAddr[addr.String()] = host{name, port}
				}
			}
		}
		return ips, err
	}
	return h
}

// connected remembers the host of an address that accepted a connection.
func (h *hosts) connected(at net.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if x, known := h.byAddr[at.String()]; known {
		h.good = x
	}
}

// order puts the host that answered last in front. A host stands several times
// in c where it is tried with TLS and without; their order stays.
func (h *hosts) order(c *pgx.ConnConfig) {
	h.mu.Lock()
	good := h.good
	h.mu.Unlock()
	if good == (host{}) {
		return
	}
	all := append([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks...)
	slices.SortStableFunc(all, func(a, b *pgconn.FallbackConfig) int { return rank(a, good) - rank(b, good) })
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = all[0].Host, all[0].Port, all[0].TLSConfig, all[1:]
}

func rank(f *pgconn.FallbackConfig, good host) int {
	if (host{f.Host, f.Port}) == good {
		return 0
	}
	return 1
}

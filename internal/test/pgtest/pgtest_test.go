package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// roleEnv turns this test binary into the process that a test kills.
const roleEnv = "PGTEST_HOLD_A_CLUSTER"

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) != "" {
		holdCluster()
		return
	}
	pgtest.Main(m)
}

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // some tests have killed its server
	return conn
}

func query[T any](t *testing.T, conn *pgx.Conn, text string) T {
	t.Helper()
	var v T
	require.NoError(t, conn.QueryRow(t.Context(), text).Scan(&v))
	return v
}

func TestEveryEmptyDatabaseIsItsOwn(t *testing.T) {
	t.Parallel()
	first, second := pgtest.Empty(t), pgtest.Empty(t)
	require.NotEqual(t, first, second)
	_, err := connect(t, first).Exec(t.Context(), "CREATE TABLE mine ()")
	require.NoError(t, err, "the owner may make tables")
	require.Zero(t, query[int](t, connect(t, second), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
}

func TestAMigratedDatabaseHasTheSchemaAndNoRows(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Migrated(t))
	require.Zero(t, query[int](t, conn, "SELECT count(*) FROM sessions"))
	require.Positive(t, query[int](t, conn, "SELECT max(version_id) FROM goose_db_version"))
	require.Equal(t, 0, query[int](t, conn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner <> current_user"))
}

func TestTheOwnerIsNoSuperuserInAPrivateCluster(t *testing.T) {
	t.Parallel()
	if os.Getenv(pgtest.EnvURL) != "" {
		require.NotEmpty(t, pgtest.Superuser(t)) // there, the roles are the operator's choice
		return
	}
	const isSuperuser = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
	require.False(t, query[bool](t, connect(t, pgtest.Empty(t)), isSuperuser))
	require.True(t, query[bool](t, connect(t, pgtest.Superuser(t)), isSuperuser))
}

func TestManyTestsMayAskAtOnce(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			require.NotZero(t, query[int](t, connect(t, pgtest.Migrated(t)), "SELECT max(version_id) FROM goose_db_version"))
		})
	}
}

func TestAStoppedOrKilledServerComesBackWithItsDataAtTheSameAddress(t *testing.T) {
	t.Parallel()
	c := pgtest.NewCluster(t)
	name, err := c.CreateMigrated(t.Context())
	require.NoError(t, err)
	_, err = connect(t, c.URL(name)).Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS n")
	require.NoError(t, err)

	for _, end := range []func(context.Context) error{c.Stop, c.Kill} {
		require.NoError(t, end(t.Context()))
		require.False(t, c.Running())
		_, err = pgx.Connect(t.Context(), c.URL(name))
		require.Error(t, err)
		require.NoError(t, c.Start(t.Context()))
		require.True(t, c.Running())
		require.Equal(t, 7, query[int](t, connect(t, c.URL(name)), "SELECT n FROM kept"))
	}
}

func TestAReplicaFollowsRefusesWritesAndTakesOver(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewCluster(t)
	name, err := primary.Create(t.Context())
	require.NoError(t, err)
	replica := pgtest.NewReplica(t, primary)
	_, err = connect(t, primary.URL(name)).Exec(t.Context(), "CREATE TABLE followed AS SELECT 1 AS n")
	require.NoError(t, err)
	require.NoError(t, replica.CaughtUp(t.Context(), primary))

	standby := connect(t, replica.URL(name))
	require.Equal(t, 1, query[int](t, standby, "SELECT n FROM followed"))
	_, err = standby.Exec(t.Context(), "UPDATE followed SET n = 2")
	require.ErrorContains(t, err, "read-only")

	address := pgtest.FailoverURL(name, primary, replica)
	require.NoError(t, primary.Kill(t.Context()))
	require.NoError(t, replica.Promote(t.Context()))
	_, err = connect(t, address).Exec(t.Context(), "UPDATE followed SET n = 2")
	require.NoError(t, err)
}

func TestSynchronousReplicationLosesNoCommit(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewCluster(t)
	replica := pgtest.NewReplica(t, primary)
	require.NoError(t, primary.Exec(t.Context(),
		"ALTER SYSTEM SET synchronous_standby_names = '"+replica.Name()+"'", "SELECT pg_reload_conf()"))
	conn := connect(t, primary.Superuser(""))
	require.Eventually(t, func() bool {
		return query[bool](t, conn, "SELECT bool_or(sync_state = 'sync') FROM pg_stat_replication")
	}, 20*time.Second, 20*time.Millisecond)
	_, err := conn.Exec(t.Context(), "CREATE TABLE committed ()")
	require.NoError(t, err)
	require.NoError(t, primary.Kill(t.Context()))
	require.NoError(t, replica.Promote(t.Context()))
	require.Zero(t, query[int](t, connect(t, replica.Superuser("")), "SELECT count(*) FROM committed"))
}

func TestABenchmarksClusterIsDurableAndATestsIsNot(t *testing.T) {
	t.Parallel()
	require.Equal(t, "off", query[string](t, connect(t, pgtest.NewCluster(t).Superuser("")), "SHOW fsync"))
	durable := pgtest.NewCluster(t, pgtest.Durable(), pgtest.Setting("work_mem", "5MB"))
	conn := connect(t, durable.Superuser(""))
	require.Equal(t, "on", query[string](t, conn, "SHOW fsync"))
	require.Equal(t, "5MB", query[string](t, conn, "SHOW work_mem"))
	name, err := durable.Create(t.Context())
	require.NoError(t, err)
	out, err := durable.Pgbench(t.Context(), name, "--initialize", "--quiet", "--scale=1")
	require.NoError(t, err, out)
	out, err = durable.Pgbench(t.Context(), name, "--transactions=5", "--no-vacuum")
	require.NoError(t, err)
	require.Contains(t, out, "tps")
}

func TestPgBouncerServesTransactionsFromFewConnections(t *testing.T) {
	t.Parallel()
	direct := pgtest.Empty(t)
	through := pgtest.Bouncer(t, direct)
	require.NotEqual(t, direct, through)
	backends := map[int]bool{}
	for range 20 {
		conn := connect(t, through+"&default_query_exec_mode=exec")
		backends[query[int](t, conn, "SELECT pg_backend_pid()")] = true
	}
	require.Less(t, len(backends), 20, "twenty clients share the pool")
}

// A wrong address must fail with a message, and without its password.
func TestAWrongServerAddressFailsTheTestWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"localhost:5432", "postgres://u:hunter2@127.0.0.1:1/postgres?connect_timeout=2"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEveryEmptyDatabaseIsItsOwn$")
		cmd.Env = append(os.Environ(), pgtest.EnvURL+"="+address)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), pgtest.EnvURL)
		require.NotContains(t, string(out), "hunter2")
	}
}

// holdCluster starts a cluster, says where it is, and waits to be killed.
func holdCluster() {
	c, err := pgtest.Start(context.Background())
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n%s\n", c.Superuser(""), c.Dir())
	select {}
}

func TestNoClusterOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	address, err := lines.ReadString('\n')
	require.NoError(t, err)
	dir, err := lines.ReadString('\n')
	require.NoError(t, err)
	address, dir = strings.TrimSpace(address), strings.TrimSpace(dir)
	connect(t, address)
	require.DirExists(t, dir)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool {
		_, statErr := os.Stat(dir)
		conn, err := pgx.Connect(t.Context(), address)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err != nil && os.IsNotExist(statErr)
	}, 30*time.Second, 50*time.Millisecond)
}

// Package pgtest provides a real PostgreSQL to tests.
//
// It finds or installs the server, starts private clusters, creates databases, and
// starts standbys and PgBouncer. Only tests and benchmarks import it. It never skips
// a test: if PostgreSQL is not available, the test fails with what to install.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		pool, err := pgxpool.New(t.Context(), pgtest.Migrated(t))
//		...
//	}
//
// [Empty] and [Migrated] take their databases from one server for the test
// binary: that of WUGAN_TEST_DATABASE_URL (a user who may create databases)
// when it is set, and else a private cluster that starts with the first call,
// which takes about two seconds. A test that stops, kills or promotes a server
// takes one of its own with [NewCluster].
//
// A private cluster listens on a random port of 127.0.0.1, asks for a random
// password, and keeps its files in a directory of its own under [os.TempDir].
// When the test process ends, however it ends, SIGKILL included, a watchdog
// stops the server and removes the directory.
//
// Everything here may be called from tests that run in parallel.
package pgtest

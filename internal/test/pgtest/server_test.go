package pgtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server that the harness did not start, as by WUGAN_TEST_DATABASE_URL.
func TestDatabasesAreMadeOnAGivenServer(t *testing.T) {
	t.Parallel()
	given, err := external(t.Context(), NewCluster(t).Superuser(""))
	require.NoError(t, err)
	for _, create := range []func(*Server) (string, error){
		func(s *Server) (string, error) { return s.Create(t.Context()) },
		func(s *Server) (string, error) { return s.CreateMigrated(t.Context()) },
	} {
		name, err := create(given)
		require.NoError(t, err)
		require.Contains(t, given.URL(name), "/"+name)
		require.Contains(t, given.Superuser(name), "/"+name)
		require.NoError(t, given.Drop(t.Context(), name))
		require.Error(t, given.Exec(t.Context(), `ALTER DATABASE "`+name+`" CONNECTION LIMIT 5`), "it is gone")
	}
	for _, address := range []string{"", "mysql://a:b@127.0.0.1/x", "postgres://127.0.0.1/x", "postgres://a:b@%zz/"} {
		_, err := external(t.Context(), address)
		require.ErrorContains(t, err, EnvURL+" must have the form", "%q", address)
	}
	_, err = external(t.Context(), "postgres://a:hunter2@127.0.0.1:1/x")
	require.ErrorContains(t, err, EnvURL)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Setting("shared_buffers", "nonsense"))
	require.ErrorContains(t, err, "shared_buffers")
}

func TestAClusterHasItsProgramsItsFilesAndItsLog(t *testing.T) {
	t.Parallel()
	bin, err := BinDir()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(bin, "postgres"))
	require.Greater(t, major("/usr/lib/postgresql/15/bin"), major("/usr/lib/postgresql/9.6/bin"), "the newest comes first")
	root, err := moduleRoot()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "scripts", "need"))
	require.NoError(t, need(t.Context(), "sh"), "what is there is not installed again")
	require.Error(t, need(t.Context(), "no-such-program=no-such-package-of-debian"))

	c := NewCluster(t)
	require.DirExists(t, c.Dir())
	require.Contains(t, c.Log(), "ready to accept connections")
	_, err = c.Pgbench(t.Context(), "postgres", "--no-such-option")
	require.ErrorContains(t, err, "no-such-option")

	require.NoError(t, c.Kill(t.Context()))
	_, err = c.Replica(t.Context())
	require.Error(t, err, "there is nothing to follow")

	long := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(long, []byte(strings.Repeat("x", 5000)+"end"), 0o600))
	end := (&daemon{log: long}).tail()
	require.Len(t, end, 2000)
	require.True(t, strings.HasSuffix(end, "end"))
	require.Contains(t, (&daemon{log: long + ".none"}).tail(), "no such file")
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/pgtest"
)

// backups runs beside a real service, for a restore is refused while one has the
// file.
func (p program) backups(t *testing.T) {
	folder := t.TempDir()
	database := filepath.Join(folder, "wugan.db")
	settings := p.production(t, "sqlite:"+database)
	wechat := p.wechat(t)
	settings["WUGAN_WECHAT_API_URL"] = "http://" + wechat.address
	env, base := environment(settings), "http://"+settings["WUGAN_ADDR"]
	login := func(name string) {
		t.Helper()
		require.Equal(t, 200, post(base+"/api/v1/auth/login", `{"code":"`+wechat.code(t, name)+`"}`))
	}
	running := p.start(t, p.command(t, env, "serve"))
	running.ready(t, base+"/readyz")
	login("alice")
	backup := filepath.Join(folder, "backup.db")
	require.Contains(t, p.ok(t, env, "backup", backup), "backed up")
	info, err := os.Stat(backup)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	login("bob")
	_, errs, status := p.run(t, env, "restore", backup)
	require.Equal(t, exitFailed, status)
	require.Contains(t, errs, "stop the service first")
	_, errs, status = p.run(t, env, "backup", backup)
	require.Equal(t, exitFailed, status)
	require.Contains(t, errs, "file exists")

	// Killed, so that its write-ahead log stays.
	require.NoError(t, running.cmd.Process.Kill())
	require.Error(t, <-running.done, "it was killed")
	running.done <- nil
	require.FileExists(t, database+"-wal")
	text, err := os.ReadFile(backup)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(database, text, 0o600)) // as operators do
	for _, args := range [][]string{{"serve"}, {"users", "list"}, {"migrate", "status"}} {
		_, errs, status = p.run(t, env, args...)
		require.Equal(t, exitFailed, status, args)
		require.Contains(t, errs, "WUGAN_DATABASE_URL: expected", args)
		require.Contains(t, errs, "wugan restore", args)
		require.NotContains(t, errs, folder, args)
	}
	require.Contains(t, p.ok(t, env, "restore", backup), "restored")
	require.NoFileExists(t, database+"-wal")
	listed := p.ok(t, env, "users", "list", "--json")
	require.Contains(t, listed, `"id"`)
	again := p.start(t, p.command(t, env, "serve"))
	again.ready(t, base+"/readyz")
	login("bob")
}

func TestABackupOfPostgreSQLIsAMatterOfItsOwnTools(t *testing.T) {
	t.Setenv("WUGAN_DATABASE_URL", pgtest.Empty(t))
	for name, tool := range map[string]string{"backup": "pg_dump", "restore": "pg_restore"} {
		path := filepath.Join(t.TempDir(), "x.db")
		_, exit, err := command(t, name, path)
		require.Equal(t, exitFailed, exit)
		require.ErrorContains(t, err, tool)
		require.NoFileExists(t, path)
		_, exit, _ = command(t, name)
		require.Equal(t, exitUsage, exit)
	}
}

package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

// folderOf is what lies in a file's folder, with the bytes of each.
func folderOf(t *testing.T, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		require.NoError(t, err)
		out[e.Name()] = string(data)
	}
	return out
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o600))
}

// known reports whether a file has a user of this openid.
func known(t *testing.T, path, openID string) bool {
	t.Helper()
	s := open(t, path, lifetimes)
	defer s.Close()
	list, err := s.FindUsers(t.Context(), users.Query{AppID: signIn("x").AppID, OpenID: openID, Limit: 1})
	require.NoError(t, err)
	return len(list) == 1
}

func TestABackupIsWholeWhileLoginsGoOn(t *testing.T) {
	t.Parallel()
	path := migrated(t)
	s := open(t, path, lifetimes)
	for i := range 50 {
		enter(t, s, "before"+strconv.Itoa(i))
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.Login(t.Context(), signIn("during"+strconv.Itoa(i))); err != nil {
				t.Error(err)
			}
		}
	})
	to := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, sqlite.Backup(t.Context(), path, to))
	close(stop)
	wg.Wait()
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.Len(t, folderOf(t, to), 1, "one file, and nothing beside it")
	require.NoError(t, sqlite.Check(t.Context(), to))
	for i := range 50 {
		require.True(t, known(t, to, "before"+strconv.Itoa(i)))
	}
}

func TestABackupOverwritesNothing(t *testing.T) {
	t.Parallel()
	path := migrated(t)
	to := filepath.Join(t.TempDir(), "there.db")
	require.NoError(t, os.WriteFile(to, []byte("mine"), 0o644))
	require.ErrorIs(t, sqlite.Backup(t.Context(), path, to), fs.ErrExist)
	require.Equal(t, map[string]string{"there.db": "mine"}, folderOf(t, to))
	require.ErrorIs(t, sqlite.Backup(t.Context(), path+".none", filepath.Join(t.TempDir(), "x.db")), fs.ErrNotExist)
	require.NoFileExists(t, path+".none")
	require.Error(t, sqlite.Backup(t.Context(), path, filepath.Join(t.TempDir(), "no", "folder.db")))
	require.Error(t, sqlite.Backup(t.Context(), path, path), "the database is no backup of itself")
}

func TestARestoreBesideALeftoverWriteAheadLogIsTheBackup(t *testing.T) {
	t.Parallel()
	path := migrated(t)
	s := open(t, path, lifetimes)
	enter(t, s, "kept")
	backup := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, sqlite.Backup(t.Context(), path, backup))
	for i := range 200 {
		enter(t, s, "later"+strconv.Itoa(i))
	}
	// A process that was killed leaves its log behind.
	killed := filepath.Join(t.TempDir(), "wugan.db")
	copyFile(t, path, killed)
	copyFile(t, path+"-wal", killed+"-wal")
	require.NotEmpty(t, folderOf(t, killed)["wugan.db-wal"])
	require.NoError(t, s.Close())

	require.NoError(t, sqlite.Restore(t.Context(), backup, killed))
	require.Len(t, folderOf(t, killed), 1, "the log went with the file that it belonged to")
	info, err := os.Stat(killed)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, sqlite.Check(t.Context(), killed))
	require.True(t, known(t, killed, "kept"))
	require.False(t, known(t, killed, "later7"))
}

// What operators do without the command.
func TestABackupCopiedBesideALeftoverLogIsRefusedAndNotDestroyed(t *testing.T) {
	t.Parallel()
	path := migrated(t)
	s := open(t, path, lifetimes)
	enter(t, s, "kept")
	backup := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, sqlite.Backup(t.Context(), path, backup))
	for i := range 200 {
		enter(t, s, "later"+strconv.Itoa(i))
	}
	mixed := filepath.Join(t.TempDir(), "wugan.db")
	copyFile(t, backup, mixed)
	copyFile(t, path+"-wal", mixed+"-wal")
	before := folderOf(t, mixed)
	err := sqlite.Check(t.Context(), mixed)
	require.ErrorIs(t, err, sqlite.ErrDamaged)
	require.ErrorContains(t, err, "the write-ahead log of another file lies beside it")
	require.ErrorContains(t, err, "wugan restore")
	require.Equal(t, before["wugan.db"], folderOf(t, mixed)["wugan.db"], "looking at it changes nothing")
	require.Equal(t, before["wugan.db-wal"], folderOf(t, mixed)["wugan.db-wal"])

	require.NoError(t, sqlite.Restore(t.Context(), backup, mixed), "and the command puts it right")
	require.True(t, known(t, mixed, "kept"))
	require.False(t, known(t, mixed, "later7"))
}

func TestADamagedFileIsNeitherServedNorBackedUpNorRestored(t *testing.T) {
	path := migrated(t)
	s := open(t, path, lifetimes)
	for i := range 600 {
		enter(t, s, "o"+strconv.Itoa(i))
	}
	whole := filepath.Join(t.TempDir(), "whole.db")
	require.NoError(t, sqlite.Backup(t.Context(), path, whole))
	require.NoError(t, s.Close())
	good, err := os.ReadFile(whole)
	require.NoError(t, err)
	for name, damaged := range map[string][]byte{
		"a page overwritten": append(append(bytes.Clone(good[:8*4096]), bytes.Repeat([]byte{0x5a}, 4096)...), good[9*4096:]...),
		"cut off":            good[:len(good)/2],
		"a byte short":       good[:len(good)-1],
		"no database":        []byte(strings.Repeat("not a database ", 1000)),
		"zeros":              make([]byte, len(good)),
		"another program's":  foreign(t),
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad.db")
			require.NoError(t, os.WriteFile(bad, damaged, 0o600))
			if name != "another program's" { // which is whole, as a file
				require.ErrorIs(t, sqlite.Check(t.Context(), bad), sqlite.ErrDamaged)
			}
			to := filepath.Join(t.TempDir(), "to.db")
			require.Error(t, sqlite.Backup(t.Context(), bad, to))
			require.Empty(t, folderOf(t, to))

			live := filepath.Join(t.TempDir(), "live.db")
			copyFile(t, whole, live)
			before := folderOf(t, live)
			require.Error(t, sqlite.Restore(t.Context(), bad, live))
			require.Equal(t, before, folderOf(t, live), "nothing was changed")
			require.Equal(t, string(damaged), folderOf(t, bad)["bad.db"])
			if name != "another program's" {
				require.NoError(t, sqlite.Restore(t.Context(), whole, bad), "a damaged file is replaced")
				require.True(t, known(t, bad, "o7"))
			}
		})
	}
	require.NoError(t, sqlite.Check(t.Context(), filepath.Join(t.TempDir(), "none.db")), "a file that is not there yet will be made")
	empty := filepath.Join(t.TempDir(), "empty.db")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, sqlite.Check(t.Context(), empty))
	require.Error(t, sqlite.Restore(t.Context(), empty, path), "an empty file is no backup")
	require.Error(t, sqlite.Restore(t.Context(), path, path))
	require.ErrorIs(t, sqlite.Restore(t.Context(), whole+".none", path), fs.ErrNotExist)
}

// foreign is a database of another program.
func foreign(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "foreign.db")
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath())
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE notes (text TEXT)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// heldEnv names the file that the second process opens.
const heldEnv = "SQLITE_TEST_HELD"

func TestARestoreIsRefusedWhileAServiceHasTheFile(t *testing.T) {
	if path := os.Getenv(heldEnv); path != "" {
		s := open(t, path, lifetimes)
		require.NoError(t, s.Ping(t.Context()))
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until the parent has seen enough
		return
	}
	path := migrated(t)
	s := open(t, path, lifetimes)
	enter(t, s, "o1")
	backup := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, sqlite.Backup(t.Context(), path, backup))
	require.NoError(t, s.Close())

	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestARestoreIsRefusedWhileAServiceHasTheFile$")
	cmd.Env = append(os.Environ(), heldEnv+"="+path)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.ErrorIs(t, sqlite.Restore(t.Context(), backup, path), sqlite.ErrInUse)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoError(t, sqlite.Backup(t.Context(), path, filepath.Join(t.TempDir(), "beside.db")), "a backup is taken beside it")
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	require.NoError(t, sqlite.Restore(t.Context(), backup, path))
	require.True(t, known(t, path, "o1"))
}

func TestReadinessTellsOfAFileThatIsGoneAndOfAFolderThatTakesNothing(t *testing.T) {
	path := migrated(t)
	s := open(t, path, lifetimes)
	require.NoError(t, s.Writable(t.Context()))

	moved := path + ".moved"
	require.NoError(t, os.Rename(path, moved))
	err := s.Writable(t.Context())
	require.ErrorIs(t, err, users.ErrUnavailable)
	require.ErrorContains(t, err, "is gone")
	copyFile(t, moved, path)
	require.ErrorContains(t, s.Writable(t.Context()), "another file", "one that was put in its place is not served")
	require.NoError(t, os.Rename(moved, path))
	require.NoError(t, s.Writable(t.Context()))

	// Root may write into any folder but one that is not there.
	folder := filepath.Dir(path)
	require.NoError(t, os.Rename(folder, folder+".moved"))
	require.ErrorIs(t, s.Writable(t.Context()), users.ErrUnavailable)
	require.NoError(t, os.Rename(folder+".moved", folder))
	require.NoError(t, s.Writable(t.Context()))
	if os.Getuid() != 0 {
		require.NoError(t, os.Chmod(folder, 0o500))
		sqlite.ForgetProbe(s)
		require.ErrorIs(t, s.Writable(t.Context()), users.ErrUnavailable)
		require.NoError(t, os.Chmod(folder, 0o700))
	}
	sqlite.ForgetProbe(s)
	require.NoError(t, s.Writable(t.Context()))
	require.Len(t, folderOf(t, path), 3, "a probe leaves nothing")
}

func TestReadinessTellsOfADiskThatIsFull(t *testing.T) {
	path := migrated(t)
	s := open(t, path, lifetimes)
	enter(t, s, "o1")
	// A limit of a process is met as a full disk is. The process is one of its own
	// (TestMain), for the limit holds for whatever it writes.
	full := exec.CommandContext(t.Context(), os.Args[0])
	full.Env = append(os.Environ(), fullDisk+"="+path)
	out, err := full.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), users.ErrUnavailable.Error())
	require.NoError(t, s.Writable(t.Context()))
}

// fullDisk names the file that a process of this test looks at on a full disk.
const fullDisk = "SQLITE_TEST_FULL_DISK"

// lookAtAFullDisk prints whether a database is writable where files can no longer
// grow.
func lookAtAFullDisk(path string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, lifetimes)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = 4096
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	_, err = fmt.Println(s.Writable(ctx)) // the test reads it
	return err
}

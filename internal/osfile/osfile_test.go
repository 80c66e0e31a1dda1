//go:build unix

package osfile_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/osfile"
)

func file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("first"), 0o600))
	return path
}

// An update replaces the file while another waits for it: the other gets the new file.
func TestALockIsOfThePathAndNotOfTheFileThatIsReplaced(t *testing.T) {
	path := file(t)
	unlock, err := osfile.Lock(path)
	require.NoError(t, err)

	got := make(chan string)
	go func() {
		unlock, err := osfile.Lock(path)
		if err != nil {
			got <- err.Error()
			return
		}
		content, _ := os.ReadFile(path)
		_ = unlock()
		got <- string(content)
	}()
	select {
	case early := <-got:
		t.Fatalf("the lock was held, and the other got %q", early)
	case <-time.After(100 * time.Millisecond):
	}
	fresh := path + ".new"
	require.NoError(t, os.WriteFile(fresh, []byte("second"), 0o600))
	require.NoError(t, os.Rename(fresh, path))
	require.NoError(t, unlock())
	require.Equal(t, "second", <-got)
}

func TestALockOfAFileThatIsNotThereIsAnError(t *testing.T) {
	_, err := osfile.Lock(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// POSIX locks are between processes, so another one holds it.
func TestARangeThatAnotherProcessHoldsIsLocked(t *testing.T) {
	if path := os.Getenv("OSFILE_HOLD"); path != "" {
		f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, osfile.LockRange(f, 10, 5))
		_, _ = os.Stdout.WriteString("held\n")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	path := file(t)
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestARangeThatAnotherProcessHoldsIsLocked$")
	holder.Env = append(os.Environ(), "OSFILE_HOLD="+path)
	in, err := holder.StdinPipe()
	require.NoError(t, err)
	out, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)

	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	require.ErrorIs(t, osfile.LockRange(f, 12, 1), osfile.ErrLocked)
	require.NoError(t, osfile.LockRange(f, 20, 1), "bytes that the other does not hold")
	require.NoError(t, in.Close())
	require.NoError(t, holder.Wait())
	require.NoError(t, osfile.LockRange(f, 12, 1), "the lock ends with the process")
}

func TestOthersAreNeitherTheOwnerNorTheGroup(t *testing.T) {
	path := file(t)
	for mode, open := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o660: false, 0o644: true, 0o602: true} {
		require.NoError(t, os.Chmod(path, mode))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, open, osfile.OpenToOthers(info), mode)
	}
}

func TestAFileOfTheSameOwnerNeedsNoPermission(t *testing.T) {
	path := file(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, osfile.KeepOwner(path, info))
	require.ErrorIs(t, osfile.KeepOwner(path+".none", info), os.ErrNotExist)
	require.NoError(t, osfile.SyncFolder(path))
	require.Error(t, osfile.SyncFolder(filepath.Join(path, "below", "a", "file")))
}

package keyfile_test

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/keyfile"
)

// made is a key file with one key.
func made(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.jwks")
	key, err := auth.GenerateKey("ES256", time.Time{})
	require.NoError(t, err)
	set, err := auth.NewKeySet(key)
	require.NoError(t, err)
	require.NoError(t, keyfile.Create(path, set))
	return path
}

// rotate adds a key, as wugan keys rotate does.
func rotate(path string) error {
	return keyfile.Update(path, func(set *auth.KeySet) (*auth.KeySet, error) {
		key, err := auth.GenerateKey("ES256", time.Now().Add(time.Hour))
		if err != nil {
			return nil, err
		}
		next, _, err := set.Rotate(key, time.Now(), time.Hour)
		return next, err
	})
}

func TestARotationKeepsOwnerGroupAndMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o600, 0o640, 0o400, 0o440} {
		path := made(t)
		uid, gid := os.Getuid(), os.Getgid()
		if uid == 0 { // root rotates what is the service's
			uid, gid = 12345, 23456
			require.NoError(t, os.Chown(path, uid, gid))
		}
		require.NoError(t, os.Chmod(path, mode))
		require.NoError(t, rotate(path))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm())
		stat := info.Sys().(*syscall.Stat_t)
		require.EqualValues(t, uid, stat.Uid)
		require.EqualValues(t, gid, stat.Gid)
	}
}

func TestRotationsAtOnceLoseNoKey(t *testing.T) {
	t.Parallel()
	path := made(t)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			if err := rotate(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	set, err := keyfile.Load(path)
	require.NoError(t, err)
	require.Len(t, set.Keys(), 13)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing lies about")
}

func TestARotationThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	path := made(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.ErrorIs(t, keyfile.Update(path, func(*auth.KeySet) (*auth.KeySet, error) { return nil, os.ErrInvalid }), os.ErrInvalid)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoError(t, rotate(path), "and holds no lock")
	require.ErrorIs(t, rotate(path+".none"), os.ErrNotExist)
	require.NoFileExists(t, path+".none")
}

func TestARotationFollowsASymbolicLinkAndKeepsIt(t *testing.T) {
	t.Parallel()
	path := made(t)
	link := filepath.Join(t.TempDir(), "link.jwks")
	require.NoError(t, os.Symlink(path, link))
	require.NoError(t, rotate(link))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)
	set, err := keyfile.Load(path)
	require.NoError(t, err)
	require.Len(t, set.Keys(), 2)
}

func TestAFileIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	path := made(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	set, err := keyfile.Load(path)
	require.NoError(t, err)
	require.ErrorIs(t, keyfile.Create(path, set), os.ErrExist, "overwriting one would end every session")
}

func TestAFileThatHoldsNoKeysIsNamedWithoutItsContents(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing.json")
	_, err := keyfile.Load(missing)
	require.ErrorIs(t, err, os.ErrNotExist)
	broken := filepath.Join(t.TempDir(), "broken.json")
	require.NoError(t, os.WriteFile(broken, []byte(`{"keys":[{"kty":"oct","k":"hunter2"}`), keyfile.Mode))
	_, err = keyfile.Load(broken)
	require.ErrorContains(t, err, broken)
	require.NotContains(t, err.Error(), "hunter2")
	change := func(set *auth.KeySet) (*auth.KeySet, error) { return set, nil }
	require.Error(t, keyfile.Update(broken, change))
	require.ErrorIs(t, keyfile.Update(missing, change), os.ErrNotExist)
	text, err := os.ReadFile(broken)
	require.NoError(t, err)
	require.Contains(t, string(text), "hunter2", "it is left as it was")
}

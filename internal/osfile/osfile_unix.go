//go:build unix

package osfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// RenameOverOpen says whether a file can take the place of one that is open.
const RenameOverOpen = true

// Lock waits until no other caller of Lock, in any process, holds the path, and holds it
// until unlock is called. The file may be replaced by another while it is locked: the
// next caller then gets the new one.
func Lock(path string) (unlock func() error, err error) {
	for {
		f, err := os.Open(filepath.Clean(path))
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		locked, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err := errors.Join(err1, err2); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if os.SameFile(locked, there) {
			return f.Close, nil
		}
		if err := f.Close(); err != nil { // it has been replaced meanwhile
			return nil, err
		}
	}
}

// LockRange takes an exclusive lock (POSIX fcntl) of some bytes of a file and holds it
// until the file is closed. It does not wait: if another process has a lock there, it
// returns [ErrLocked].
func LockRange(f *os.File, start, size int64) error {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: start, Len: size}
	err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return ErrLocked
	}
	return err
}

// KeepOwner gives a file the owner and the group of another. It fails if the process has
// no permission: the other's readers could not read the file.
func KeepOwner(path string, of fs.FileInfo) error {
	old, ok := of.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if fresh, ok := info.Sys().(*syscall.Stat_t); ok && fresh.Uid == old.Uid && fresh.Gid == old.Gid {
		return nil
	}
	return os.Chown(path, int(old.Uid), int(old.Gid))
}

// OpenToOthers reports whether users other than the owner and the group may read or write
// a file.
func OpenToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o007 != 0 }

// SyncFolder makes sure that the name of a file outlives a power cut.
func SyncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

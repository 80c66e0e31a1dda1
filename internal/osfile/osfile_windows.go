package osfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// RenameOverOpen says whether a file can take the place of one that is open. Windows
// refuses that, so Lock locks a file beside the path.
const RenameOverOpen = false

// Lock waits until no other caller of Lock, in any process, holds the path, and holds it
// until unlock is called. The file may be replaced by another while it is locked.
func Lock(path string) (unlock func() error, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Clean(path)+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f, windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// LockRange takes an exclusive lock (LockFileEx) of some bytes of a file and holds it
// until the file is closed. It does not wait: if another process has a lock there, it
// returns [ErrLocked].
func LockRange(f *os.File, start, size int64) error {
	err := lock(f, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, start, size)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

func lock(f *os.File, flags uint32, start, size int64) error {
	at := &windows.Overlapped{Offset: uint32(start), OffsetHigh: uint32(start >> 32)}
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, uint32(size), uint32(size>>32), at)
}

// KeepOwner does nothing: a new file belongs to whom its folder says.
func KeepOwner(string, fs.FileInfo) error { return nil }

// OpenToOthers reports false: access lists decide, which Go's modes do not show.
func OpenToOthers(fs.FileInfo) bool { return false }

// SyncFolder does nothing: NTFS keeps a journal of its names, and a folder cannot be
// flushed.
func SyncFolder(string) error { return nil }

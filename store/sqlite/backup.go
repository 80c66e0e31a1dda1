package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/wugan/wugan/internal/osfile"
)

// ErrInUse is returned if a process has the file open.
var ErrInUse = errors.New("a process has the file open: stop the service first")

// The bytes of a database file that SQLite's connections lock; one of WAL mode
// holds a shared lock there for as long as it is open.
// https://sqlite.org/src/file?name=src/os.h
const (
	lockStart = 0x40000000
	lockSize  = 512
)

// Backup copies the database at path to a new file, readable by its owner only.
// Services may use the database meanwhile; the backup contains what they had committed
// when it began. It returns fs.ErrExist if the new file exists, and [ErrDamaged] if the
// database is damaged. If it returns an error, it leaves no file.
func Backup(ctx context.Context, path, to string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("sqlite: backup: %w", err)
	}
	reserved, err := os.OpenFile(filepath.Clean(to), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("sqlite: backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	if err := reserved.Close(); err != nil {
		return fmt.Errorf("sqlite: backup: %w", err)
	}
	whole, err := copyInto(ctx, path, filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("sqlite: backup: %w", err)
	}
	if err := os.Rename(whole, to); err != nil {
		return errors.Join(fmt.Errorf("sqlite: backup: %w", err), os.Remove(whole))
	}
	return osfile.SyncFolder(to)
}

// Restore replaces the file at path by a backup and removes the write-ahead log of the
// old file. It returns [ErrInUse] if a process has the file open, and [ErrDamaged] if
// the backup is damaged. If it returns an error, nothing has changed.
func Restore(ctx context.Context, from, path string) error {
	source, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("sqlite: restore: %w", err)
	}
	if source.Size() == 0 {
		return fmt.Errorf("sqlite: restore: %w: it is empty", ErrDamaged)
	}
	target, err := os.Stat(path)
	switch {
	case err == nil && os.SameFile(source, target):
		return errors.New("sqlite: restore: expected another file than the database itself")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("sqlite: restore: %w", err)
	}
	unlock, err := lockOut(path)
	if err != nil {
		return fmt.Errorf("sqlite: restore: %w", err)
	}
	defer unlock()
	whole, err := copyInto(ctx, from, filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sqlite: restore: %w", err)
	}
	if target != nil {
		err = osfile.KeepOwner(whole, target)
	}
	if !osfile.RenameOverOpen {
		unlock() // a process that opens the file now keeps it from being replaced
	}
	if err == nil {
		err = os.Rename(whole, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("sqlite: restore: %w", err), os.Remove(whole))
	}
	// A process stopped here leaves a file that Check refuses to serve.
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sqlite: restore: %w", err)
		}
	}
	return osfile.SyncFolder(path)
}

// copyInto makes a whole, checked copy of a database in a folder, readable by its
// owner only, and gives its path.
func copyInto(ctx context.Context, path, folder string) (whole string, err error) {
	if err := Check(ctx, path); err != nil {
		return "", err
	}
	db, err := readOnly(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := ours(ctx, db); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(folder, ".wugan-copy-*") // of mode 0600
	if err != nil {
		return "", err
	}
	whole = f.Name()
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, whole)
	if err == nil {
		err = Check(ctx, whole)
	}
	// Whatever wrote it: one descriptor syncs the file.
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(whole))
	}
	return whole, nil
}

// lockOut locks a database against every process until unlock is called. A file that
// does not exist needs no lock.
func lockOut(path string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := osfile.LockRange(f, lockStart, lockSize); err != nil {
		if errors.Is(err, osfile.ErrLocked) {
			err = ErrInUse
		}
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // which gives the lock back
}

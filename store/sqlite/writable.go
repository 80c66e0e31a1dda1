package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/wugan/wugan/users"
)

const (
	// probeEvery bounds how often readiness writes to the disk, however often it is
	// asked for.
	probeEvery = time.Second
	// probeSize is what the folder must have room for.
	probeSize = 64 << 10
)

// probe is what is known of the file's place.
type probe struct {
	path string
	file os.FileInfo // as it was opened

	mu   sync.Mutex
	last time.Time // of the last write that went well
}

// Writable asks whether the file accepts changes. It takes the writer's turn, and
// now and then commits a change that changes nothing: a disk that is full, a file
// system that turned read-only, and a file that was removed while it is open show
// in nothing less.
func (s *Store) Writable(ctx context.Context) error {
	const op = "ask whether the database is writable"
	if err := s.probe.inPlace(); err != nil {
		return fmt.Errorf("sqlite: %s: %w: %w", op, users.ErrUnavailable, err)
	}
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	if time.Since(s.probe.last) < probeEvery {
		return failed(op, s.write(ctx, func(context.Context, *sql.Tx) error { return nil }))
	}
	if err := s.probe.room(); err != nil {
		return fmt.Errorf("sqlite: %s: %w: %w", op, users.ErrUnavailable, err)
	}
	if err := s.write(ctx, touch); err != nil {
		return failed(op, err)
	}
	s.probe.last = time.Now()
	return nil
}

// touch writes the number that the file holds already into its header.
func touch(ctx context.Context, tx *sql.Tx) error {
	var version int
	if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, version))
	return err
}

// inPlace compares the file at the path with the one that is open: what is
// committed to a file without a name is lost.
func (p *probe) inPlace() error {
	now, err := os.Stat(p.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("the database file is gone from its folder; what is written now is lost when the service stops")
	case err != nil:
		return errors.New("the database file cannot be looked at")
	case !os.SameFile(now, p.file):
		return errors.New("another file was put in the place of the database; the service has to be started again")
	}
	return nil
}

// room makes a small file in the folder and takes it away.
func (p *probe) room() error {
	f, err := os.CreateTemp(filepath.Dir(p.path), ".wugan-probe-*")
	if err != nil {
		return fmt.Errorf("the folder takes no file: %w", reasonOf(err))
	}
	_, err = f.Write(make([]byte, probeSize))
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("the folder takes no more: %w", reasonOf(err))
	}
	return nil
}

// reasonOf is an error of a file without its path.
func reasonOf(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

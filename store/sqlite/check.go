package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/wugan/wugan/migrations"
)

// ErrDamaged is returned if a file is not a complete database. It must be neither served
// nor kept as a backup.
var ErrDamaged = errors.New("the file is damaged")

// thorough is the size up to which indexes are compared with their tables, too. A
// larger file would keep a start waiting.
const thorough = 256 << 20

// The parts of the first page that are looked at. https://sqlite.org/fileformat2.html
const (
	magic        = "SQLite format 3\x00"
	headerSize   = 100
	atPageSize   = 16
	atWriteForm  = 18
	rollbackForm = 1 // the file is not in WAL mode
)

// Check returns [ErrDamaged] unless a file can be served: it is a complete database, and
// there is no write-ahead log of another file beside it. SQLite would apply such a log
// when it opens the file, which undoes a restore or destroys the file. A file that does
// not exist or is empty is valid. Check changes neither the file nor its log.
func Check(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return nil
	case err != nil:
		return fmt.Errorf("sqlite: check: %w", err)
	}
	if err := checkHeader(path, info.Size()); err != nil {
		return fmt.Errorf("sqlite: check: %w", err)
	}
	db, err := readOnly(path)
	if err != nil {
		return fmt.Errorf("sqlite: check: %w", err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	query := `PRAGMA integrity_check(1)`
	if info.Size() > thorough {
		query = `PRAGMA quick_check(1)`
	}
	var found string
	if err := db.QueryRowContext(ctx, query).Scan(&found); err != nil {
		if ctx.Err() != nil || !unreadable(err) {
			return fmt.Errorf("sqlite: check: %w", err)
		}
		found = err.Error()
	}
	if found != "ok" {
		return fmt.Errorf("sqlite: check: %w (%s): put a backup in its place with wugan restore", ErrDamaged, found)
	}
	return nil
}

// checkHeader looks at what SQLite does not before it applies a log.
func checkHeader(path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(f, header); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(header[:len(magic)]) != magic {
		return fmt.Errorf("%w: file is not a database", ErrDamaged)
	}
	log, err := os.Stat(path + "-wal")
	logged := err == nil && log.Size() > 0
	if logged && header[atWriteForm] == rollbackForm {
		return fmt.Errorf("%w: the write-ahead log of another file lies beside it, for instance since a backup was copied here: put the backup in its place with wugan restore", ErrDamaged)
	}
	pageSize := int64(binary.BigEndian.Uint16(header[atPageSize:]))
	if pageSize == 1 {
		pageSize = 65536
	}
	if pageSize < 512 || !logged && size%pageSize != 0 {
		return fmt.Errorf("%w: it is cut off: put a backup in its place with wugan restore", ErrDamaged)
	}
	return nil
}

// readOnly opens a file so that neither it nor its log is changed.
func readOnly(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", address(path, "mode=ro"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// ours reports whether a file holds the tables of this service.
func ours(ctx context.Context, db *sql.DB) error {
	const query = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('users', 'sessions', '` + migrations.VersionTable + `')`
	var tables int
	if err := db.QueryRowContext(ctx, query).Scan(&tables); err != nil {
		return err
	}
	if tables != 3 {
		return errors.New("the file is not wugan's database")
	}
	return nil
}

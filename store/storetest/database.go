package storetest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/users"
)

// Database is an empty, migrated database for one test, seen from outside the
// stores: what an operator or another release would do to it.
type Database struct {
	// Open makes one more Store on the database; it is closed after the test.
	Open func(t testing.TB, p auth.Lifetimes) Store
	// DB speaks SQL to it.
	DB *sql.DB
	// Postgres tells the dialect; else it is SQLite's.
	Postgres bool
}

func (d *Database) open(t testing.TB, p auth.Lifetimes) Store {
	t.Helper()
	return d.Open(t, p)
}

// args turns Go values into what the dialect stores.
func (d *Database) args(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case time.Time:
			if out[i] = any(a); !d.Postgres {
				out[i] = a.UnixMicro()
			}
		case uuid.UUID:
			out[i] = a.String()
		default:
			out[i] = a
		}
	}
	return out
}

// text turns ? into $1, $2, … where the dialect wants that.
func (d *Database) text(query string) string {
	if !d.Postgres {
		return query
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

func (d *Database) exec(t require.TestingT, query string, args ...any) {
	_, err := d.DB.Exec(d.text(query), d.args(args)...) //nolint:noctx // it ends with the test
	require.NoError(t, err, query)
}

// execAll runs one statement for each row of arguments, in one transaction.
func (d *Database) execAll(t require.TestingT, query string, rows [][]any) {
	tx, err := d.DB.Begin() //nolint:noctx // it ends with the test
	require.NoError(t, err)
	defer tx.Rollback()
	statement, err := tx.Prepare(d.text(query)) //nolint:noctx // as above
	require.NoError(t, err)
	defer statement.Close()
	for _, row := range rows {
		_, err := statement.Exec(d.args(row)...) //nolint:noctx // as above
		require.NoError(t, err, query)
	}
	require.NoError(t, tx.Commit())
}

func (d *Database) count(t require.TestingT, query string, args ...any) (n int) {
	require.NoError(t, d.DB.QueryRow(d.text(`SELECT count(*) FROM `+query), d.args(args)...).Scan(&n), query) //nolint:noctx // as above
	return n
}

func (d *Database) disable(t require.TestingT, id uuid.UUID, at time.Time, reason string) {
	d.exec(t, `UPDATE users SET disabled_at = ?, disabled_reason = ? WHERE id = ?`, at, reason, id)
}

func (d *Database) delete(t require.TestingT, id uuid.UUID, at time.Time) {
	d.exec(t, `UPDATE users SET deleted_at = ? WHERE id = ?`, at, id)
}

func (d *Database) setRoles(t require.TestingT, id uuid.UUID, roles []string, metadata string) {
	list, err := json.Marshal(roles)
	require.NoError(t, err)
	if d.Postgres {
		d.exec(t, `UPDATE users SET roles = ARRAY(SELECT jsonb_array_elements_text(?::jsonb)), metadata = ?::jsonb WHERE id = ?`, string(list), metadata, id)
		return
	}
	d.exec(t, `UPDATE users SET roles = ?, metadata = ? WHERE id = ?`, string(list), metadata, id)
}

func (d *Database) setVersion(t require.TestingT, version int64) {
	d.exec(t, `DELETE FROM `+migrations.VersionTable+` WHERE version_id > 0`)
	d.exec(t, `INSERT INTO `+migrations.VersionTable+` (version_id, is_applied) VALUES (?, ?)`, version, true)
}

// row is a session as it lies in the database.
type row struct {
	auth.Counters
	CreatedAt, ExpiresAt time.Time
	RevokedAt            *time.Time
	Reason               auth.Reason
	IP, UserAgent        string
}

func (d *Database) session(t require.TestingT, userID, id uuid.UUID) row {
	const query = `
SELECT used, last, rotated_at, created_at, expires_at, revoked_at, revoked_reason, ip, user_agent
FROM sessions WHERE user_id = ? AND id = ?`
	var r row
	var rotated, created, expires, revoked any
	require.NoError(t, d.DB.QueryRow(d.text(query), d.args([]any{userID, id})...). //nolint:noctx // as above
											Scan(&r.Used, &r.Last, &rotated, &created, &expires, &revoked, &r.Reason, &r.IP, &r.UserAgent))
	r.RotatedAt, r.CreatedAt, r.ExpiresAt = moment(rotated), moment(created), moment(expires)
	if revoked != nil {
		at := moment(revoked)
		r.RevokedAt = &at
	}
	return r
}

func moment(v any) time.Time {
	switch v := v.(type) {
	case int64:
		return time.UnixMicro(v).UTC()
	case time.Time:
		return v.UTC()
	}
	panic(fmt.Sprintf("a time of type %T", v))
}

// events reads the security record of a user, oldest first.
func (d *Database) events(t require.TestingT, userID uuid.UUID) []users.Event {
	rows, err := d.DB.Query(d.text(`SELECT at, kind, session_id, actor, detail FROM events WHERE user_id = ? ORDER BY id`), userID.String()) //nolint:noctx // as above
	require.NoError(t, err)
	defer rows.Close()
	out := []users.Event{}
	for rows.Next() {
		var (
			e      = users.Event{UserID: userID}
			at     any
			id     uuid.NullUUID
			detail []byte
		)
		require.NoError(t, rows.Scan(&at, &e.Kind, &id, &e.Actor, &detail))
		e.At, e.SessionID, e.Detail = moment(at), id.UUID, detail
		out = append(out, e)
	}
	require.NoError(t, rows.Err())
	return out
}

// kinds are the kinds of the events of a user, oldest first.
func (d *Database) kinds(t require.TestingT, userID uuid.UUID) []users.EventKind {
	out := []users.EventKind{}
	for _, e := range d.events(t, userID) {
		out = append(out, e.Kind)
	}
	return out
}

func schemaVersions(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	latest := migrations.LatestSQLite()
	if db.Postgres {
		latest = migrations.LatestPostgres()
	}
	db.setVersion(t, latest-1)
	require.ErrorIs(t, s.SchemaCurrent(t.Context()), migrations.ErrOutdated)
	db.setVersion(t, latest)
	require.NoError(t, s.SchemaCurrent(t.Context()))
	db.setVersion(t, latest+1)
	require.NoError(t, s.SchemaCurrent(t.Context()))
	db.exec(t, `DROP TABLE `+migrations.VersionTable)
	err := s.SchemaCurrent(t.Context())
	require.ErrorIs(t, err, migrations.ErrOutdated)
	require.ErrorContains(t, err, "wugan migrate up")
}

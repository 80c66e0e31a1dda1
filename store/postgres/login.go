package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/batch"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

type identityKey struct{ appID, openID string }

// loginRow is what the login statement tells of one known identity; known is
// false where it met none, and locked true where another transaction holds a row
// of the identity, of its user or of a session that the login ends: nothing was
// done then.
type loginRow struct {
	auth.LoggedIn
	known, locked bool
}

// Login implements auth.Store. A known identity takes one round trip. A new identity, or
// one with a new unionid, goes through register.
func (s *Store) Login(ctx context.Context, l auth.Login) (auth.LoggedIn, error) {
	if err := sanitize.Check(l.AppID, l.OpenID, l.UnionID); err != nil {
		return auth.LoggedIn{}, fmt.Errorf("postgres: log in: %w", err)
	}
	l.Now = l.Now.UTC() // it comes back in what is answered
	d := &l.Device
	d.ID, d.Name, d.UserAgent, d.IP = sanitize.Clean(d.ID), sanitize.Clean(d.Name), sanitize.Clean(d.UserAgent), sanitize.Clean(d.IP)
	until := time.Now().Add(patience)
	row, err := untilFree(ctx, until, func() (loginRow, error) {
		row, err := s.logins.Do(ctx, until, identityKey{l.AppID, l.OpenID}, l)
		err = lockedOut(err)
		if err == nil && row.locked {
			err = errLocked
		}
		return row, err
	})
	if err != nil {
		return auth.LoggedIn{}, failed("log in", err)
	}
	if row.known {
		return row.LoggedIn, nil
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	out, err := s.register(ctx, l)
	return out, failed("register", err)
}

// lockUsersSQL serializes the logins of one user, so that each counts the sessions that
// the previous one opened. It runs in the same round trip and transaction as the next
// statement and passes it the pairs of request and user whose rows are locked, since an
// identity may have been linked to another user meanwhile. It returns the requests whose
// rows another transaction holds, without waiting for them.
const lockUsersSQL = `
WITH met AS MATERIALIZED (
    SELECT a.n, i.user_id
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (app_id, openid, n)
    JOIN identities i ON i.app_id = a.app_id AND i.openid = a.openid
), held AS MATERIALIZED (
    SELECT m.n, u.id
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS m (app_id, openid, n)
    JOIN identities i ON i.app_id = m.app_id AND i.openid = m.openid
    JOIN users u ON u.id = i.user_id
    ORDER BY u.id, m.n
    FOR NO KEY UPDATE OF u, i SKIP LOCKED
)
SELECT set_config('wugan.locked', COALESCE((SELECT string_agg(n || ':' || id, ',') FROM held), ''), true),
       CASE WHEN (SELECT count(*) FROM held) < (SELECT count(*) FROM met)
            THEN ARRAY(SELECT n FROM met WHERE NOT EXISTS (SELECT FROM held WHERE held.n = met.n))
            ELSE '{}'
       END`

// loginSQL logs in any number of known identities. A login that ends a session
// which another transaction holds is not done and returned as stuck. One that is not known, whose
// user is not locked, or for which the platform now gives another unionid than the row has, or whose
// app was moved to another account, is passed over;
// so is a second identity of one user in the same group, because the sessions
// of the first are not visible to it yet. Who is passed over goes through
// register. The sessions that a login ends (ranked, leaving) are those that
// auth.Lifetimes.EndedBy names.
const loginSQL = `
WITH asked AS (
    SELECT *
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[],
                $13::text[], $14::text[])
         WITH ORDINALITY AS a (app_id, openid, unionid, session_key, session_id, device_id, device_name, user_agent, ip, now, expires_at, provider, account, n)
), met AS (
    SELECT a.*, COALESCE(i.unionid, '') AS kept_unionid, u.id AS user_id, u.nickname, u.avatar_url, u.phone_sealed, u.roles, u.metadata, u.created_at, u.last_login_at,
           -- Who was deleted, and whose identity was left behind, does not get in.
           COALESCE(u.disabled_at, u.deleted_at) AS disabled_at, u.disabled_reason,
           row_number() OVER (PARTITION BY u.id ORDER BY a.n) AS turn
    FROM asked a
    JOIN identities i ON i.app_id = a.app_id AND i.openid = a.openid
    JOIN users u ON u.id = i.user_id
    WHERE (a.unionid = '' OR a.unionid = i.unionid) AND a.account = i.account AND a.provider = i.provider
      AND a.n || ':' || u.id = ANY (string_to_array(current_setting('wugan.locked'), ','))
), known AS MATERIALIZED (
    SELECT * FROM met WHERE turn = 1
), ranked AS (
    SELECT s.user_id, s.id, a.n, a.now,
           s.app_id = a.app_id AND s.device_id <> '' AND s.device_id = a.device_id AS same_device,
           row_number() OVER (
               PARTITION BY a.n
               ORDER BY s.app_id = a.app_id AND s.device_id <> '' AND s.device_id = a.device_id, s.rotated_at DESC, s.id DESC
           ) AS place
    FROM known a
    JOIN sessions s ON s.user_id = a.user_id
    WHERE a.disabled_at IS NULL AND s.revoked_at IS NULL AND s.expires_at > a.now
), leaving AS (
    SELECT user_id, id, n, now, same_device
    FROM ranked
    WHERE same_device OR place >= $12::bigint
), locked AS MATERIALIZED (
    SELECT l.*
    FROM leaving l
    JOIN sessions s ON s.user_id = l.user_id AND s.id = l.id
    ORDER BY s.user_id, s.id
    FOR UPDATE OF s SKIP LOCKED
), stuck AS MATERIALIZED (
    SELECT DISTINCT l.n
    FROM leaving l
    WHERE (SELECT count(*) FROM locked) < (SELECT count(*) FROM leaving)
      AND NOT EXISTS (SELECT FROM locked k WHERE k.user_id = l.user_id AND k.id = l.id)
), admitted AS MATERIALIZED (
    SELECT * FROM known a WHERE a.disabled_at IS NULL AND NOT EXISTS (SELECT FROM stuck x WHERE x.n = a.n)
), keyed AS (
    UPDATE identities i
    SET session_key = a.session_key, session_key_at = a.now
    FROM admitted a
    WHERE i.app_id = a.app_id AND i.openid = a.openid
), greeted AS (
    UPDATE users u
    SET last_login_at = a.now
    FROM admitted a
    WHERE u.id = a.user_id
), ended AS (
    UPDATE sessions s
    SET revoked_at = l.now, revoked_reason = CASE WHEN l.same_device THEN 'replaced' ELSE 'evicted' END
    FROM locked l
    JOIN admitted a ON a.n = l.n
    WHERE s.user_id = l.user_id AND s.id = l.id AND s.revoked_at IS NULL
    RETURNING s.user_id, s.id, s.revoked_at, s.revoked_reason, l.n
), noted AS (
    INSERT INTO events (at, kind, user_id, session_id, actor, detail)
    SELECT revoked_at, 'session_revoked', user_id, id, 'system', jsonb_build_object('reason', revoked_reason)
    FROM ended
), told AS (
    -- It runs because its rows are counted below: a SELECT in WITH that is not read does not.
    SELECT pg_notify('` + notifyRevoked + `', '') FROM ended
), opened AS (
    INSERT INTO sessions (user_id, id, app_id, device_id, device_name, user_agent, ip, created_at, rotated_at, expires_at)
    SELECT user_id, session_id, app_id, device_id, device_name, user_agent, ip, now, now, expires_at
    FROM admitted
)
SELECT k.n, k.user_id, k.nickname, k.avatar_url, k.phone_sealed, k.roles, k.metadata, k.created_at,
       CASE WHEN k.disabled_at IS NULL THEN k.now ELSE k.last_login_at END, k.disabled_at, k.disabled_reason,
       k.openid, k.kept_unionid, ARRAY(SELECT e.id FROM ended e WHERE e.n = k.n ORDER BY e.id), ARRAY(SELECT e.revoked_reason FROM ended e WHERE e.n = k.n ORDER BY e.id), EXISTS (SELECT FROM stuck x WHERE x.n = k.n), (SELECT count(*) FROM told)
FROM known k`

func (s *Store) loginGroup(ctx context.Context, group []auth.Login, out []batch.Result[loginRow]) {
	inGroup(ctx, s, out, func(ctx context.Context) error { return s.login(ctx, s.pool, group, out) })
}

// batcher is a pool or a transaction.
type batcher interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

func (s *Store) login(ctx context.Context, db batcher, group []auth.Login, out []batch.Result[loginRow]) (err error) {
	n := len(group)
	var (
		appIDs, openIDs, unionIDs = make(column[pgtype.Text], n), make(column[pgtype.Text], n), make(column[pgtype.Text], n)
		keys                      = make([][]byte, n)
		sessionIDs                = make(column[pgtype.UUID], n)
		devices, names            = make(column[pgtype.Text], n), make(column[pgtype.Text], n)
		agents, ips               = make(column[pgtype.Text], n), make(column[pgtype.Text], n)
		platforms, accounts       = make(column[pgtype.Text], n), make(column[pgtype.Text], n)
		nows, ends                = make(column[pgtype.Timestamptz], n), make(column[pgtype.Timestamptz], n)
	)
	for i, l := range group {
		appIDs[i], openIDs[i], unionIDs[i] = textParam(l.AppID), textParam(l.OpenID), textParam(l.UnionID)
		keys[i], sessionIDs[i] = l.SealedSessionKey, uuidParam(l.SessionID)
		devices[i], names[i] = textParam(l.Device.ID), textParam(l.Device.Name)
		agents[i], ips[i] = textParam(l.Device.UserAgent), textParam(l.Device.IP)
		platforms[i], accounts[i] = textParam(l.Provider), textParam(l.Account)
		nows[i], ends[i] = timeParam(l.Now), timeParam(s.lifetimes.Of(l.AppID).SessionEnd(l.Now, l.Now))
	}
	most := int64(s.lifetimes.MaxSessions)
	if most == 0 {
		most = 1 << 40
	}
	b := s.groupBatch()
	settings := b.Len()
	b.Queue(lockUsersSQL, appIDs, openIDs)
	b.Queue(loginSQL, appIDs, openIDs, unionIDs, keys, sessionIDs, devices, names, agents, ips, nows, ends, most, platforms, accounts)
	results := db.SendBatch(ctx, b)
	defer func() { err = errors.Join(err, results.Close()) }()

	for range settings {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	clear(out)
	var locked []int
	if err := results.QueryRow().Scan(nil, &locked); err != nil {
		return err
	}
	for _, ordinal := range locked {
		out[ordinal-1].Value.locked = true
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	var (
		ordinal int
		stuck   bool
		told    int64
		ended   []uuid.UUID
		why     []auth.Reason
		r       auth.LoggedIn
		u       = &r.User
	)
	_, err = pgx.ForEachRow(rows, []any{
		&ordinal, &u.ID, &u.Nickname, &u.AvatarURL, &u.SealedPhone, &u.Roles, (*[]byte)(&u.Metadata), &u.CreatedAt,
		&u.LastLoginAt, &u.DisabledAt, &u.DisabledReason, &r.OpenID, &r.UnionID, &ended, &why, &stuck, &told,
	}, func() error {
		r.ExpiresAt = ends[ordinal-1].Time
		for i, id := range ended {
			r.Ended = append(r.Ended, auth.Ended{SessionID: id, Reason: why[i]})
		}
		out[ordinal-1].Value = loginRow{LoggedIn: r, known: true, locked: stuck}
		r = auth.LoggedIn{}
		return nil
	})
	return err
}

// register logs in an identity that is new, or that has a new unionid, in a
// transaction of its own. A login with the same identity or the same unionid
// at the same moment waits for it.
func (s *Store) register(ctx context.Context, l auth.Login) (auth.LoggedIn, error) {
	var out auth.LoggedIn
	err := s.transaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		created, err := settleIdentity(ctx, tx, l)
		if err != nil {
			return err
		}
		rows := make([]batch.Result[loginRow], 1)
		if err := s.login(ctx, tx, []auth.Login{l}, rows); err != nil {
			return err
		}
		if rows[0].Value.locked {
			return errLocked
		}
		if !rows[0].Value.known {
			return errors.New("the identity that was just settled is not there")
		}
		out = rows[0].Value.LoggedIn
		out.NewUser = created
		return nil
	})
	return out, err
}

// settleIdentity adds or updates the identity of l as users.Settle decides, and reports
// whether it created a user.
func settleIdentity(ctx context.Context, tx pgx.Tx, l auth.Login) (created bool, err error) {
	const (
		findSQL = `
SELECT user_id, CASE WHEN account = $3 THEN COALESCE(unionid, '') ELSE '' END, account <> $3 OR provider <> $4
FROM identities
WHERE app_id = $1 AND openid = $2`
		holderSQL = `
SELECT user_id FROM identities WHERE unionid = $1 AND account = $2 ORDER BY unionid_at, created_at, app_id LIMIT 1`
		gainSQL = `
UPDATE identities SET unionid = $3, unionid_at = $4 WHERE app_id = $1 AND openid = $2`
		moveSQL = `
UPDATE identities
SET provider = $3, account = $4,
    unionid = CASE WHEN account = $4 THEN unionid END, unionid_at = CASE WHEN account = $4 THEN unionid_at END
WHERE app_id = $1 AND openid = $2`
		userSQL = `
INSERT INTO users (id, created_at, last_login_at) VALUES ($1, $2, $2)`
		identitySQL = `
INSERT INTO identities (app_id, openid, user_id, unionid, unionid_at, created_at, provider, account)
VALUES ($1, $2, $3, NULLIF($4, ''), CASE WHEN $4 <> '' THEN $5::timestamptz END, $5, $6, $7)`
		eventSQL = `
INSERT INTO events (at, kind, user_id, actor, detail)
VALUES ($1, $2, $3, $6, jsonb_build_object('appId', $4::text, 'otherUserId', $5::uuid))`
	)
	if err := lockLogin(ctx, tx, l); err != nil {
		return false, err
	}

	var holder uuid.UUID
	if l.UnionID != "" {
		if err := tx.QueryRow(ctx, holderSQL, l.UnionID, l.Account).Scan(&holder); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return false, err
		}
	}
	var found users.Found
	if err := tx.QueryRow(ctx, findSQL, l.AppID, l.OpenID, l.Account, l.Provider).Scan(&found.UserID, &found.UnionID, &found.Elsewhere); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, err
	}
	to := users.Settle(found, holder, l.UnionID)
	userID := to.UserID
	if to.NewUser() {
		userID = l.NewUserID
		_, err = tx.Exec(ctx, userSQL, userID, l.Now)
	}
	if err == nil && to.Move {
		_, err = tx.Exec(ctx, moveSQL, l.AppID, l.OpenID, l.Provider, l.Account)
	}
	if err == nil && to.SetUnionID {
		_, err = tx.Exec(ctx, gainSQL, l.AppID, l.OpenID, l.UnionID, l.Now)
	}
	if err == nil && to.AddIdentity {
		_, err = tx.Exec(ctx, identitySQL, l.AppID, l.OpenID, userID, l.UnionID, l.Now, l.Provider, l.Account)
	}
	if err == nil && to.Event != "" {
		_, err = tx.Exec(ctx, eventSQL, l.Now, string(to.Event), userID, l.AppID, optionalID(to.OtherUserID), l.Provider)
	}
	return to.NewUser(), err
}

// unionLock names the lock of a unionid in an account. In the default account it
// is the unionid alone: pods of the release before know no other account.
func unionLock(account, unionID string) string {
	if account == users.DefaultAccount {
		return unionID
	}
	return account + " " + unionID
}

// lockLogin takes the locks of an identity. The union lock comes before the
// identity lock everywhere, and a login without a unionid takes a union lock that
// no other identity has.
func lockLogin(ctx context.Context, tx pgx.Tx, l auth.Login) error {
	const sql = `
SELECT pg_advisory_xact_lock_shared(` + importLock + `), pg_advisory_xact_lock(hashtextextended($1, 0)), pg_advisory_xact_lock(hashtextextended($2, 1))`
	union := unionLock(l.Account, l.UnionID)
	if l.UnionID == "" {
		union = l.AppID + " " + l.OpenID
	}
	_, err := tx.Exec(ctx, sql, union, l.AppID+" "+l.OpenID)
	return err
}

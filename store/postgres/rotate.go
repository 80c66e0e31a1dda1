package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/batch"
	"github.com/wugan/wugan/store/sanitize"
)

type sessionRef struct{ userID, id uuid.UUID }

const (
	// outcomeLocked is the outcome of a row that another transaction holds.
	outcomeLocked = "locked"
	// outcomeOther is any but auth.OutcomeRotated: which one, decideSQL tells.
	outcomeOther = ""
)

// Rotate implements auth.Store. A new token that is used for the first time takes one
// round trip, every other token two.
func (s *Store) Rotate(ctx context.Context, p auth.Presented) (auth.Rotated, error) {
	if err := sanitize.Check(p.AppID); err != nil {
		return auth.Rotated{Outcome: auth.OutcomeUnknown}, nil //nolint:nilerr // no session has such an app
	}
	p.IP, p.UserAgent = sanitize.Clean(p.IP), sanitize.Clean(p.UserAgent)
	until, ref := time.Now().Add(patience), sessionRef{p.UserID, p.SessionID}
	out, err := untilFree(ctx, until, func() (auth.Rotated, error) {
		out, err := s.rotations.Do(ctx, until, ref, p)
		if err == nil && out.Outcome == outcomeOther {
			out, err = s.decisions.Do(ctx, until, ref, p)
		}
		err = lockedOut(err)
		if err == nil && out.Outcome == outcomeLocked {
			err = errLocked
		}
		return out, err
	})
	if err != nil {
		return auth.Rotated{}, failed("rotate a session", err)
	}
	return out, nil
}

// What rotateSQL and decideSQL share. Both apply the rule after the row is locked: if it
// has changed meanwhile, PostgreSQL evaluates outcomeSQL again on the new version
// (EvalPlanQual). Both lock rows in the same order, so that two batches with common
// sessions do not deadlock, and skip a row that another transaction holds, so that no
// request waits for the row of another.
const (
	askedSQL = `unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::timestamptz[], $10::interval[])
         WITH ORDINALITY AS a (user_id, id, app_id, seq, prev, ip, user_agent, now, refresh_ttl, n)`

	// outcomeSQL is the rule of auth.Counters.Rotate.
	outcomeSQL = `
           CASE
               WHEN u.disabled_at IS NOT NULL                             THEN 'disabled'
               WHEN s.revoked_at IS NOT NULL OR u.deleted_at IS NOT NULL  THEN 'revoked'
               WHEN s.expires_at <= a.now OR s.created_at + $11 <= a.now  THEN 'expired'
               WHEN a.seq > s.last                                        THEN 'restored'
               WHEN a.seq = s.used AND a.now - s.rotated_at < $9          THEN 'same_child'
               WHEN a.seq = s.used                                        THEN 'sibling'
               WHEN a.prev = s.used                                       THEN 'rotated'
               ELSE 'reused'
           END`

	lockSQL = `
    ORDER BY s.user_id, s.id
    FOR UPDATE OF s SKIP LOCKED`

	expirySQL = `date_trunc('second', LEAST(h.now + h.refresh_ttl, h.created_at + $11))`

	// heldOpenIDSQL and firstOpenIDSQL find the identity of the user at the app.
	heldOpenIDSQL  = `SELECT openid, unionid FROM identities WHERE user_id = h.user_id AND app_id = h.app_id`
	firstOpenIDSQL = ` ORDER BY created_at, openid LIMIT 1`
)

// rotateSQL rotates any number of sessions in one statement and one commit. It is for
// new tokens that are used for the first time, which nearly all are, and returns no row
// for others: those go to decideSQL, which knows every outcome and takes PostgreSQL
// half as long again. rotateWithIdentitySQL returns the user's identity at the app, too.
const (
	rotateSQL             = advanceSQL + advancedSQL + `, '', ''`
	rotateWithIdentitySQL = advanceSQL + `
LEFT JOIN LATERAL (` + heldOpenIDSQL + firstOpenIDSQL + `) i ON TRUE` + advancedSQL + `, COALESCE(i.openid, ''), COALESCE(i.unionid, '')`

	advanceSQL = `
WITH held AS MATERIALIZED (
    SELECT a.n, a.seq, a.ip, a.user_agent, a.now, a.refresh_ttl,
           s.user_id, s.id, s.app_id, s.last, s.created_at, u.roles, u.metadata
    FROM ` + askedSQL + `
    JOIN sessions s ON s.user_id = a.user_id AND s.id = a.id AND s.app_id = a.app_id
    JOIN users u ON u.id = s.user_id
    WHERE ` + outcomeSQL + ` = 'rotated'` + lockSQL + `
)
UPDATE sessions s
SET used       = h.seq,
    last       = h.last + 1,
    rotated_at = h.now,
    expires_at = ` + expirySQL + `,
    ip         = h.ip,
    user_agent = h.user_agent,
    repeats    = 0
FROM held h`

	advancedSQL = `
WHERE s.user_id = h.user_id AND s.id = h.id
RETURNING h.n, 'rotated', s.used, s.last, s.rotated_at, s.created_at, s.expires_at, h.roles, h.metadata`
)

// rotateGroup runs rotateSQL for a batch. The sessions that it leaves have outcomeOther.
func (s *Store) rotateGroup(ctx context.Context, group []auth.Presented, out []batch.Result[auth.Rotated]) {
	inGroup(ctx, s, out, func(ctx context.Context) error { return s.rotate(ctx, group, out) })
}

func (s *Store) rotate(ctx context.Context, group []auth.Presented, out []batch.Result[auth.Rotated]) error {
	params := s.rotationOf(group)
	defer params.release()
	sql := rotateSQL
	if params.withIdentity {
		sql = rotateWithIdentitySQL
	}
	var e auth.Rotated
	return s.rows(ctx, out, outcomeOther, &e, sql, params.of(s.lifetimes))
}

// rows runs the statement of a batch and sets the results. The columns are the ordinal of
// the request, those of rotateSQL, which go to e, and then those of more. A session
// without a row has the outcome missing.
func (s *Store) rows(ctx context.Context, out []batch.Result[auth.Rotated], missing auth.Outcome, e *auth.Rotated, sql string, args []any, more ...any) (err error) {
	for i := range out {
		out[i] = batch.Result[auth.Rotated]{Value: auth.Rotated{Outcome: missing}}
	}
	b := s.groupBatch()
	b.Queue(sql, args...)
	results := s.pool.SendBatch(ctx, b)
	defer func() { err = errors.Join(err, results.Close()) }()
	for range b.Len() - 1 {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	var ordinal int
	columns := []any{
		&ordinal, (*string)(&e.Outcome), &e.Used, &e.Last, &e.RotatedAt, &e.CreatedAt, &e.ExpiresAt, &e.Roles, (*[]byte)(&e.Metadata), &e.OpenID, &e.UnionID,
	}
	_, err = pgx.ForEachRow(rows, append(columns, more...), func() error {
		out[ordinal-1].Value = *e
		*e = auth.Rotated{}
		return nil
	})
	return err
}

// rotation holds the parameters of a group. Its memory is used again for later groups.
type rotation struct {
	userIDs, ids        column[pgtype.UUID]
	appIDs, ips, agents column[pgtype.Text]
	seqs, prevs         column[pgtype.Int8]
	nows                column[pgtype.Timestamptz]
	lives               column[pgtype.Interval]
	withIdentity        bool
}

var rotations = sync.Pool{New: func() any { return new(rotation) }}

func (r *rotation) add(p auth.Presented, life time.Duration) {
	r.userIDs, r.ids = append(r.userIDs, uuidParam(p.UserID)), append(r.ids, uuidParam(p.SessionID))
	r.appIDs = append(r.appIDs, textParam(p.AppID))
	r.seqs, r.prevs = append(r.seqs, int8Param(p.Seq)), append(r.prevs, int8Param(p.Prev))
	r.ips, r.agents = append(r.ips, textParam(p.IP)), append(r.agents, textParam(p.UserAgent))
	r.nows, r.lives = append(r.nows, timeParam(p.Now)), append(r.lives, intervalParam(life))
	r.withIdentity = r.withIdentity || p.WithIdentity
}

func (s *Store) rotationOf(group []auth.Presented) *rotation {
	r := rotations.Get().(*rotation) //nolint:forcetypeassert // nothing else is in the pool
	for _, p := range group {
		r.add(p, s.lifetimes.Of(p.AppID).RefreshTTL)
	}
	return r
}

// of returns the parameters $1 to $11.
func (r *rotation) of(lifetimes auth.Lifetimes) []any {
	return []any{
		r.userIDs, r.ids, r.appIDs, r.seqs, r.prevs, r.ips, r.agents, r.nows,
		lifetimes.Grace, r.lives, limit(lifetimes.MaxAge),
	}
}

func (r *rotation) release() {
	clear(r.appIDs)
	clear(r.ips)
	clear(r.agents)
	*r = rotation{
		userIDs: r.userIDs[:0], ids: r.ids[:0], appIDs: r.appIDs[:0], ips: r.ips[:0], agents: r.agents[:0],
		seqs: r.seqs[:0], prevs: r.prevs[:0], nows: r.nows[:0], lives: r.lives[:0],
	}
	rotations.Put(r)
}

// limit turns 0, which means "never", into NULL, which LEAST and comparisons
// pass over.
func limit(d time.Duration) *time.Duration {
	if d == 0 {
		return nil
	}
	return &d
}

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

// outcomeLocked is the outcome of a row that another transaction holds.
const outcomeLocked = "locked"

// Rotate implements auth.Store.
func (s *Store) Rotate(ctx context.Context, p auth.Presented) (auth.Rotated, error) {
	if err := sanitize.Check(p.AppID); err != nil {
		return auth.Rotated{Outcome: auth.OutcomeUnknown}, nil //nolint:nilerr // no session has such an app
	}
	p.IP, p.UserAgent = sanitize.Clean(p.IP), sanitize.Clean(p.UserAgent)
	until := time.Now().Add(patience)
	out, err := untilFree(ctx, until, func() (auth.Rotated, error) {
		out, err := s.rotations.Do(ctx, until, sessionRef{p.UserID, p.SessionID}, p)
		err = lockedOut(err)
		if err == nil && out.Outcome == outcomeLocked {
			err = errLocked
		}
		return out, err
	})
	if err != nil {
		return auth.Rotated{}, failed("exchange a refresh token", err)
	}
	return out, nil
}

// rotateSQL rotates any number of sessions in one statement and one commit.
//
// A row that another transaction holds is skipped with the outcome 'locked', so that no
// request waits for the row of another.
//
// The rule is applied after the row is locked: if the row has changed meanwhile,
// PostgreSQL evaluates the CASE again on the new version (EvalPlanQual). All statements
// lock rows in the same order, so that two batches with common sessions do not deadlock.
// A repetition within the grace writes nothing, unless auth.Repeats.After counts it.
const rotateSQL = `
WITH asked AS (
    SELECT *
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::timestamptz[], $10::interval[])
         WITH ORDINALITY AS a (user_id, id, app_id, seq, prev, ip, user_agent, now, refresh_ttl, n)
), held AS MATERIALIZED (
    SELECT a.n, a.seq, a.prev, a.ip, a.user_agent, a.now, a.refresh_ttl,
           s.user_id, s.id, s.app_id, s.used, s.last, s.rotated_at, s.created_at, s.expires_at,
           s.ip AS ip_before, s.user_agent AS agent_before, s.repeats, s.repeats_recorded_at,
           u.roles, u.metadata,
           CASE
               WHEN u.disabled_at IS NOT NULL                             THEN 'disabled'
               WHEN s.revoked_at IS NOT NULL OR u.deleted_at IS NOT NULL  THEN 'revoked'
               WHEN s.expires_at <= a.now OR s.created_at + $11 <= a.now  THEN 'expired'
               WHEN a.seq > s.last                                        THEN 'restored'
               WHEN a.seq = s.used AND a.now - s.rotated_at < $9          THEN 'same_child'
               WHEN a.seq = s.used                                        THEN 'sibling'
               WHEN a.prev = s.used                                       THEN 'rotated'
               ELSE 'reused'
           END AS outcome,
           CASE WHEN u.deleted_at IS NULL OR s.revoked_at IS NOT NULL THEN s.revoked_reason ELSE 'account_closed' END AS reason
    FROM asked a
    JOIN sessions s ON s.user_id = a.user_id AND s.id = a.id AND s.app_id = a.app_id
    JOIN users u ON u.id = s.user_id
    ORDER BY s.user_id, s.id
    FOR UPDATE OF s SKIP LOCKED
), repeated AS (
    SELECT h.user_id, h.id, h.outcome, h.now, h.repeats + 1 AS repeats,
           h.repeats_recorded_at IS NULL OR h.now - h.repeats_recorded_at >= $12 AS record
    FROM held h
    WHERE h.outcome IN ('same_child', 'sibling') AND (h.repeats > 0 OR h.ip <> h.ip_before OR h.user_agent <> h.agent_before)
), moved AS (
    UPDATE sessions s
    SET used       = CASE h.outcome WHEN 'sibling' THEN h.used ELSE h.seq END,
        last       = CASE h.outcome WHEN 'restored' THEN h.seq ELSE h.last END + 1,
        rotated_at = h.now,
        expires_at = date_trunc('second', LEAST(h.now + h.refresh_ttl, h.created_at + $11)),
        ip         = h.ip,
        user_agent = h.user_agent,
        repeats    = COALESCE(r.repeats, 0),
        repeats_recorded_at = CASE WHEN r.record THEN h.now ELSE s.repeats_recorded_at END
    FROM held h
    LEFT JOIN repeated r ON r.user_id = h.user_id AND r.id = h.id
    WHERE s.user_id = h.user_id AND s.id = h.id AND h.outcome IN ('restored', 'sibling', 'rotated')
    RETURNING s.user_id, s.id, s.used, s.last, s.rotated_at, s.expires_at
), counted AS (
    UPDATE sessions s
    SET repeats = r.repeats, repeats_recorded_at = CASE WHEN r.record THEN r.now ELSE s.repeats_recorded_at END
    FROM repeated r
    WHERE s.user_id = r.user_id AND s.id = r.id AND r.outcome = 'same_child'
), ended AS (
    UPDATE sessions s
    SET revoked_at = h.now, revoked_reason = 'refresh_reused'
    FROM held h
    WHERE s.user_id = h.user_id AND s.id = h.id AND h.outcome = 'reused'
    RETURNING s.id
), noted AS (
    INSERT INTO events (at, kind, user_id, session_id, actor, detail)
    SELECT h.now, CASE h.outcome WHEN 'reused' THEN 'refresh_reused' ELSE 'session_restored' END,
           h.user_id, h.id, 'system',
           jsonb_build_object('seq', h.seq, 'prev', h.prev, 'used', h.used, 'last', h.last, 'ip', h.ip, 'userAgent', h.user_agent)
    FROM held h
    WHERE h.outcome IN ('reused', 'restored')
    UNION ALL
    SELECT h.now, 'refresh_repeated', h.user_id, h.id, 'system',
           jsonb_build_object('outcome', h.outcome, 'count', r.repeats, 'ip', h.ip, 'userAgent', h.user_agent,
                              'ipBefore', h.ip_before, 'userAgentBefore', h.agent_before)
    FROM repeated r
    JOIN held h ON h.user_id = r.user_id AND h.id = r.id
    WHERE r.record
), told AS (
    -- It runs because its rows are counted below: a SELECT in WITH that is not read does not.
    SELECT pg_notify('` + notifyRevoked + `', '') FROM ended
)
SELECT h.n, h.outcome, COALESCE(m.used, h.used), COALESCE(m.last, h.last), COALESCE(m.rotated_at, h.rotated_at),
       h.created_at, COALESCE(m.expires_at, h.expires_at), h.roles, h.metadata,
       h.outcome IN ('same_child', 'sibling') AND EXISTS (SELECT FROM repeated r WHERE r.user_id = h.user_id AND r.id = h.id), h.reason,
       COALESCE(i.openid, ''), COALESCE(i.unionid, ''), (SELECT count(*) FROM told)
FROM held h
LEFT JOIN moved m ON m.user_id = h.user_id AND m.id = h.id
LEFT JOIN LATERAL (
    SELECT openid, unionid FROM identities WHERE $13 AND user_id = h.user_id AND app_id = h.app_id ORDER BY created_at, openid LIMIT 1
) i ON TRUE
UNION ALL
SELECT a.n, '` + outcomeLocked + `', s.used, s.last, s.rotated_at, s.created_at, s.expires_at, '{}', '{}', FALSE, '', '', '', 0
FROM asked a
JOIN sessions s ON s.user_id = a.user_id AND s.id = a.id AND s.app_id = a.app_id
WHERE (SELECT count(*) FROM held) < (SELECT count(*) FROM asked)
  AND NOT EXISTS (SELECT FROM held h WHERE h.n = a.n)`

func (s *Store) rotateGroup(ctx context.Context, group []auth.Presented, out []batch.Result[auth.Rotated]) {
	ctx, cancel := context.WithTimeout(ctx, patience-turn)
	defer cancel()
	err := s.twice(ctx, func(ctx context.Context) error { return s.rotate(ctx, group, out) })
	if err != nil {
		batch.Fail(out, err)
	}
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

func (s *Store) rotate(ctx context.Context, group []auth.Presented, out []batch.Result[auth.Rotated]) (err error) {
	params := rotations.Get().(*rotation) //nolint:forcetypeassert // nothing else is in the pool
	defer params.release()
	for _, p := range group {
		params.add(p, s.lifetimes.Of(p.AppID).RefreshTTL)
	}
	b := s.groupBatch()
	b.Queue(rotateSQL,
		params.userIDs, params.ids, params.appIDs, params.seqs, params.prevs, params.ips, params.agents, params.nows,
		s.lifetimes.Grace, params.lives, limit(s.lifetimes.MaxAge), auth.RepeatEvery, params.withIdentity)
	for i := range out {
		out[i] = batch.Result[auth.Rotated]{Value: auth.Rotated{Outcome: auth.OutcomeUnknown}}
	}
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
	var (
		ordinal int
		told    int64
		e       auth.Rotated
	)
	_, err = pgx.ForEachRow(rows, []any{
		&ordinal, (*string)(&e.Outcome), &e.Used, &e.Last, &e.RotatedAt, &e.CreatedAt, &e.ExpiresAt, &e.Roles, (*[]byte)(&e.Metadata), &e.Repeated, (*string)(&e.Reason), &e.OpenID, &e.UnionID, &told,
	}, func() error {
		out[ordinal-1].Value = e
		e = auth.Rotated{}
		return nil
	})
	return err
}

// limit turns 0, which means "never", into NULL, which LEAST and comparisons
// pass over.
func limit(d time.Duration) *time.Duration {
	if d == 0 {
		return nil
	}
	return &d
}

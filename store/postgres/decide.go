package postgres

import (
	"context"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/batch"
)

// decideSQL applies the rotation rule to any number of sessions in one statement and one
// commit, whatever the outcome, and records it where it has to be. A row that another
// transaction holds has the outcome 'locked'. A repetition within the grace writes
// nothing, unless auth.Repeats.After counts it.
const decideSQL = `
WITH asked AS (
    SELECT *
    FROM ` + askedSQL + `
), held AS MATERIALIZED (
    SELECT a.n, a.seq, a.prev, a.ip, a.user_agent, a.now, a.refresh_ttl,
           s.user_id, s.id, s.app_id, s.used, s.last, s.rotated_at, s.created_at, s.expires_at,
           s.ip AS ip_before, s.user_agent AS agent_before, s.repeats, s.repeats_recorded_at,
           u.roles, u.metadata,` + outcomeSQL + ` AS outcome,
           CASE WHEN u.deleted_at IS NULL OR s.revoked_at IS NOT NULL THEN s.revoked_reason ELSE 'account_closed' END AS reason
    FROM asked a
    JOIN sessions s ON s.user_id = a.user_id AND s.id = a.id AND s.app_id = a.app_id
    JOIN users u ON u.id = s.user_id` + lockSQL + `
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
        expires_at = ` + expirySQL + `,
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
       h.created_at, COALESCE(m.expires_at, h.expires_at), h.roles, h.metadata, COALESCE(i.openid, ''), COALESCE(i.unionid, ''),
       h.outcome IN ('same_child', 'sibling') AND EXISTS (SELECT FROM repeated r WHERE r.user_id = h.user_id AND r.id = h.id), h.reason,
       (SELECT count(*) FROM told)
FROM held h
LEFT JOIN moved m ON m.user_id = h.user_id AND m.id = h.id
LEFT JOIN LATERAL (` + heldOpenIDSQL + ` AND $13` + firstOpenIDSQL + `) i ON TRUE
UNION ALL
SELECT a.n, '` + outcomeLocked + `', s.used, s.last, s.rotated_at, s.created_at, s.expires_at, '{}', '{}', '', '', FALSE, '', 0
FROM asked a
JOIN sessions s ON s.user_id = a.user_id AND s.id = a.id AND s.app_id = a.app_id
WHERE (SELECT count(*) FROM held) < (SELECT count(*) FROM asked)
  AND NOT EXISTS (SELECT FROM held h WHERE h.n = a.n)`

// decideGroup runs decideSQL for a batch.
func (s *Store) decideGroup(ctx context.Context, group []auth.Presented, out []batch.Result[auth.Rotated]) {
	inGroup(ctx, s, out, func(ctx context.Context) error { return s.decide(ctx, group, out) })
}

func (s *Store) decide(ctx context.Context, group []auth.Presented, out []batch.Result[auth.Rotated]) error {
	params := s.rotationOf(group)
	defer params.release()
	var (
		e    auth.Rotated
		told int64
	)
	args := append(params.of(s.lifetimes), auth.RepeatEvery, params.withIdentity)
	return s.rows(ctx, out, auth.OutcomeUnknown, &e, decideSQL, args, &e.Repeated, (*string)(&e.Reason), &told)
}

package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/batch"
	"github.com/wugan/wugan/store/sanitize"
	"github.com/wugan/wugan/users"
)

type sessionRef struct{ userID, id uuid.UUID }

// Rotate implements auth.Store.
func (s *Store) Rotate(ctx context.Context, p auth.Presented) (auth.Rotated, error) {
	if err := sanitize.Check(p.AppID); err != nil {
		return auth.Rotated{Outcome: auth.OutcomeUnknown}, nil //nolint:nilerr // no session has such an app
	}
	p.IP, p.UserAgent = sanitize.Clean(p.IP), sanitize.Clean(p.UserAgent)
	p.Now = p.Now.UTC() // it comes back in the counters
	out, err := s.rotations.Do(ctx, time.Time{}, sessionRef{p.UserID, p.SessionID}, p)
	return out, failed("rotate a session", err)
}

// rotateGroup rotates any number of sessions in one transaction.
func (s *Store) rotateGroup(ctx context.Context, group []auth.Presented, out []batch.Result[auth.Rotated]) {
	reused := false
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i, p := range group {
			e, err := s.rotate(ctx, tx, p)
			if err != nil {
				return err
			}
			out[i] = batch.Result[auth.Rotated]{Value: e}
			reused = reused || e.Outcome == auth.OutcomeReused
		}
		return nil
	})
	if err != nil {
		batch.Fail(out, err)
		return
	}
	if reused {
		s.revoked.send()
	}
}

func (s *Store) rotate(ctx context.Context, tx *sql.Tx, p auth.Presented) (auth.Rotated, error) {
	const (
		findSQL = `
SELECT s.used, s.last, s.rotated_at, s.created_at, s.expires_at, s.ip, s.user_agent, s.repeats, s.repeats_recorded_at,
       s.revoked_at IS NOT NULL OR u.deleted_at IS NOT NULL, CASE WHEN u.deleted_at IS NULL OR s.revoked_at IS NOT NULL THEN s.revoked_reason ELSE 'account_closed' END,
       u.disabled_at IS NOT NULL, u.roles, u.metadata
FROM sessions s
JOIN users u ON u.id = s.user_id
WHERE s.user_id = ? AND s.id = ? AND s.app_id = ?`
		rotateSQL = `
UPDATE sessions SET used = ?, last = ?, rotated_at = ?, expires_at = ?, ip = ?, user_agent = ?
WHERE user_id = ? AND id = ?`
		identitySQL = `
SELECT openid, COALESCE(unionid, '') FROM identities WHERE user_id = ? AND app_id = ? ORDER BY created_at, openid LIMIT 1`
		repeatsSQL = `
UPDATE sessions SET repeats = ?, repeats_recorded_at = ? WHERE user_id = ? AND id = ?`
		revokeSQL = `
UPDATE sessions SET revoked_at = ?, revoked_reason = ? WHERE user_id = ? AND id = ?`
	)
	userID, id := p.UserID.String(), p.SessionID.String()
	var (
		e                           auth.Rotated
		rotatedAt, created, expires int64
		revoked, barred             bool
		roles, metadata             string
		ip, agent                   string
		repeats                     auth.Repeats
		recordedAt                  sql.NullInt64
	)
	switch err := tx.QueryRowContext(ctx, findSQL, userID, id, p.AppID).
		Scan(&e.Used, &e.Last, &rotatedAt, &created, &expires, &ip, &agent, &repeats.Count, &recordedAt, &revoked, &e.Reason, &barred, &roles, &metadata); {
	case errors.Is(err, sql.ErrNoRows):
		return auth.Rotated{Outcome: auth.OutcomeUnknown}, nil
	case err != nil:
		return auth.Rotated{}, err
	}
	e.RotatedAt, e.CreatedAt, e.ExpiresAt = moment(rotatedAt), moment(created), moment(expires)
	e.Metadata = json.RawMessage(metadata)
	if err := json.Unmarshal([]byte(roles), &e.Roles); err != nil {
		return auth.Rotated{}, err
	}

	switch {
	case barred:
		e.Outcome = auth.OutcomeDisabled
		return e, nil
	case revoked:
		e.Outcome = auth.OutcomeRevoked
		return e, nil
	case !e.ExpiresAt.After(p.Now), s.tooOld(e, p):
		e.Outcome = auth.OutcomeExpired
		return e, nil
	}

	if p.WithIdentity {
		err := tx.QueryRowContext(ctx, identitySQL, userID, p.AppID).Scan(&e.OpenID, &e.UnionID)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return auth.Rotated{}, err
		}
	}
	before := e.Counters
	e.Counters, e.Outcome = before.Rotate(p.Seq, p.Prev, p.Now, s.lifetimes.Grace)
	var err error
	switch e.Outcome {
	case auth.OutcomeRestored, auth.OutcomeSibling, auth.OutcomeRotated:
		e.ExpiresAt = s.lifetimes.Of(p.AppID).SessionEnd(e.CreatedAt, p.Now)
		_, err = tx.ExecContext(ctx, rotateSQL, e.Used, e.Last, micros(e.RotatedAt), micros(e.ExpiresAt), p.IP, p.UserAgent, userID, id)
	case auth.OutcomeReused:
		_, err = tx.ExecContext(ctx, revokeSQL, micros(p.Now), string(auth.ReasonReused), userID, id)
	default: // the same child: nothing changes
	}
	if err != nil {
		return auth.Rotated{}, err
	}

	if at := optionalMoment(recordedAt); at != nil {
		repeats.RecordedAt = *at
	}
	next, counts, record := repeats.After(e.Outcome, p.IP != ip || p.UserAgent != agent, p.Now)
	if e.Repeated = counts; next != repeats {
		if _, err := tx.ExecContext(ctx, repeatsSQL, next.Count, optionalMicros(next.RecordedAt), userID, id); err != nil {
			return auth.Rotated{}, err
		}
	}

	var kind users.EventKind
	detail := map[string]any{"ip": p.IP, "userAgent": p.UserAgent}
	switch {
	case e.Outcome == auth.OutcomeReused, e.Outcome == auth.OutcomeRestored:
		kind = users.EventSessionRestored
		if e.Outcome == auth.OutcomeReused {
			kind = users.EventRefreshReused
		}
		detail["seq"], detail["prev"], detail["used"], detail["last"] = p.Seq, p.Prev, before.Used, before.Last
	case record:
		kind = users.EventRefreshRepeated
		detail["outcome"], detail["count"], detail["ipBefore"], detail["userAgentBefore"] = e.Outcome, next.Count, ip, agent
	default:
		return e, nil
	}
	data, err := json.Marshal(detail)
	if err != nil {
		return auth.Rotated{}, err
	}
	return e, note(ctx, tx, users.Event{
		At: p.Now, Kind: kind, UserID: p.UserID, SessionID: p.SessionID, Actor: users.ActorSystem, Detail: data,
	})
}

// tooOld reports whether a session has reached the greatest age by the lifetimes of
// today, which may be stricter than the one it was opened under.
func (s *Store) tooOld(e auth.Rotated, p auth.Presented) bool {
	return s.lifetimes.MaxAge > 0 && !e.CreatedAt.Add(s.lifetimes.MaxAge).After(p.Now)
}

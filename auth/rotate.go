package auth

import "time"

// Counters is the part of a session row that describes its refresh tokens.
type Counters struct {
	// Used is the number of the token that was last rotated; 0 after a login.
	Used int64
	// Last is the number of the newest token that was issued; 1 after a login.
	Last int64
	// RotatedAt is when the last new token was issued.
	RotatedAt time.Time
}

// Outcome is the result of presenting a refresh token.
type Outcome string

// The first five outcomes are the cases of the rule, in its order. The others are
// states of a session that is not live, to which the rule is not applied.
const (
	// OutcomeRestored: the token's signature is valid, but the row has not issued
	// its number. The database was restored, or a failover lost the last commits.
	OutcomeRestored Outcome = "restored"
	// OutcomeSameChild: the same token again, within the grace of its rotation.
	OutcomeSameChild Outcome = "same_child"
	// OutcomeSibling: the same token again, after the grace: the response to the
	// last rotation was lost. A sibling is issued. The first use of one sibling
	// invalidates the others.
	OutcomeSibling Outcome = "sibling"
	// OutcomeRotated: a new token, used for the first time.
	OutcomeRotated Outcome = "rotated"
	// OutcomeReused: a copy of a token was used. The session is revoked.
	OutcomeReused Outcome = "reused"

	OutcomeUnknown  Outcome = "unknown"  // no such session of this user and app
	OutcomeDisabled Outcome = "disabled" // the user is disabled
	OutcomeRevoked  Outcome = "revoked"  // the session has been ended
	OutcomeExpired  Outcome = "expired"  // the session has run out
)

// Rotate is the rotation rule. The token (seq, prev) of a live session with the
// counters c is presented at now. Rotate returns the new counters and the outcome.
// After every outcome except [OutcomeReused], the token to issue is (Last, Used)
// of the returned counters.
//
// It is a pure function. The PostgreSQL store states the same rule as one SQL
// expression, and the tests compare the two. docs/en/rotation.md gives the reasons.
func (c Counters) Rotate(seq, prev int64, now time.Time, grace time.Duration) (Counters, Outcome) {
	switch {
	case seq > c.Last:
		return Counters{Used: seq, Last: seq + 1, RotatedAt: now}, OutcomeRestored
	case seq == c.Used && now.Sub(c.RotatedAt) < grace:
		return c, OutcomeSameChild
	case seq == c.Used:
		return Counters{Used: c.Used, Last: c.Last + 1, RotatedAt: now}, OutcomeSibling
	case prev == c.Used:
		return Counters{Used: seq, Last: c.Last + 1, RotatedAt: now}, OutcomeRotated
	default:
		return c, OutcomeReused
	}
}

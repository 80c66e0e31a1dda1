package auth

import "time"

// Counters is what one session row says about its refresh tokens.
type Counters struct {
	// Used is the number of the token that was last exchanged; 0 after a login.
	Used int64
	// Last is the number of the newest token that was issued; 1 after a login.
	Last int64
	// RotatedAt is when the last new token was issued.
	RotatedAt time.Time
}

// Outcome says what became of a refresh token that was presented.
type Outcome string

// The first five are the cases of the rule, in its order; the rest are the
// states in which a session is not alive, so that the rule is not asked.
const (
	// OutcomeRestored: we signed the token, yet the row does not know it. The
	// database was restored, or a failover lost the last commits.
	OutcomeRestored Outcome = "restored"
	// OutcomeSameChild: within the grace of an exchange, the same token again.
	OutcomeSameChild Outcome = "same_child"
	// OutcomeSibling: after the grace, the same token again: the response to the
	// last exchange was lost. A sibling is issued; whichever sibling is used
	// first kills the others.
	OutcomeSibling Outcome = "sibling"
	// OutcomeRotated: a child, used for the first time.
	OutcomeRotated Outcome = "rotated"
	// OutcomeReused: a copy is being used. The session is revoked.
	OutcomeReused Outcome = "reused"

	OutcomeUnknown  Outcome = "unknown"  // no such session of this user and app
	OutcomeDisabled Outcome = "disabled" // the user is disabled
	OutcomeRevoked  Outcome = "revoked"  // the session has been ended
	OutcomeExpired  Outcome = "expired"  // the session has run out
)

// Rotate is the rule by which a refresh token is exchanged: the token (seq,
// prev) of a live session, whose row says c, is presented at now. It returns
// what the row is to say and what happened. After every outcome but
// [OutcomeReused] the token to issue is (Last, Used) of the returned counters.
//
// It is a pure function. The PostgreSQL store states the same rule as one SQL
// expression, and the tests hold the two against each other. docs/rotation.md
// gives the reasons.
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

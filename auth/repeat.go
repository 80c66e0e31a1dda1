package auth

import "time"

// RepeatEvery is the shortest time between two events that record a repeated
// refresh token of one session.
const RepeatEvery = time.Hour

// Repeats is the part of a session row that counts repeated presentations of a
// refresh token from another address or device.
type Repeats struct {
	// Count is how often the token that was rotated last has been presented
	// again, from the first time on that it came from another address or device
	// than the time before; 0 when it has not.
	Count int64
	// RecordedAt is when an event last recorded it, or the zero time.
	RecordedAt time.Time
}

// After is the rule that detects repeated tokens. A token was presented at now and
// the rotation rule returned outcome; elsewhere reports whether the address or the
// device differs from the session row. After returns the new row, whether the
// presentation counts as repeated, and whether an event records it.
//
// A client whose response was lost also repeats its token, possibly from another
// address, so a repetition is not refused. It is recorded because a stolen copy
// that is used while its owner is inactive leaves no other trace.
//
// It is a pure function. The PostgreSQL store states the same rule in its
// statement, and store/storetest compares the two.
func (r Repeats) After(outcome Outcome, elsewhere bool, now time.Time) (next Repeats, counts, record bool) {
	switch outcome {
	case OutcomeRotated, OutcomeRestored:
		return Repeats{RecordedAt: r.RecordedAt}, false, false
	case OutcomeSameChild, OutcomeSibling:
		if !elsewhere && r.Count == 0 {
			return r, false, false
		}
		next = Repeats{Count: r.Count + 1, RecordedAt: r.RecordedAt}
		if record = r.RecordedAt.IsZero() || now.Sub(r.RecordedAt) >= RepeatEvery; record {
			next.RecordedAt = now
		}
		return next, true, record
	default:
		return r, false, false
	}
}

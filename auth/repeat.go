package auth

import "time"

// RepeatEvery is how often at most an event records that a refresh token of one
// session is presented again.
const RepeatEvery = time.Hour

// Repeats is what one session row says about a token that is presented again
// from elsewhere.
type Repeats struct {
	// Count is how often the token that was rotated last has been presented
	// again, from the first time on that it came from another address or device
	// than the time before; 0 when it has not.
	Count int64
	// RecordedAt is when an event recorded it last; zero where none has.
	RecordedAt time.Time
}

// After is the rule by which repetitions are noticed: a token was presented at
// now, with an outcome of the rotation rule; elsewhere reports whether address
// or device differ from what the row says. It returns what the row is to say,
// whether this was a repetition that counts, and whether an event is to record
// it.
//
// A client that lost its response repeats its token too, and may come from
// another address: it is not refused for that. But a copy that is used while
// its owner sleeps leaves no other trace.
//
// It is a pure function. The PostgreSQL store states the same rule in its
// statement, and store/storetest holds the two against each other.
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

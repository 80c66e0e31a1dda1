package auth_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

const grace = 10 * time.Second

var rotatedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestEachCaseOfTheRuleDoesWhatThePageSays(t *testing.T) {
	row := func(used, last int64) auth.Counters {
		return auth.Counters{Used: used, Last: last, RotatedAt: rotatedAt}
	}
	for _, c := range []struct {
		name      string
		row       auth.Counters
		seq, prev int64
		after     time.Duration
		outcome   auth.Outcome
		used      int64
		last      int64
		moved     bool // rotated_at becomes now
	}{
		{"the first token after a login", row(0, 1), 1, 0, 0, auth.OutcomeRotated, 1, 2, true},
		{"a child, much later", row(1, 2), 2, 1, 100 * time.Hour, auth.OutcomeRotated, 2, 3, true},
		{"the same token at once", row(1, 2), 1, 0, 0, auth.OutcomeSameChild, 1, 2, false},
		{"the same token at the end of the grace", row(1, 2), 1, 0, grace - time.Microsecond, auth.OutcomeSameChild, 1, 2, false},
		{"the same token when the grace is over", row(1, 2), 1, 0, grace, auth.OutcomeSibling, 1, 3, true},
		{"the same token by a clock that is behind", row(1, 2), 1, 0, -time.Second, auth.OutcomeSameChild, 1, 2, false},
		{"the elder sibling", row(1, 3), 2, 1, time.Hour, auth.OutcomeRotated, 2, 4, true},
		{"the younger sibling", row(1, 3), 3, 1, time.Hour, auth.OutcomeRotated, 3, 4, true},
		{"the sibling that came too late", row(2, 4), 3, 1, time.Hour, auth.OutcomeReused, 2, 4, false},
		{"the grandparent", row(2, 3), 1, 0, time.Hour, auth.OutcomeReused, 2, 3, false},
		{"the grandparent within the grace", row(2, 3), 1, 0, 0, auth.OutcomeReused, 2, 3, false},
		{"a token that the database has forgotten", row(1, 2), 6, 5, time.Hour, auth.OutcomeRestored, 6, 7, true},
		{"a forgotten token whose parent is known", row(1, 2), 3, 1, 0, auth.OutcomeRestored, 3, 4, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := c.row.RotatedAt.Add(c.after)
			got, outcome := c.row.Rotate(c.seq, c.prev, now, grace)
			want := auth.Counters{Used: c.used, Last: c.last, RotatedAt: rotatedAt}
			if c.moved {
				want.RotatedAt = now
			}
			require.Equal(t, c.outcome, outcome)
			require.Equal(t, want, got)
		})
	}
}

// rule is auth.Counters.Rotate, or a mutant of it.
type rule func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome)

func theRule(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
	return c.Rotate(seq, prev, now, grace)
}

func sibling(c auth.Counters, now time.Time) (auth.Counters, auth.Outcome) {
	return auth.Counters{Used: c.Used, Last: c.Last + 1, RotatedAt: now}, auth.OutcomeSibling
}

// mutants are rules that could be mistaken for the right one. Each must be caught,
// or else the explorations below prove nothing.
var mutants = []struct {
	name   string
	caught error // by which promise
	rule   rule
}{
	{"a repeated token is a copy once the grace is over", errTurnedAway, func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
		after, outcome := theRule(c, seq, prev, now)
		if outcome == auth.OutcomeSibling {
			return c, auth.OutcomeReused
		}
		return after, outcome
	}},
	{"only the newest sibling counts", errTurnedAway, func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
		after, outcome := theRule(c, seq, prev, now)
		if outcome == auth.OutcomeRotated && seq != c.Last {
			return c, auth.OutcomeReused
		}
		return after, outcome
	}},
	{"a token that the database has forgotten is a forgery", errTurnedAway, func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
		after, outcome := theRule(c, seq, prev, now)
		if outcome == auth.OutcomeRestored {
			return c, auth.OutcomeReused
		}
		return after, outcome
	}},
	{"the grace slides with each repetition", errGraceSlides, func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
		after, outcome := theRule(c, seq, prev, now)
		if outcome == auth.OutcomeSameChild {
			after.RotatedAt = now
		}
		return after, outcome
	}},
	{"the previous token works for ever and gives the same successor", errShared, func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
		after, outcome := theRule(c, seq, prev, now)
		if outcome == auth.OutcomeSibling {
			return c, auth.OutcomeSameChild
		}
		return after, outcome
	}},
	{"a sibling lives on when another one was used", errShared, func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
		after, outcome := theRule(c, seq, prev, now)
		if outcome == auth.OutcomeReused && seq > c.Used {
			return auth.Counters{Used: seq, Last: c.Last + 1, RotatedAt: now}, auth.OutcomeRotated
		}
		return after, outcome
	}},
	{"a copy gets a token of its own", errShared, func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
		after, outcome := theRule(c, seq, prev, now)
		if outcome == auth.OutcomeReused {
			return sibling(c, now)
		}
		return after, outcome
	}},
	{"a successor takes the number after its parent's", errShared, func(c auth.Counters, seq, prev int64, now time.Time) (auth.Counters, auth.Outcome) {
		after, outcome := theRule(c, seq, prev, now)
		if outcome == auth.OutcomeRotated {
			after.Last = seq + 1
		}
		return after, outcome
	}},
}

// What an exploration may find wrong.
var (
	errTurnedAway  = errors.New("an honest client was turned away")
	errGraceSlides = errors.New("a repetition was answered with the same child when the grace was over")
	errShared      = errors.New("owner and thief have both completed two exchanges, and the session lives")
)

func TestAnHonestClientIsNeverTurnedAway(t *testing.T) {
	for name, rollbacks := range map[string]int8{"without a rollback": 0, "with a rollback": 1, "with two rollbacks": 2} {
		t.Run(name, func(t *testing.T) {
			states, seen, err := exploreHonest(theRule, rollbacks)
			require.NoError(t, err)
			t.Logf("%d states, %d exchanges: %v", states, seen.sum(), seen)
			require.Greater(t, states, 2000, "the model has shrunk")
			for _, o := range []auth.Outcome{auth.OutcomeRotated, auth.OutcomeSameChild, auth.OutcomeSibling} {
				require.NotZero(t, seen[o], "%s was never met", o)
			}
			if rollbacks > 0 {
				require.NotZero(t, seen[auth.OutcomeRestored])
			}
			require.Zero(t, seen[auth.OutcomeReused])
		})
	}
}

func TestAThiefAndTheOwnerNeverBothGoOn(t *testing.T) {
	for name, theft := range thefts {
		t.Run(name, func(t *testing.T) {
			found, err := exploreTheft(theRule, theft)
			require.NoError(t, err)
			t.Logf("%d orders of %d events; revoked in %d, at the latest when the slower one had completed %d exchanges",
				found.orders, theftEvents, found.revoked, found.slower)
			require.Equal(t, 65536, found.orders)
			require.NotZero(t, found.revoked)
			require.Equal(t, theft.edge, found.slower, "the exploration reaches the edge of the promise")
		})
	}
}

func TestExplorationCatchesEachMutantOfTheRule(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			var found []error
			if _, _, err := exploreHonest(m.rule, 1); err != nil {
				found = append(found, err)
			}
			for _, theft := range thefts {
				if _, err := exploreTheft(m.rule, theft); err != nil {
					found = append(found, err)
				}
			}
			err := errors.Join(found...)
			require.ErrorIs(t, err, m.caught)
			t.Log(found[0])
		})
	}
}

// A theft is a session in which owner and thief hold tokens.
type theft struct {
	row          auth.Counters
	owner, thief token
	// edge is what the slower of the two can complete at the most: fewer than
	// two, and more would be less of a promise.
	edge int
}

type token struct{ seq, prev int64 }

var thefts = map[string]theft{
	"of the present token": {
		row: auth.Counters{Used: 1, Last: 2, RotatedAt: rotatedAt}, owner: token{2, 1}, thief: token{2, 1}, edge: 1,
	},
	"of the present token after a login": {
		row: auth.Counters{Used: 0, Last: 1, RotatedAt: rotatedAt}, owner: token{1, 0}, thief: token{1, 0}, edge: 1,
	},
	"of the previous token": {
		row: auth.Counters{Used: 1, Last: 2, RotatedAt: rotatedAt}, owner: token{2, 1}, thief: token{1, 0}, edge: 1,
	},
	"of a sibling whose answer the owner lost": {
		row: auth.Counters{Used: 1, Last: 3, RotatedAt: rotatedAt}, owner: token{3, 1}, thief: token{2, 1}, edge: 0,
	},
}

// theftEvents is how many exchanges one order holds. Each is the owner's or the
// thief's, and its answer arrives or is lost: 4^8 orders.
const theftEvents = 8

type theftReport struct {
	orders, revoked int
	slower          int // exchanges completed by the slower party, at the most
}

// exploreTheft plays all orders, each exchange outside the grace of the one
// before.
func exploreTheft(r rule, start theft) (theftReport, error) {
	var report theftReport
	for order := range 1 << (2 * theftEvents) {
		report.orders++
		row, now := start.row, start.row.RotatedAt
		held := [2]token{start.owner, start.thief}
		var completed [2]int
		for event := range theftEvents {
			who, lost := order>>(2*event)&1, order>>(2*event+1)&1 == 1
			now = now.Add(grace)
			after, outcome := r(row, held[who].seq, held[who].prev, now)
			if outcome == auth.OutcomeReused {
				report.revoked++
				break
			}
			row = after
			if lost {
				continue
			}
			held[who] = token{row.Last, row.Used}
			completed[who]++
			slower := min(completed[0], completed[1])
			report.slower = max(report.slower, slower)
			if slower >= 2 {
				return report, fmt.Errorf("%w: order %#x", errShared, order)
			}
		}
	}
	return report, nil
}

package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// flaky is a store whose responses get lost: a call may fail before anything
// happened, or after it was committed. The caller cannot tell which.
type flaky struct {
	Store
	dice *rand.Rand
	lost map[string]int
}

func (f *flaky) fate(call string) (before, after bool) {
	switch f.dice.IntN(3) {
	case 0:
		f.lost[call+" before"]++
		return true, false
	case 1:
		f.lost[call+" after"]++
		return false, true
	}
	return false, false
}

// through runs a call with a fate.
func through[T any](f *flaky, call string, do func() (T, error)) (T, error) {
	var none T
	before, after := f.fate(call)
	if before {
		return none, fmt.Errorf("before: %w", users.ErrUnavailable)
	}
	out, err := do()
	if after && err == nil {
		return none, fmt.Errorf("after: %w", users.ErrUnavailable)
	}
	return out, err
}

func (f *flaky) Login(ctx context.Context, l auth.Login) (auth.LoggedIn, error) {
	return through(f, "login", func() (auth.LoggedIn, error) { return f.Store.Login(ctx, l) })
}

func (f *flaky) Rotate(ctx context.Context, p auth.Presented) (auth.Rotated, error) {
	return through(f, "rotate", func() (auth.Rotated, error) { return f.Store.Rotate(ctx, p) })
}

func (f *flaky) EndSession(ctx context.Context, e auth.Ending) (bool, error) {
	return through(f, "end", func() (bool, error) { return f.Store.EndSession(ctx, e) })
}

func faults(t *testing.T, db *Database) {
	const seed = 20260301 // the run is the same each time
	f := &flaky{Store: db.open(t, lifetimes()), dice: rand.New(rand.NewPCG(seed, seed)), lost: map[string]int{}}
	now := start
	openID := someone()

	// A login whose response is lost costs a code, not a session: the next login
	// of the device takes over what the lost one opened.
	var p seat
	for range 20 {
		for {
			now = now.Add(time.Second)
			l := signIn(t, app1, openID, now)
			l.Device.ID = "phone"
			in, err := f.Login(t.Context(), l)
			if err == nil {
				p = seat{userID: in.User.ID, id: l.SessionID, appID: app1, seq: 1}
				break
			}
			require.ErrorIs(t, err, users.ErrUnavailable)
		}
		require.Len(t, sessionIDs(t, f, p.userID, now), 1)
	}

	// A refresh that failed is repeated with the same token, at once or much
	// later, and never takes the owner for a thief.
	outcomes := map[auth.Outcome]int{}
	for range 400 {
		for {
			now = now.Add([]time.Duration{0, time.Second, 9 * time.Second, 11 * time.Second, time.Hour}[f.dice.IntN(5)])
			e, err := f.Rotate(t.Context(), p.present(now))
			if err == nil {
				outcomes[e.Outcome]++
				require.True(t, issued(e.Outcome), "the owner was turned away: %s", e.Outcome)
				p.seq, p.prev = e.Last, e.Used
				break
			}
			require.ErrorIs(t, err, users.ErrUnavailable)
		}
	}
	require.NotZero(t, outcomes[auth.OutcomeRotated])
	require.NotZero(t, outcomes[auth.OutcomeSameChild])
	require.NotZero(t, outcomes[auth.OutcomeSibling])

	// A logout is repeated until it is heard, and is over however it went.
	for {
		if _, err := f.EndSession(t.Context(), p.end(now, auth.ReasonLoggedOut)); err == nil {
			break
		}
	}
	require.Empty(t, sessionIDs(t, f, p.userID, now))
	for _, what := range []string{"login before", "login after", "rotate before", "rotate after"} {
		require.NotZero(t, f.lost[what], "no fault of this kind was tried: %s", what)
	}
}

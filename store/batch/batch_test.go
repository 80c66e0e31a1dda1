package batch_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/store/batch"
)

// patience is how long a request may wait for its turn.
const patience = 5 * time.Second

// double answers each request with twice its number.
func double(group []int, out []batch.Result[int]) {
	for i, n := range group {
		out[i] = batch.Result[int]{Value: 2 * n}
	}
}

func TestARequestThatComesAloneWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := batch.New[int](2, 64, patience, func(_ context.Context, group []int, out []batch.Result[int]) {
			require.Len(t, group, 1)
			time.Sleep(time.Millisecond) // the statement itself
			double(group, out)
		})
		for i := range 10 {
			began := time.Now()
			out, err := g.Do(t.Context(), time.Time{}, i, i)
			require.NoError(t, err)
			require.Equal(t, 2*i, out)
			require.Equal(t, time.Millisecond, time.Since(began))
		}
	})
}

func TestRequestsThatComeWhileTheDatabaseIsBusyGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var sizes []int
		g := batch.New[int](2, 8, patience, func(_ context.Context, group []int, out []batch.Result[int]) {
			mu.Lock()
			sizes = append(sizes, len(group))
			mu.Unlock()
			time.Sleep(time.Millisecond)
			double(group, out)
		})
		ask := func(i int) {
			go func() {
				out, err := g.Do(t.Context(), time.Time{}, i, i)
				if err != nil || out != 2*i {
					t.Errorf("request %d: %d, %v", i, out, err)
				}
			}()
			synctest.Wait() // it has started, or waits in line
		}
		for i := range 2 + 8 + 3 {
			ask(i)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []int{1, 1, 8, 3}, sizes, "two alone, then as many as one group holds, then the rest")
	})
}

func TestNoTwoRequestsOfOneKeyAreInOneGroup(t *testing.T) {
	var groups, requests atomic.Int64
	g := batch.New[int](2, 64, patience, func(_ context.Context, group [][2]int, out []batch.Result[int]) {
		groups.Add(1)
		requests.Add(int64(len(group)))
		seen := map[int]bool{}
		for i, in := range group {
			if seen[in[0]] {
				t.Errorf("key %d is in one group twice", in[0])
			}
			seen[in[0]] = true
			out[i] = batch.Result[int]{Value: in[1]}
		}
		time.Sleep(100 * time.Microsecond)
	})
	const n = 2000
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if out, err := g.Do(t.Context(), time.Time{}, i%7, [2]int{i % 7, i}); err != nil || out != i {
				t.Errorf("request %d got the answer of %d (%v)", i, out, err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, n, requests.Load(), "each request is run once")
	require.Less(t, groups.Load(), int64(n), "and not one by one")
	require.GreaterOrEqual(t, groups.Load(), int64(n/7))
}

func TestRequestsOfOneKeyKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []int
		g := batch.New[string](1, 64, patience, func(_ context.Context, group []int, out []batch.Result[int]) {
			order = append(order, group...)
			time.Sleep(time.Millisecond)
			double(group, out)
		})
		for i := range 20 {
			go func() { _, _ = g.Do(t.Context(), time.Time{}, "one", i) }()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i, n := range order {
			require.Equal(t, i, n)
		}
		require.Len(t, order, 20)
	})
}

// answered runs many requests at once and returns their errors; it fails when
// one of them is never answered.
func answered(t *testing.T, g *batch.Batcher[int, int, int], n int) []error {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = g.Do(t.Context(), time.Time{}, i, i) })
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("somebody was never answered")
	}
	return errs
}

func TestAPanicAnswersEverybodyAndTheNextGroupGoesOn(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	g := batch.New[int](2, 4, patience, func(_ context.Context, group []int, out []batch.Result[int]) {
		if broken.Load() {
			panic("bug")
		}
		double(group, out)
	})
	for _, err := range answered(t, g, 50) {
		require.ErrorContains(t, err, "bug")
	}
	broken.Store(false)
	for _, err := range answered(t, g, 50) {
		require.NoError(t, err)
	}
}

func TestAResultThatIsNotSetIsAnError(t *testing.T) {
	g := batch.New[int](2, 4, patience, func(_ context.Context, group []int, out []batch.Result[int]) {
		for i, n := range group {
			if n%2 == 0 {
				out[i] = batch.Result[int]{Value: 2 * n}
			}
		}
	})
	for range 2 { // the second time in memory that is used again
		for i, err := range answered(t, g, 50) {
			require.Equal(t, i%2 == 1, err != nil)
		}
	}
}

func TestTheErrorOfAGroupIsEverybodysError(t *testing.T) {
	down := errors.New("down")
	g := batch.New[int](1, 4, patience, func(_ context.Context, _ []int, out []batch.Result[int]) {
		batch.Fail(out, down)
	})
	for _, err := range answered(t, g, 20) {
		require.ErrorIs(t, err, down)
	}
}

func TestACallerWhoLeavesTakesNobodyAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []int
		g := batch.New[int](1, 64, patience, func(ctx context.Context, group []int, out []batch.Result[int]) {
			time.Sleep(time.Second)
			if ctx.Err() != nil {
				batch.Fail(out, ctx.Err())
				return
			}
			ran = append(ran, group...)
			double(group, out)
		})
		leaving, leave := context.WithCancel(t.Context())
		errs := make([]error, 4)
		for i := range errs {
			ctx := t.Context()
			if i == 0 || i == 2 { // the one whose call started the worker, and one who waits in line
				ctx = leaving
			}
			go func() { _, errs[i] = g.Do(ctx, time.Time{}, i, i) }()
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		require.ErrorIs(t, errs[0], context.Canceled, "who leaves is answered at once")
		require.ErrorIs(t, errs[2], context.Canceled)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.NoError(t, errs[1])
		require.NoError(t, errs[3])
		require.Equal(t, []int{0, 1, 3}, ran, "what had begun takes effect all the same; what nobody waits for is not begun")
	})
}

func TestWhoHasWaitedTooLongIsToldAndNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []int
		g := batch.New[int](1, 2, patience, func(_ context.Context, group []int, out []batch.Result[int]) {
			time.Sleep(3 * time.Second) // the database hangs
			ran = append(ran, group...)
			double(group, out)
		})
		var took [8]time.Duration
		errs := make([]error, len(took))
		for i := range took {
			go func() {
				started := time.Now()
				_, errs[i] = g.Do(t.Context(), time.Time{}, i, i)
				took[i] = time.Since(started)
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		// The first goes alone, then two, then those who have waited for 6 s.
		for i := range took {
			if i < 3 {
				require.NoError(t, errs[i])
				continue
			}
			require.ErrorIs(t, errs[i], batch.ErrBusy)
			require.Equal(t, 6*time.Second, took[i])
		}
		require.Equal(t, []int{0, 1, 2}, ran)
	})
}

func TestWhoseDeadlinePassesIsToldAtThatMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []int
		g := batch.New[int](1, 64, patience, func(_ context.Context, group []int, out []batch.Result[int]) {
			time.Sleep(3 * time.Second)
			ran = append(ran, group...)
			double(group, out)
		})
		// Twice: what a caller has left behind must not reach the next one.
		for range 2 {
			ran = nil
			var wg sync.WaitGroup
			for i, allowed := range []time.Duration{2 * time.Second, 4 * time.Second, 10 * time.Second} {
				wg.Go(func() {
					began := time.Now()
					out, err := g.Do(t.Context(), began.Add(allowed), i, i)
					if i < 2 {
						assert.ErrorIs(t, err, context.DeadlineExceeded)
						assert.Equal(t, allowed, time.Since(began))
						return
					}
					assert.NoError(t, err)
					assert.Equal(t, 2*i, out)
				})
				synctest.Wait()
			}
			wg.Wait()
			require.Equal(t, []int{0, 1, 2}, ran, "what has begun takes effect all the same")
		}
	})
}

func TestAGroupSeesNoCallersDeadline(t *testing.T) {
	g := batch.New[int](1, 4, patience, func(ctx context.Context, group []int, out []batch.Result[int]) {
		_, has := ctx.Deadline()
		require.False(t, has)
		double(group, out)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := g.Do(ctx, time.Time{}, 1, 21)
	require.NoError(t, err)
	require.Equal(t, 42, out)
}

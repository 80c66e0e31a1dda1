package batch_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/store/batch"
)

// double answers each request with twice its number.
// patience is how long a request may wait for its turn.
const patience = 5 * time.Second

func double(group []int) []batch.Result[int] {
	out := make([]batch.Result[int], len(group))
	for i, n := range group {
		out[i].Value = 2 * n
	}
	return out
}

func TestARequestThatComesAloneWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := batch.New[int](2, 64, patience, func(_ context.Context, group []int) []batch.Result[int] {
			require.Len(t, group, 1)
			time.Sleep(time.Millisecond) // the statement itself
			return double(group)
		})
		for i := range 10 {
			began := time.Now()
			out, err := g.Do(t.Context(), i, i)
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
		g := batch.New[int](2, 8, patience, func(_ context.Context, group []int) []batch.Result[int] {
			mu.Lock()
			sizes = append(sizes, len(group))
			mu.Unlock()
			time.Sleep(time.Millisecond)
			return double(group)
		})
		ask := func(i int) {
			go func() {
				out, err := g.Do(t.Context(), i, i)
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
	g := batch.New[int](2, 64, patience, func(_ context.Context, group [][2]int) []batch.Result[int] {
		groups.Add(1)
		requests.Add(int64(len(group)))
		seen := map[int]bool{}
		out := make([]batch.Result[int], len(group))
		for i, in := range group {
			if seen[in[0]] {
				t.Errorf("key %d is in one group twice", in[0])
			}
			seen[in[0]] = true
			out[i].Value = in[1]
		}
		time.Sleep(100 * time.Microsecond)
		return out
	})
	const n = 2000
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if out, err := g.Do(t.Context(), i%7, [2]int{i % 7, i}); err != nil || out != i {
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
		g := batch.New[string](1, 64, patience, func(_ context.Context, group []int) []batch.Result[int] {
			order = append(order, group...)
			time.Sleep(time.Millisecond)
			return double(group)
		})
		for i := range 20 {
			go func() { _, _ = g.Do(t.Context(), "one", i) }()
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
		wg.Go(func() { _, errs[i] = g.Do(t.Context(), i, i) })
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
	g := batch.New[int](2, 4, patience, func(_ context.Context, group []int) []batch.Result[int] {
		if broken.Load() {
			panic("bug")
		}
		return double(group)
	})
	for _, err := range answered(t, g, 50) {
		require.ErrorContains(t, err, "bug")
	}
	broken.Store(false)
	for _, err := range answered(t, g, 50) {
		require.NoError(t, err)
	}
}

func TestShortOrLongResultsAnswerEverybodyWithAnError(t *testing.T) {
	for _, size := range []int{-1, +1} {
		g := batch.New[int](2, 4, patience, func(_ context.Context, group []int) []batch.Result[int] {
			return make([]batch.Result[int], len(group)+size)
		})
		for _, err := range answered(t, g, 50) {
			require.Error(t, err, "an answer may belong to somebody else")
		}
	}
}

func TestTheErrorOfAGroupIsEverybodysError(t *testing.T) {
	down := errors.New("down")
	g := batch.New[int](1, 4, patience, func(_ context.Context, group []int) []batch.Result[int] {
		return batch.Fail[int](len(group), down)
	})
	for _, err := range answered(t, g, 20) {
		require.ErrorIs(t, err, down)
	}
}

func TestACallerWhoLeavesTakesNobodyAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []int
		g := batch.New[int](1, 64, patience, func(ctx context.Context, group []int) []batch.Result[int] {
			time.Sleep(time.Second)
			if ctx.Err() != nil {
				return batch.Fail[int](len(group), ctx.Err())
			}
			ran = append(ran, group...)
			return double(group)
		})
		leaving, leave := context.WithCancel(t.Context())
		errs := make([]error, 4)
		for i := range errs {
			ctx := t.Context()
			if i == 0 || i == 2 { // the one whose call started the worker, and one who waits in line
				ctx = leaving
			}
			go func() { _, errs[i] = g.Do(ctx, i, i) }()
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
		g := batch.New[int](1, 2, patience, func(_ context.Context, group []int) []batch.Result[int] {
			time.Sleep(3 * time.Second) // the database hangs
			ran = append(ran, group...)
			return double(group)
		})
		var took [8]time.Duration
		errs := make([]error, len(took))
		for i := range took {
			go func() {
				started := time.Now()
				_, errs[i] = g.Do(t.Context(), i, i)
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

func TestAGroupSeesNoCallersDeadline(t *testing.T) {
	g := batch.New[int](1, 4, patience, func(ctx context.Context, group []int) []batch.Result[int] {
		_, has := ctx.Deadline()
		require.False(t, has)
		return double(group)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := g.Do(ctx, 1, 21)
	require.NoError(t, err)
	require.Equal(t, 42, out)
}

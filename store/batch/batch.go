// Package batch combines requests that arrive while the database is busy, so that
// they share one statement and one commit. The caller provides the function that
// runs a batch.
//
// A single request starts at once. While the maximum number of batches is running,
// further requests wait; when one batch ends, all waiting requests form the next.
package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Result is the result of one request of a batch.
type Result[Out any] struct {
	Value Out
	Err   error
}

// Batcher batches requests of one kind. Two requests with the same key are never in
// one batch, so that a batch does not change a row twice. A Batcher is safe for
// concurrent use.
type Batcher[Key comparable, In, Out any] struct {
	run      func(ctx context.Context, group []In, results []Result[Out])
	limit    int
	largest  int
	patience time.Duration

	mu      sync.Mutex
	running int
	waiting []*request[Key, In, Out]

	requests sync.Pool // of *request that nothing refers to
	groups   sync.Pool // of *group
}

// request is one call of Do. It is used again for another call, unless its caller
// left before the result came.
type request[Key comparable, In, Out any] struct {
	ctx    context.Context //nolint:containedctx // waits in a queue; only its values are used
	key    Key
	in     In
	at     time.Time
	result Result[Out]
	done   chan struct{} // receives one value when result is there
	late   *time.Timer   // at the deadline of Do
}

// group is one batch while it is collected and run.
type group[Key comparable, In, Out any] struct {
	requests []*request[Key, In, Out]
	in       []In
	results  []Result[Out]
	keys     map[Key]struct{}
}

// ErrBusy is returned if a request waited too long for its batch to start.
var ErrBusy = errors.New("batch: the groups before took too long")

// New returns a Batcher that runs at most limit batches at once, each with at most
// largest requests. A request does not start if its caller has gone or if it has
// waited longer than patience: the caller may have repeated it elsewhere, and a late
// request must not take effect after the newer one.
//
// The function run gets a batch in order of arrival and sets one result for each request,
// in the same order. A request whose result it does not set gets an error. It must keep
// neither the batch nor the results. Its context has the values of the first request, such
// as the trace. It is not cancelled when a caller goes, since the other requests of
// the batch must not fail, so run must end by itself.
func New[Key comparable, In, Out any](limit, largest int, patience time.Duration, run func(context.Context, []In, []Result[Out])) *Batcher[Key, In, Out] {
	return &Batcher[Key, In, Out]{run: run, limit: limit, largest: largest, patience: patience}
}

// Do adds a request and returns its result. If ctx ends or the deadline until passes
// first, Do returns the error of ctx or context.DeadlineExceeded; a request that has
// started may still take effect. It returns ErrBusy if the request did not start in
// time. The zero time is no deadline.
//
// The deadline is a parameter because a context with one costs half a kilobyte for
// each request.
func (g *Batcher[Key, In, Out]) Do(ctx context.Context, until time.Time, key Key, in In) (Out, error) {
	r := g.request()
	r.ctx, r.key, r.in, r.at = ctx, key, in, time.Now()
	if !until.IsZero() {
		r.late.Reset(until.Sub(r.at))
	}

	g.mu.Lock()
	g.waiting = append(g.waiting, r)
	if g.running < g.limit {
		g.running++
		go g.work() //nolint:contextcheck // it serves requests of many contexts
	}
	g.mu.Unlock()

	var none Out
	select {
	case <-r.done:
		out, err := r.result.Value, r.result.Err
		r.late.Stop()
		g.release(r)
		return out, err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-r.late.C:
		return none, context.DeadlineExceeded
	}
}

func (g *Batcher[Key, In, Out]) request() *request[Key, In, Out] {
	if r, ok := g.requests.Get().(*request[Key, In, Out]); ok {
		return r
	}
	late := time.NewTimer(time.Hour)
	late.Stop()
	return &request[Key, In, Out]{done: make(chan struct{}, 1), late: late}
}

// release makes a request available for another call, without what it held.
func (g *Batcher[Key, In, Out]) release(r *request[Key, In, Out]) {
	*r = request[Key, In, Out]{done: r.done, late: r.late}
	g.requests.Put(r)
}

// answer hands a request its result. The caller of Do owns it from then on.
func (r *request[Key, In, Out]) answer(result Result[Out]) {
	r.result = result
	r.done <- struct{}{}
}

// work runs batches until no request waits.
func (g *Batcher[Key, In, Out]) work() {
	next, ok := g.groups.Get().(*group[Key, In, Out])
	if !ok {
		next = &group[Key, In, Out]{keys: make(map[Key]struct{}, g.largest)}
	}
	for g.fill(next) {
		ctx := context.WithoutCancel(next.requests[0].ctx)
		g.safely(ctx, next.in, next.results)
		for i, r := range next.requests {
			r.answer(next.results[i])
		}
		next.clear()
	}
	g.groups.Put(next)
}

// fill takes the requests of the next batch. If there are none, the worker ends.
func (g *Batcher[Key, In, Out]) fill(next *group[Key, In, Out]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	later := g.waiting[:0]
	for _, r := range g.waiting {
		switch {
		case r.ctx.Err() != nil:
			continue
		case time.Since(r.at) > g.patience:
			r.answer(Result[Out]{Err: ErrBusy})
			continue
		}
		if _, twice := next.keys[r.key]; twice || len(next.requests) == g.largest {
			later = append(later, r)
			continue
		}
		next.keys[r.key] = struct{}{}
		next.requests = append(next.requests, r)
		next.in = append(next.in, r.in)
		next.results = append(next.results, Result[Out]{Err: errUnanswered})
	}
	clear(g.waiting[len(later):])
	g.waiting = later
	if len(next.requests) == 0 {
		g.running--
		return false
	}
	return true
}

// clear empties a group, so that it keeps nothing of its requests alive.
func (b *group[Key, In, Out]) clear() {
	clear(b.requests)
	clear(b.in)
	clear(b.results)
	clear(b.keys)
	b.requests, b.in, b.results = b.requests[:0], b.in[:0], b.results[:0]
}

// errUnanswered reports a bug in a run function.
var errUnanswered = errors.New("batch: the group set no result for this request")

// safely runs a batch. If run panics, every request gets an error.
func (g *Batcher[Key, In, Out]) safely(ctx context.Context, in []In, results []Result[Out]) {
	defer func() {
		if p := recover(); p != nil {
			Fail(results, fmt.Errorf("batch: panic: %v\n%s", p, debug.Stack()))
		}
	}()
	g.run(ctx, in, results)
}

// Fail sets all results to the error err, for a run function whose whole batch failed.
func Fail[Out any](results []Result[Out], err error) {
	for i := range results {
		results[i] = Result[Out]{Err: err}
	}
}

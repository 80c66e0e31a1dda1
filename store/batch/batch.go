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
	run      func(ctx context.Context, group []In) []Result[Out]
	limit    int
	largest  int
	patience time.Duration

	mu      sync.Mutex
	running int
	waiting []*request[Key, In, Out]
}

type request[Key comparable, In, Out any] struct {
	ctx  context.Context //nolint:containedctx // waits in a queue; only its values are used
	key  Key
	in   In
	at   time.Time
	done chan Result[Out]
}

// ErrBusy is returned if a request waited too long for its batch to start.
var ErrBusy = errors.New("batch: the groups before took too long")

// New returns a Batcher that runs at most limit batches at once, each with at most
// largest requests. A request does not start if its caller has gone or if it has
// waited longer than patience: the caller may have repeated it elsewhere, and a late
// request must not take effect after the newer one.
//
// The function run gets a batch in order of arrival and returns one result for each
// request, in the same order. Its context has the values of the first request, such
// as the trace. It is not cancelled when a caller goes, since the other requests of
// the batch must not fail, so run must end by itself.
func New[Key comparable, In, Out any](limit, largest int, patience time.Duration, run func(context.Context, []In) []Result[Out]) *Batcher[Key, In, Out] {
	return &Batcher[Key, In, Out]{run: run, limit: limit, largest: largest, patience: patience}
}

// Do adds a request and returns its result. If ctx ends first, Do returns the error
// of ctx; a request that has started may still take effect. It returns ErrBusy if the
// request did not start in time.
func (g *Batcher[Key, In, Out]) Do(ctx context.Context, key Key, in In) (Out, error) {
	r := &request[Key, In, Out]{ctx: ctx, key: key, in: in, at: time.Now(), done: make(chan Result[Out], 1)}

	g.mu.Lock()
	g.waiting = append(g.waiting, r)
	if g.running < g.limit {
		g.running++
		go g.work() //nolint:contextcheck // it serves requests of many contexts
	}
	g.mu.Unlock()

	select {
	case res := <-r.done:
		return res.Value, res.Err
	case <-ctx.Done():
		var none Out
		return none, ctx.Err()
	}
}

// work runs batches until no request waits.
func (g *Batcher[Key, In, Out]) work() {
	for {
		group := g.next()
		if len(group) == 0 {
			return
		}
		in := make([]In, len(group))
		for i, r := range group {
			in[i] = r.in
		}
		for i, res := range g.safely(context.WithoutCancel(group[0].ctx), in) {
			group[i].done <- res
		}
	}
}

// next takes the requests of the next batch. If there are none, the worker ends.
func (g *Batcher[Key, In, Out]) next() []*request[Key, In, Out] {
	g.mu.Lock()
	defer g.mu.Unlock()
	var group, later []*request[Key, In, Out]
	taken := make(map[Key]struct{}, len(g.waiting))
	for _, r := range g.waiting {
		switch {
		case r.ctx.Err() != nil:
			continue
		case time.Since(r.at) > g.patience:
			r.done <- Result[Out]{Err: ErrBusy}
			continue
		}
		if _, twice := taken[r.key]; twice || len(group) == g.largest {
			later = append(later, r)
			continue
		}
		taken[r.key] = struct{}{}
		group = append(group, r)
	}
	g.waiting = later
	if len(group) == 0 {
		g.running--
	}
	return group
}

// errShort reports a bug in a run function. It is an error so that no caller
// waits for ever.
var errShort = errors.New("batch: the group returned fewer results than it had requests")

// safely runs a batch and returns a result for each request, even if run panics.
func (g *Batcher[Key, In, Out]) safely(ctx context.Context, in []In) (out []Result[Out]) {
	defer func() {
		if p := recover(); p != nil {
			out = Fail[Out](len(in), fmt.Errorf("batch: panic: %v\n%s", p, debug.Stack()))
		}
	}()
	out = g.run(ctx, in)
	if len(out) != len(in) {
		return Fail[Out](len(in), errShort)
	}
	return out
}

// Fail returns n results with the error err, for a run function whose whole batch
// failed.
func Fail[Out any](n int, err error) []Result[Out] {
	out := make([]Result[Out], n)
	for i := range out {
		out[i].Err = err
	}
	return out
}

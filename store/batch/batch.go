// Package batch lets requests that arrive while the database is busy share
// the next statement and its commit. It owns the waiting and nothing else: what
// a group does is the caller's function.
//
// A request that comes alone starts at once and does not wait. While as many
// groups as allowed are under way, the next requests gather; as soon as one
// group is done, all that have gathered go together.
package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Result is the outcome of one request of a group.
type Result[Out any] struct {
	Value Out
	Err   error
}

// Batcher groups requests of one kind. No two requests of one key are in the
// same group, so that a group never meets itself on a row.
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

// ErrBusy says that a request waited for its turn for longer than it may.
var ErrBusy = errors.New("batch: the groups before took too long")

// New returns a batcher that runs at most limit groups at once, of at most
// largest requests each. A request whose caller has left, or that has waited for
// longer than patience, is not begun any more: its caller may have asked again
// elsewhere, and an old wish that is granted late would overtake the new one. The function run gets a group in order of arrival and
// returns one result for each, in the same order. Its context has the values of
// the first request (the trace that the statement belongs to) and is never
// cancelled by a caller: one who leaves must not take the others along. It must
// end by itself.
func New[Key comparable, In, Out any](limit, largest int, patience time.Duration, run func(context.Context, []In) []Result[Out]) *Batcher[Key, In, Out] {
	return &Batcher[Key, In, Out]{run: run, limit: limit, largest: largest, patience: patience}
}

// Do adds a request and returns its result. When ctx ends first, Do returns the
// context's error; the request may still take effect if it has begun. The error
// of one that did not begin in time is ErrBusy.
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

// next takes the requests of the next group; none means that the worker ends.
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

// safely runs a group and answers every request of it, also when run panics.
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

// Fail returns n results that all carry err: what a run function returns when
// the whole group failed.
func Fail[Out any](n int, err error) []Result[Out] {
	out := make([]Result[Out], n)
	for i := range out {
		out[i].Err = err
	}
	return out
}

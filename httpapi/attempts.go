package httpapi

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// trackedClients bounds the memory; the one longest silent is forgotten.
const trackedClients = 1 << 16

// waitForOutcome is how long an attempt may wait for those under way.
const waitForOutcome = 5 * time.Second

// attempts limits the failed attempts of each client, identified by a K, with a token
// bucket. An attempt takes a token when it begins and returns it when it succeeds. So
// any number of attempts may succeed, and at most the burst may be in progress at
// once. It is safe for concurrent use.
type attempts[K comparable] struct {
	perSecond, burst float64
	now              func() time.Time

	mu      sync.Mutex
	clients *simplelru.LRU[K, *bucket]
}

// bucket holds the tokens of one client.
type bucket struct {
	tokens   float64
	at       time.Time // when tokens was right
	underWay int
	waiting  []chan turn // in the order in which they came
}

// turn is what an attempt that waited is told: that it has a token, or the problem for
// which it has none.
type turn struct{ refused error }

func newAttempts[K comparable](perSecond, burst float64, now func() time.Time) *attempts[K] {
	clients, err := simplelru.NewLRU[K, *bucket](trackedClients, nil)
	if err != nil {
		panic(err) // of a size that is not positive
	}
	return &attempts[K]{perSecond: perSecond, burst: burst, now: now, clients: clients}
}

// begin takes a token and returns a function that the caller must call once with the
// outcome. If there is no token, it waits while attempts are in progress, since each
// may return its token. The error is the problem rate_limited, with the time until a
// token is available, or that of ctx.
func (a *attempts[K]) begin(ctx context.Context, client K) (done func(failed bool), err error) {
	b, wait, err := a.take(client)
	if err != nil {
		return nil, err
	}
	if wait != nil {
		if err := a.await(ctx, client, b, wait); err != nil {
			return nil, err
		}
	}
	return func(failed bool) { a.finish(client, b, failed) }, nil
}

// take takes a token of a client. Otherwise it returns a channel to wait at, or an
// error.
func (a *attempts[K]) take(client K) (b *bucket, wait chan turn, refused error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b = a.bucket(client)
	switch {
	case a.free(b) && len(b.waiting) == 0:
		b.tokens--
		b.underWay++
		return b, nil, nil
	case b.underWay > 0:
		wait = make(chan turn, 1)
		b.waiting = append(b.waiting, wait)
		return b, wait, nil
	}
	return nil, nil, a.refusal(b)
}

// await waits for a token.
func (a *attempts[K]) await(ctx context.Context, client K, b *bucket, wait chan turn) error {
	late := time.NewTimer(waitForOutcome)
	defer late.Stop()
	var err error
	select {
	case got := <-wait:
		return got.refused
	case <-late.C:
		err = tooMany(time.Second)
	case <-ctx.Done():
		err = ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(b.waiting, wait); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
		return err
	}
	// The turn came at the same moment.
	if got := <-wait; got.refused == nil {
		a.giveBack(client, b, false)
	}
	return err
}

// bucket returns the bucket of a client, with what it has earned by now.
func (a *attempts[K]) bucket(client K) *bucket {
	now := a.now()
	b, tracked := a.clients.Get(client)
	if !tracked {
		b = &bucket{tokens: a.burst, at: now}
		a.clients.Add(client, b)
	}
	a.earn(b, now)
	return b
}

func (a *attempts[K]) earn(b *bucket, now time.Time) {
	if earned := now.Sub(b.at).Seconds() * a.perSecond; earned > 0 {
		b.tokens, b.at = min(a.burst, b.tokens+earned), now
	}
}

// free reports whether an attempt may begin. What has been earned while the burst is in
// progress has to wait: no more than the burst is in progress at once.
func (a *attempts[K]) free(b *bucket) bool {
	return b.tokens >= 1 && float64(b.underWay) < max(a.burst, 1)
}

func (a *attempts[K]) refusal(b *bucket) error {
	return tooMany(time.Duration((1 - b.tokens) / a.perSecond * float64(time.Second)))
}

// finish returns the token of a successful attempt.
func (a *attempts[K]) finish(client K, b *bucket, failed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.giveBack(client, b, failed)
}

// giveBack is finish with the lock held. As many of those who wait get a turn as there
// are tokens; to wake all of them for one token would cost more than the attempts.
func (a *attempts[K]) giveBack(client K, b *bucket, failed bool) {
	b.underWay--
	if !failed {
		b.tokens = min(a.burst, b.tokens+1)
	}
	if len(b.waiting) > 0 {
		a.earn(b, a.now())
	}
	for len(b.waiting) > 0 && (a.free(b) || b.underWay == 0) {
		var next turn
		if a.free(b) {
			b.tokens--
			b.underWay++
		} else {
			next.refused = a.refusal(b)
		}
		b.waiting[0] <- next
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
	if b.underWay == 0 && b.tokens >= a.burst {
		// Of a client that does not fail nothing is kept.
		if kept, _ := a.clients.Peek(client); kept == b {
			a.clients.Remove(client)
		}
	}
}

// count takes a token for good. The error is that of begin.
func (a *attempts[K]) count(client K) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.bucket(client)
	if b.tokens < 1 {
		return a.refusal(b)
	}
	b.tokens--
	return nil
}

func tooMany(retryAfter time.Duration) *problem {
	p := newProblem(codeRateLimited, nil)
	p.retryAfter = retryAfter
	return p
}

// network returns the network of a client: its address in IPv4, its /64 in IPv6, of
// which one client has all addresses.
func network(ip string) netip.Prefix {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

package httpapi

import (
	"context"
	"net/netip"
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
	outcome  chan struct{} // closed at the next outcome; nil: nothing waits
}

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
	var late <-chan time.Time
	for {
		b, wait, refused := a.take(client)
		switch {
		case refused != nil:
			return nil, refused
		case wait == nil:
			return func(failed bool) { a.finish(client, b, failed) }, nil
		}
		if late == nil {
			timer := time.NewTimer(waitForOutcome)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-wait:
		case <-late:
			return nil, tooMany(time.Second)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take takes a token of a client. Otherwise it returns a channel to wait for, or an
// error.
func (a *attempts[K]) take(client K) (b *bucket, wait <-chan struct{}, refused error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	b, tracked := a.clients.Get(client)
	if !tracked {
		b = &bucket{tokens: a.burst, at: now}
		a.clients.Add(client, b)
	}
	if earned := now.Sub(b.at).Seconds() * a.perSecond; earned > 0 {
		b.tokens, b.at = min(a.burst, b.tokens+earned), now
	}
	switch {
	case b.tokens >= 1:
		b.tokens--
		b.underWay++
		return b, nil, nil
	case b.underWay > 0:
		if b.outcome == nil {
			b.outcome = make(chan struct{})
		}
		return b, b.outcome, nil
	}
	return nil, nil, tooMany(time.Duration((1 - b.tokens) / a.perSecond * float64(time.Second)))
}

// finish returns the token of a successful attempt.
func (a *attempts[K]) finish(client K, b *bucket, failed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.underWay--
	if !failed {
		b.tokens = min(a.burst, b.tokens+1)
	}
	if b.outcome != nil {
		close(b.outcome)
		b.outcome = nil
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
	b, _, refused := a.take(client)
	if refused == nil {
		a.finish(client, b, true)
	}
	return refused
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

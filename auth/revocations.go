package auth

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// overlap bounds how far revocation times can be out of order, since transactions
// commit out of order. Each read starts that long before the newest known
// revocation, and each revocation is kept that much longer.
const overlap = 30 * time.Second

// Revocations is the in-memory set of ended sessions whose access tokens may still
// be valid. It makes stateless tokens revocable: every check of a token looks it
// up. It follows the database by notifications and by polling. It implements
// verify.Revocations and is safe for concurrent use. The nil *Revocations is
// empty.
type Revocations struct {
	ttl   atomic.Int64 // the longest of access tokens, a time.Duration
	clock *Clock
	log   *slog.Logger

	mu       sync.RWMutex
	set      revocationSet
	news     news
	syncedAt time.Time     // by this machine, with its monotonic reading
	changed  chan struct{} // closed when the set grows
	known    chan struct{} // closed when the database has been read once

	wake chan struct{}
}

// NewRevocations returns an empty set for access tokens with the lifetime ttl. It
// is incomplete until Run has read the database once. Run measures the clock
// before each read.
func NewRevocations(ttl time.Duration, clock *Clock, log *slog.Logger) *Revocations {
	r := &Revocations{
		clock: clock, log: log, set: newRevocationSet(), news: newNews(),
		changed: make(chan struct{}), known: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	r.Lengthen(ttl)
	return r
}

// Lengthen states that access tokens issued from now on may live for ttl. A ttl
// shorter than an earlier one has no effect: tokens issued before are still valid.
func (r *Revocations) Lengthen(ttl time.Duration) {
	for {
		before := r.ttl.Load()
		if int64(ttl) <= before || r.ttl.CompareAndSwap(before, int64(ttl)) {
			return
		}
	}
}

// TTL returns the longest lifetime of an access token.
func (r *Revocations) TTL() time.Duration { return time.Duration(r.ttl.Load()) }

// Known returns a channel that is closed once the database has been read. Before
// that, a token of an ended session is indistinguishable from a valid one.
func (r *Revocations) Known() <-chan struct{} { return r.known }

// Ready returns nil once Known is closed, and users.ErrUnavailable before. Then the
// clock is known too.
func (r *Revocations) Ready() error {
	if r == nil {
		return nil
	}
	select {
	case <-r.known:
		return nil
	default:
		return fmt.Errorf("%w: the revocations have not been read yet", users.ErrUnavailable)
	}
}

// Revoked reports whether a session has ended. An id that is not a UUID was not
// issued by this service and is reported as ended.
func (r *Revocations) Revoked(sessionID string) bool {
	if r == nil {
		return false
	}
	id, err := uuid.Parse(sessionID)
	if err != nil {
		return true
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.set.has(id)
}

// RevocationReason returns why a session ended, as [Reason.Told] returns it, or ""
// if it has not ended.
func (r *Revocations) RevocationReason(sessionID string) string {
	id, err := uuid.Parse(sessionID)
	if err != nil {
		return ""
	}
	return r.Reason(id).Told()
}

// Reason returns why a session ended, or "" if it has not ended or the reason is not
// known.
func (r *Revocations) Reason(sessionID uuid.UUID) Reason {
	if r == nil {
		return ""
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.set.reason(sessionID)
}

// Add adds sessions that ended at a time for a reason.
func (r *Revocations) Add(at time.Time, why Reason, ids ...uuid.UUID) {
	if r == nil || len(ids) == 0 {
		return
	}
	list := make([]Revocation, len(ids))
	for i, id := range ids {
		list[i] = Revocation{SessionID: id, RevokedAt: at, Reason: why}
	}
	r.add(list)
}

// AddEnded adds sessions that a login ended.
func (r *Revocations) AddEnded(at time.Time, ended []Ended) {
	for _, x := range ended {
		r.Add(at, x.Reason, x.SessionID)
	}
}

// add adds new revocations and removes those that no valid token can name.
func (r *Revocations) add(list []Revocation) {
	oldest := r.oldest()
	r.mu.Lock()
	defer r.mu.Unlock()
	grown := false
	for _, x := range list {
		if x := compact(x); r.set.add(x) {
			grown = true
			r.news.learn(x)
		}
	}
	r.news.settle(&r.set, oldest, r.life())
	r.set.forget(oldest.UnixMicro())
	if grown {
		close(r.changed)
		r.changed = make(chan struct{})
	}
}

// life is how long a revocation is kept. A refresh that preceded it may have read
// its clock later.
func (r *Revocations) life() time.Duration { return r.TTL() + overlap }

// oldest returns the time of the oldest revocation that is kept, inclusive, in
// whole microseconds.
func (r *Revocations) oldest() time.Time {
	return r.clock.Now().Add(-r.life()).Truncate(time.Microsecond)
}

// Synced returns the time up to which revocations are known, by this machine's
// clock, so that time.Since returns the age of the set. It returns the zero time
// before the first read.
func (r *Revocations) Synced() time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.syncedAt
}

// Size returns the number of revocations in the set.
func (r *Revocations) Size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.set.size()
}

// ExpiresAt returns when the last access token of a revoked session expires.
func (r *Revocations) ExpiresAt(x Revocation) time.Time { return x.RevokedAt.Add(r.TTL()) }

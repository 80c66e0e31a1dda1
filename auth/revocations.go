package auth

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// overlap is how far times can be out of order, for commits are. Each read goes
// back by it behind the newest revocation that is known, and each revocation is
// kept for that much longer.
const overlap = 30 * time.Second

// Revocations remembers the sessions that were ended while access tokens of
// theirs may still be alive. It makes stateless tokens revocable: it is asked
// for every token, answers from memory, and follows the database by
// notification and by polling. It implements verify.Revocations. The nil
// *Revocations knows of none.
type Revocations struct {
	ttl   time.Duration // of access tokens
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

// NewRevocations returns an empty memory for access tokens that live ttl. It
// knows nothing until Run has read the database once; Run measures the clock
// before each read.
func NewRevocations(ttl time.Duration, clock *Clock, log *slog.Logger) *Revocations {
	return &Revocations{
		ttl: ttl, clock: clock, log: log, set: newRevocationSet(), news: newNews(),
		changed: make(chan struct{}), known: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// Known is closed once the database has been read. Before that a token of an
// ended session cannot be told from a good one.
func (r *Revocations) Known() <-chan struct{} { return r.known }

// Ready returns nil once Known is closed, and users.ErrUnavailable before. The
// clock is known then, too.
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

// Revoked reports whether a session has been ended. An id that is no UUID is none
// of ours and counts as ended.
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

// RevocationReason returns why a session was ended, as Reason.Told says it; "" where
// it was not.
func (r *Revocations) RevocationReason(sessionID string) string {
	if r == nil {
		return ""
	}
	id, err := uuid.Parse(sessionID)
	if err != nil {
		return ""
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.set.reason(id).Told()
}

// Add remembers sessions that were ended at a time for a reason.
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

// AddEnded remembers sessions that a login ended.
func (r *Revocations) AddEnded(at time.Time, ended []Ended) {
	for _, x := range ended {
		r.Add(at, x.Reason, x.SessionID)
	}
}

// add takes in what is new and forgets what no living token can name.
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

// life is how long a revocation is remembered. A refresh that came before it may
// have read its clock later.
func (r *Revocations) life() time.Duration { return r.ttl + overlap }

// oldest is when the oldest revocation that counts was; in whole microseconds, for
// a revocation of that very moment counts.
func (r *Revocations) oldest() time.Time {
	return r.clock.Now().Add(-r.life()).Truncate(time.Microsecond)
}

// Synced returns since when revocations may be unknown here: the moment that the
// last read shows, by this machine's clock, so that time.Since tells its age. The
// zero time means that there was none.
func (r *Revocations) Synced() time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.syncedAt
}

// Size returns how many revocations are remembered.
func (r *Revocations) Size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.set.size()
}

// ExpiresAt returns when the last access token of a revoked session is dead.
func (r *Revocations) ExpiresAt(x Revocation) time.Time { return x.RevokedAt.Add(r.ttl) }

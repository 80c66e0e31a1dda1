package auth

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

const (
	// pollEvery bounds how long a revocation can go unnoticed where
	// notifications do not arrive.
	pollEvery = 500 * time.Millisecond
	// restBetween is the pause after a read that a notification caused, however
	// many more come.
	restBetween = 100 * time.Millisecond
	// overlap is how far times can be out of order: commits are, and the clocks
	// of pods differ. Each read goes back by it behind the newest revocation that
	// is known, and each revocation is kept for that much longer.
	overlap = 30 * time.Second
	// wideOverlap is how far a read goes back where that is no more than
	// fewRows, for clocks that are badly wrong. resyncEvery helps the others.
	wideOverlap = 5 * time.Minute
	fewRows     = 1000
	// resyncEvery is how often everything is read again, whatever went wrong;
	// one that failed is tried again after retryResync.
	resyncEvery = 5 * time.Minute
	retryResync = 30 * time.Second
	// pageRows is how many revocations one statement reads.
	pageRows = 5000
	// relisten is the pause before a lost notification channel is tried again.
	relisten = time.Second
)

// Revocations remembers the sessions that were ended while access tokens of
// theirs may still be alive. It makes stateless tokens revocable: it is asked
// for every token, answers from memory, and follows the database by
// notification and by polling. It implements verify.Revocations. The nil
// *Revocations knows of none.
type Revocations struct {
	ttl time.Duration // of access tokens
	now func() time.Time
	log *slog.Logger

	mu       sync.RWMutex
	byID     map[uuid.UUID]time.Time
	list     []Revocation // by time, oldest first
	news     news
	syncedAt time.Time
	changed  chan struct{} // closed when the set grows
	known    chan struct{} // closed when the database has been read once

	wake chan struct{}
}

// RevocationSource is the part of a Store that tells of revocations.
type RevocationSource interface {
	RevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]Revocation, error)
	WatchRevocations(ctx context.Context, woken func()) error
}

// NewRevocations makes an empty memory for access tokens that live ttl. It
// knows nothing until Run has read the database once.
func NewRevocations(ttl time.Duration, now func() time.Time, log *slog.Logger) *Revocations {
	return &Revocations{
		ttl: ttl, now: now, log: log, byID: map[uuid.UUID]time.Time{}, news: newNews(),
		changed: make(chan struct{}), known: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// Known is closed once the database has been read. Before that nobody can tell
// a token of an ended session from a good one.
func (r *Revocations) Known() <-chan struct{} { return r.known }

// Ready returns nil once Known is closed, and users.ErrUnavailable before.
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

// Revoked tells whether a session has been ended. An id that is no UUID is none
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
	_, revoked := r.byID[id]
	return revoked
}

// Add remembers sessions that were ended at a time.
func (r *Revocations) Add(at time.Time, ids ...uuid.UUID) {
	if r == nil || len(ids) == 0 {
		return
	}
	list := make([]Revocation, len(ids))
	for i, id := range ids {
		list[i] = Revocation{SessionID: id, RevokedAt: at}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(list)
}

// add takes in what is new and forgets what no living token can name.
func (r *Revocations) add(list []Revocation) {
	grown := false
	for _, x := range list {
		if _, known := r.byID[x.SessionID]; known {
			continue
		}
		grown = true
		r.byID[x.SessionID] = x.RevokedAt
		at, _ := slices.BinarySearchFunc(r.list, x, func(a, b Revocation) int {
			if a.RevokedAt.After(b.RevokedAt) {
				return 1
			}
			return -1 // behind its equals
		})
		r.list = slices.Insert(r.list, at, x)
		r.news.learn(x)
	}
	oldest := r.oldest()
	r.news.settle(r.list, oldest, r.life())
	dead := 0
	for dead < len(r.list) && r.list[dead].RevokedAt.Before(oldest) {
		delete(r.byID, r.list[dead].SessionID)
		dead++
	}
	r.list = slices.Delete(r.list, 0, dead)
	if grown {
		close(r.changed)
		r.changed = make(chan struct{})
	}
}

// life is how long a revocation is remembered. A refresh that came before it may
// have read its clock, or another pod's, later.
func (r *Revocations) life() time.Duration { return r.ttl + overlap }

func (r *Revocations) oldest() time.Time { return r.now().Add(-r.life()) }

// Run follows the database until ctx ends.
func (r *Revocations) Run(ctx context.Context, source RevocationSource) {
	var wg sync.WaitGroup
	wg.Go(func() { r.listen(ctx, source) })
	defer wg.Wait()

	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var resyncAt time.Time
	healthy, woken := true, false
	for {
		err := r.follow(ctx, source, &resyncAt)
		switch {
		case err == nil:
			if !healthy {
				r.log.InfoContext(ctx, "revocations are read again")
			}
			healthy = true
		case ctx.Err() == nil && healthy:
			healthy = false
			r.log.WarnContext(ctx, "revocations cannot be read: sessions ended by other pods stay unnoticed until the database answers", "error", err)
		}
		if woken && !rest(ctx) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
			woken = true
		case <-tick.C:
			woken = false
		}
	}
}

// rest waits restBetween; it reports whether ctx goes on.
func rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(restBetween):
		return true
	}
}

// follow reads everything where that is due, else what is new. What is new is
// read also where everything could not be.
func (r *Revocations) follow(ctx context.Context, source RevocationSource, resyncAt *time.Time) error {
	now := r.now()
	if now.Before(*resyncAt) {
		return r.Sync(ctx, source, r.recent())
	}
	err := r.Sync(ctx, source, r.oldest())
	switch {
	case err == nil:
		*resyncAt = now.Add(resyncEvery)
	case r.Ready() == nil:
		*resyncAt = now.Add(retryResync)
		err = r.Sync(ctx, source, r.recent())
	}
	return err
}

// recent is from when on revocations may not be known: a while before the newest
// one that is. One from the future (a clock that is ahead) does not count.
func (r *Revocations) recent() time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	at := r.now()
	if n := len(r.list); n > 0 && r.list[n-1].RevokedAt.Before(at) {
		at = r.list[n-1].RevokedAt
	}
	wide := at.Add(-wideOverlap)
	if n := len(r.list); n > fewRows && r.list[n-fewRows].RevokedAt.After(wide) {
		wide = r.list[n-fewRows].RevokedAt
	}
	if at = at.Add(-overlap); wide.Before(at) {
		at = wide
	}
	if oldest := r.oldest(); at.Before(oldest) {
		at = oldest
	}
	return at
}

// Sync reads the revocations since a time once.
func (r *Revocations) Sync(ctx context.Context, source RevocationSource, since time.Time) error {
	started := r.now()
	after := uuid.Nil
	for {
		list, err := source.RevokedSince(ctx, since, after, pageRows)
		if err != nil {
			return fmt.Errorf("sync revocations: %w", err)
		}
		r.mu.Lock()
		r.add(list)
		r.mu.Unlock()
		if len(list) < pageRows {
			break
		}
		last := list[len(list)-1]
		since, after = last.RevokedAt, last.SessionID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.syncedAt.IsZero() {
		close(r.known)
	}
	r.syncedAt = started
	return nil
}

func (r *Revocations) listen(ctx context.Context, source RevocationSource) {
	for ctx.Err() == nil {
		err := source.WatchRevocations(ctx, func() {
			select {
			case r.wake <- struct{}{}:
			default: // a read is due already
			}
		})
		if err != nil && ctx.Err() == nil {
			r.log.DebugContext(ctx, "notifications of revocations were interrupted; polling goes on", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(relisten):
		}
	}
}

// Synced returns when the database was last read with success; the zero time
// means never.
func (r *Revocations) Synced() time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.syncedAt
}

// Size returns how many revocations are remembered.
func (r *Revocations) Size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.list)
}

// ExpiresAt returns when the last access token of a revoked session is dead, by
// the clock of whoever ended it.
func (r *Revocations) ExpiresAt(x Revocation) time.Time { return x.RevokedAt.Add(r.ttl) }

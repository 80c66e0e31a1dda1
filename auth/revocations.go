package auth

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// pollEvery bounds how long a revocation can go unnoticed where
	// notifications do not arrive.
	pollEvery = 500 * time.Millisecond
	// overlap is how far times can be out of order: commits are, and the clocks
	// of pods differ. Each read goes back by it behind the newest revocation that
	// is known, and each revocation is kept for that much longer.
	overlap = 30 * time.Second
	// resyncEvery is how often everything is read again, whatever went wrong.
	resyncEvery = 5 * time.Minute
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
	syncedAt time.Time
	changed  chan struct{} // closed when the set grows

	wake chan struct{}
}

// RevocationSource is the part of a Store that tells of revocations.
type RevocationSource interface {
	RevokedSince(ctx context.Context, since time.Time) ([]Revocation, error)
	WatchRevocations(ctx context.Context, woken func()) error
}

// NewRevocations makes an empty memory for access tokens that live ttl. It
// knows nothing until Run has read the database once.
func NewRevocations(ttl time.Duration, now func() time.Time, log *slog.Logger) *Revocations {
	return &Revocations{
		ttl: ttl, now: now, log: log,
		byID: map[uuid.UUID]time.Time{}, changed: make(chan struct{}), wake: make(chan struct{}, 1),
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
	}
	oldest := r.oldest()
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

// Run follows the database until ctx ends.
func (r *Revocations) Run(ctx context.Context, source RevocationSource) {
	var wg sync.WaitGroup
	wg.Go(func() { r.listen(ctx, source) })
	defer wg.Wait()

	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var resyncedAt time.Time
	healthy := true
	for {
		since := r.newest().Add(-overlap)
		full := r.now().Sub(resyncedAt) >= resyncEvery
		if oldest := r.oldest(); full || since.Before(oldest) {
			since = oldest
		}
		err := r.Sync(ctx, source, since)
		switch {
		case err == nil && full:
			resyncedAt = r.now()
			fallthrough
		case err == nil:
			if !healthy {
				r.log.InfoContext(ctx, "revocations are read again")
			}
			healthy = true
		case ctx.Err() == nil && healthy:
			healthy = false
			r.log.WarnContext(ctx, "revocations cannot be read: sessions ended by other pods stay unnoticed until the database answers", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-tick.C:
		}
	}
}

// Sync reads the revocations since a time once.
func (r *Revocations) Sync(ctx context.Context, source RevocationSource, since time.Time) error {
	started := r.now()
	list, err := source.RevokedSince(ctx, since)
	if err != nil {
		return fmt.Errorf("sync revocations: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(list)
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

func (r *Revocations) newest() time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.list) == 0 {
		return time.Time{}
	}
	return r.list[len(r.list)-1].RevokedAt
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

// Feed is a part of the revocations, for a reader who keeps a copy.
type Feed struct {
	// Cursor names the state of the whole set; every pod that has the same
	// revocations gives the same cursor.
	Cursor string
	// Entries are those that a reader with the cursor it came with may lack.
	// Some of them may be known to it.
	Entries []Revocation
	// Changed is closed when there is more.
	Changed <-chan struct{}
}

// ErrCursor says that a cursor is not one of ours.
var ErrCursor = errors.New("the cursor is not one that this service gave out")

// Since returns what a reader lacks who has read up to cursor; "" asks for
// everything. Where nothing is new, the cursor comes back and Entries is empty.
//
// A cursor is the time of the newest revocation and a digest of those in the
// overlap before it. Thus a revocation that was committed late, with an earlier
// time, changes the cursor, and pods need not agree on an order.
func (r *Revocations) Since(cursor string) (Feed, error) {
	var (
		from time.Time
		err  error
	)
	if cursor != "" {
		if from, err = parseCursor(cursor); err != nil {
			return Feed{}, err
		}
		from = from.Add(-overlap)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	f := Feed{Cursor: r.cursor(), Changed: r.changed}
	if f.Cursor == cursor {
		return f, nil
	}
	if oldest := r.oldest(); from.Before(oldest) {
		from = oldest
	}
	at, _ := slices.BinarySearchFunc(r.list, from, func(x Revocation, t time.Time) int { return x.RevokedAt.Compare(t) })
	f.Entries = slices.Clone(r.list[at:])
	return f, nil
}

// oldest is how far back revocations are remembered. A refresh that came before
// one may have read its clock, or another pod's, later.
func (r *Revocations) oldest() time.Time { return r.now().Add(-r.ttl - overlap) }

// ExpiresAt returns when the last access token of a revoked session is dead, by
// the clock of whoever ended it.
func (r *Revocations) ExpiresAt(x Revocation) time.Time { return x.RevokedAt.Add(r.ttl) }

func (r *Revocations) cursor() string {
	if len(r.list) == 0 {
		return "0-0"
	}
	newest := r.list[len(r.list)-1].RevokedAt
	var digest uint64
	for _, x := range slices.Backward(r.list) {
		if newest.Sub(x.RevokedAt) > overlap {
			break
		}
		h := fnv.New64a()
		h.Write(x.SessionID[:])
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(x.RevokedAt.UnixMicro())))
		digest ^= h.Sum64()
	}
	return strconv.FormatInt(newest.UnixMicro(), 36) + "-" + strconv.FormatUint(digest, 36)
}

func parseCursor(text string) (time.Time, error) {
	at, digest, ok := strings.Cut(text, "-")
	micros, err1 := strconv.ParseInt(at, 36, 64)
	_, err2 := strconv.ParseUint(digest, 36, 64)
	if !ok || err1 != nil || err2 != nil || micros < 0 {
		return time.Time{}, ErrCursor
	}
	return time.UnixMicro(micros).UTC(), nil
}

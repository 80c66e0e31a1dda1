package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// pollEvery bounds how long a revocation can go unnoticed where
	// notifications do not arrive.
	pollEvery = 500 * time.Millisecond
	// restBetween is the pause after a read that a notification caused, however
	// many more come.
	restBetween = 100 * time.Millisecond
	// pollWithin bounds a poll while the database does not answer, so that a
	// standby is asked soon.
	pollWithin = time.Second
	// wideOverlap is how far a read goes back where that is no more than
	// fewRows, for what was committed late. resyncEvery helps with the rest.
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

// RevocationSource is the part of a Store that lists revocations.
type RevocationSource interface {
	Now(ctx context.Context) (time.Time, error)
	RevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]Revocation, error)
	RestoreRevocations(ctx context.Context, list []Revocation, now time.Time) (int, error)
	WatchRevocations(ctx context.Context, woken func()) error
}

// StandbySource is a source that can read from a standby while the primary is
// unreachable.
type StandbySource interface {
	// StandbyRevokedSince is RevokedSince on any reachable server of the database's
	// address. The returned time is the one up to which that server is complete,
	// by the primary's clock.
	StandbyRevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]Revocation, time.Time, error)
}

// follower is the state of Run between two reads.
type follower struct {
	*Revocations
	source   RevocationSource
	resyncAt time.Time // when everything is read again
	failing  bool
}

// Run reads revocations from the source until ctx ends.
func (r *Revocations) Run(ctx context.Context, source RevocationSource) {
	var wg sync.WaitGroup
	wg.Go(func() { r.listen(ctx, source) })
	defer wg.Wait()

	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	f := follower{Revocations: r, source: source}
	woken := false
	for {
		f.poll(ctx)
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

// poll reads once: from the database, else from a standby of it.
func (f *follower) poll(ctx context.Context) {
	within := ctx
	if f.failing {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, pollWithin)
		defer cancel()
		// A full read finds what the database lost meanwhile.
		f.resyncAt = time.Time{}
	}
	err := f.follow(within)
	switch {
	case err == nil:
		if f.failing {
			f.log.InfoContext(ctx, "revocations are read again")
		}
		f.failing = false
		return
	case ctx.Err() != nil:
		return
	case !f.failing:
		f.failing = true
		f.log.WarnContext(ctx, "revocations cannot be read: sessions ended by other pods are unknown here until the database answers, or a standby", "error", err)
	}
	if err := f.askStandby(ctx); err != nil {
		f.log.DebugContext(ctx, "no standby answers either", "error", err)
	}
}

// follow reads all revocations if that is due, and the new ones otherwise. It also
// reads the new ones if the full read fails.
func (f *follower) follow(ctx context.Context) error {
	set, err := f.clock.Measure(ctx, f.source.Now)
	if err != nil {
		return err
	}
	now := time.Now()
	if now.Before(f.resyncAt) && !set {
		return f.Sync(ctx, f.source, f.recent())
	}
	err = f.resync(ctx)
	switch {
	case err == nil:
		f.resyncAt = now.Add(resyncEvery)
	case f.Ready() == nil && ctx.Err() == nil:
		f.resyncAt = now.Add(retryResync)
		err = f.Sync(ctx, f.source, f.recent())
	}
	return err
}

// resync reads all revocations and writes back those that the database has lost: a
// failover without synchronous replication, or a restore, makes ended sessions
// live again.
func (f *follower) resync(ctx context.Context) error {
	since := f.oldest()
	f.mu.RLock()
	lost := newAbsentees(f.set.list(), since)
	f.mu.RUnlock()
	if err := f.sync(ctx, f.source.RevokedSince, since, time.Now(), lost.page); err != nil {
		return err
	}
	list := lost.all()
	if len(list) == 0 {
		return nil
	}
	n, err := f.source.RestoreRevocations(ctx, list, f.clock.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return fmt.Errorf("write back revocations: %w", err)
	}
	if n > 0 {
		f.log.WarnContext(ctx, "the database had lost ended sessions, which are written back", "sessions", n)
	}
	return nil
}

var errNoStandby = errors.New("the database's address names no further server")

// askStandby reads the new revocations from a standby, after the database has been
// read once.
func (f *follower) askStandby(ctx context.Context) error {
	standby, ok := f.source.(StandbySource)
	if !ok {
		return errNoStandby
	}
	if err := f.Ready(); err != nil {
		return err
	}
	var asOf time.Time
	read := func(ctx context.Context, since time.Time, after uuid.UUID, limit int) (list []Revocation, err error) {
		list, at, err := standby.StandbyRevokedSince(ctx, since, after, limit)
		if asOf.IsZero() {
			asOf = at // of the first page
		}
		return list, err
	}
	since := f.recent()
	if err := f.readPages(ctx, read, since, func([]Revocation, bool) {}); err != nil {
		return err
	}
	f.synced(time.Now().Add(-max(0, f.clock.Now().Sub(asOf))))
	return nil
}

// recent returns the time from which revocations may be unknown: overlap before
// the newest known one. Revocations in the future are ignored.
func (r *Revocations) recent() time.Time {
	now, oldest := r.clock.Now(), r.oldest()
	r.mu.RLock()
	defer r.mu.RUnlock()
	at := time.UnixMicro(r.set.newest(now.UnixMicro())).UTC()
	wide := at.Add(-wideOverlap)
	if few, ok := r.set.fromEnd(fewRows); ok && time.UnixMicro(few).After(wide) {
		wide = time.UnixMicro(few).UTC()
	}
	if at = at.Add(-overlap); wide.Before(at) {
		at = wide
	}
	if at.Before(oldest) {
		at = oldest
	}
	return at
}

type readPage func(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]Revocation, error)

// Sync reads the revocations since a time once.
func (r *Revocations) Sync(ctx context.Context, source RevocationSource, since time.Time) error {
	return r.sync(ctx, source.RevokedSince, since, time.Now(), func([]Revocation, bool) {})
}

func (r *Revocations) sync(ctx context.Context, read readPage, since, started time.Time, each func(page []Revocation, last bool)) error {
	if err := r.readPages(ctx, read, since, each); err != nil {
		return err
	}
	r.synced(started)
	return nil
}

// readPages adds all pages and passes each to a function.
func (r *Revocations) readPages(ctx context.Context, read readPage, since time.Time, each func(page []Revocation, last bool)) error {
	after := uuid.Nil
	for {
		list, err := read(ctx, since, after, pageRows)
		if err != nil {
			return fmt.Errorf("sync revocations: %w", err)
		}
		r.add(list)
		each(list, len(list) < pageRows)
		if len(list) < pageRows {
			return nil
		}
		last := list[len(list)-1]
		since, after = last.RevokedAt, last.SessionID
	}
}

// synced records the time up to which revocations are known.
func (r *Revocations) synced(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.syncedAt.IsZero() {
		close(r.known)
	}
	if at.After(r.syncedAt) {
		r.syncedAt = at
	}
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

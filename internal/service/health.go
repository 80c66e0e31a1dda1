package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/users"
)

const (
	// askEvery is how often the database is asked for its schema and for a
	// commit, and askWithin how long it may take to answer.
	askEvery  = time.Second
	askWithin = 2 * time.Second
)

// health is what the last look at the database showed.
type health struct {
	mu    sync.Mutex
	taken bool  // whether there was a look
	err   error // that logins and refreshes cannot be answered
	since time.Time
}

// Health returns the state for /readyz. It does not block.
func (s *Service) Health() httpapi.Health {
	s.health.mu.Lock()
	taken, failed, since := s.health.taken, s.health.err, s.health.since
	s.health.mu.Unlock()
	out := httpapi.Health{Degraded: failed, Since: since, Now: s.clock.Now(), PurgeHeldUntil: s.heldUntil()}
	if synced := s.revocations.Synced(); !synced.IsZero() {
		out.RevocationsAge = time.Since(synced)
	}
	switch unread := s.revocations.Ready(); {
	case s.stopping.Load():
		out.Err = httpapi.ErrShuttingDown
	case errors.Is(failed, migrations.ErrOutdated):
		out.Err = fmt.Errorf("%w: %w", httpapi.ErrSchemaOutdated, failed)
	case unread != nil:
		out.Err = errors.Join(unread, failed)
	case !taken:
		out.Err = fmt.Errorf("%w: it has not been asked yet", users.ErrUnavailable)
	}
	return out
}

// watchHealth checks the database until ctx ends.
func (s *Service) watchHealth(ctx context.Context) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		err := s.look(ctx)
		if ctx.Err() != nil {
			return
		}
		s.noteHealth(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look returns an error if logins and refreshes fail. The store closes the
// connections of its pool where one does not answer in time.
func (s *Service) look(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if err := s.db.SchemaCurrent(within); err != nil {
		return err
	}
	return s.db.Writable(within)
}

func (s *Service) noteHealth(ctx context.Context, err error) {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	first, changed := !h.taken, (h.err == nil) != (err == nil)
	if first || changed {
		h.since = s.clock.Now()
	}
	h.taken, h.err = true, err
	switch {
	case err != nil && (first || changed):
		s.log.WarnContext(ctx, "degraded: the database does not answer or takes no changes; access tokens are still checked", "error", err)
	case changed && !first:
		s.log.InfoContext(ctx, "the database can be used again")
	}
}

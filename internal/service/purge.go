package service

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/metrics"
)

const (
	// purgeEvery and purgeKeep: dead sessions stay for a day at least, so that their
	// tokens are told from foreign ones.
	purgeEvery = 10 * time.Minute
	purgeKeep  = 24 * time.Hour
	// purgeShare bounds the share of the time in which a pass may run: a pass walks
	// the whole table, which takes a minute or so for a million sessions.
	purgeShare = 10
	// A SQLite file whose newest time differs by more than stepDoubted from the
	// machine's clock is not purged for holdFor: the clock may be wrong, and
	// nothing else tells.
	stepDoubted = time.Hour
	holdFor     = 24 * time.Hour
)

// keeping holds how long expired rows are kept.
type keeping struct {
	accessTTL time.Duration
	sessions  time.Duration // after their end; purgeKeep and accessTTL at least
	events    time.Duration // 0: for ever
}

func keepingOf(c config.Config) keeping {
	return keeping{accessTTL: c.AccessTTL, sessions: c.SessionsKeep, events: c.EventsKeep}
}

// purge removes expired sessions and old events at intervals, once the database's
// time is known.
func (s *Service) purge(ctx context.Context, k keeping, log *slog.Logger) {
	select {
	case <-s.revocations.Known():
	case <-ctx.Done():
		return
	}
	for {
		began := time.Now()
		if err := s.mayPurge(); err != nil {
			log.ErrorContext(ctx, "nothing is purged: the time is in doubt", "error", err)
		} else {
			s.purgeAndLog(ctx, k, log)
			s.purgeEvents(ctx, k.events, log)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(restAfterPurge(time.Since(began))):
		}
	}
}

// restAfterPurge returns the pause after a pass that took so long.
func restAfterPurge(took time.Duration) time.Duration {
	return max(purgeEvery, (purgeShare-1)*took)
}

// heldUntil returns when the purge may begin, or zero if it may now.
func (s *Service) heldUntil() time.Time {
	if until := s.holdUntil.Load(); until != nil && time.Now().Before(*until) {
		return *until
	}
	return time.Time{}
}

// mayPurge returns an error while the clock is not trusted.
func (s *Service) mayPurge() error {
	if until := s.heldUntil(); !until.IsZero() {
		return fmt.Errorf("the clock was far from the newest time in the file at the start: where it is right, run wugan sessions purge, or wait until %s",
			until.UTC().Format(time.RFC3339))
	}
	return s.clock.Tolerable()
}

func (s *Service) purgeAndLog(ctx context.Context, k keeping, log *slog.Logger) {
	k.accessTTL = s.revocations.TTL()
	n, err := purgeOnce(ctx, s.db, k, s.metrics, s.clock.Now())
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.WarnContext(ctx, "dead sessions could not be removed", "error", err)
	case n > 0:
		log.InfoContext(ctx, "dead sessions removed", "count", n)
	}
}

// doubt decides at the start how long the purge waits. Only a file has to be
// doubted: a server's clock is compared with the machine's.
func (s *Service) doubt(ctx context.Context) error {
	step, err := Step(ctx, s.db)
	if err != nil {
		return err
	}
	if step.Abs() > stepDoubted {
		s.holdUntil.Store(new(time.Now().Add(holdFor)))
		s.log.WarnContext(ctx, "the clock is far from the newest time in the database: it was set, or the service was down for long; nothing is purged for a day",
			"ahead", step.Round(time.Second).String())
	}
	return nil
}

// Step returns how far the machine's clock is ahead of the newest time in a SQLite
// file; 0 for another database.
func Step(ctx context.Context, db Database) (time.Duration, error) {
	file, ok := db.(interface {
		Step(ctx context.Context) (time.Duration, error)
	})
	if !ok {
		return 0, nil
	}
	step, err := file.Step(ctx)
	if err != nil {
		return 0, fmt.Errorf("compare the clock with the database: %w", err)
	}
	return step, nil
}

// PurgeNow removes expired sessions at an operator's request, by the database's time and
// the settings.
func PurgeNow(ctx context.Context, db Database, c config.Config) (int, error) {
	k := keepingOf(c)
	if c.AppsFile != "" {
		apps, err := c.Apps()
		if err != nil {
			return 0, err
		}
		k.accessTTL = c.LongestAccessTTL(apps)
	}
	now, err := db.Now(ctx)
	if err != nil {
		return 0, fmt.Errorf("purge: %w", err)
	}
	return purgeOnce(ctx, db, k, nil, now)
}

// purgeOnce removes expired sessions and counts them.
func purgeOnce(ctx context.Context, db auth.Store, k keeping, m *metrics.Metrics, now time.Time) (int, error) {
	// A session is kept as long as access tokens of it can live, so that they can
	// be revoked and the revocation is reported to every reader.
	dead := now.Add(-max(purgeKeep, k.accessTTL+time.Minute, k.sessions))
	n, err := db.Purge(ctx, dead, dead)
	if ctx.Err() == nil {
		m.Purged(n, err)
	}
	if err != nil {
		return n, fmt.Errorf("purge: %w", err)
	}
	return n, nil
}

func (s *Service) purgeEvents(ctx context.Context, keep time.Duration, log *slog.Logger) {
	if keep == 0 {
		return
	}
	switch n, err := s.db.PurgeEvents(ctx, s.clock.Now().Add(-keep)); {
	case ctx.Err() != nil:
	case err != nil:
		log.WarnContext(ctx, "old events could not be removed", "error", err)
	case n > 0:
		log.InfoContext(ctx, "old events removed", "count", n)
	}
}

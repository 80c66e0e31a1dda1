package service

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/metrics"
)

const (
	// purgeEvery and purgeKeep: dead sessions stay for a day, so that their
	// tokens are told from foreign ones, and are gone soon after.
	purgeEvery = 10 * time.Minute
	purgeKeep  = 24 * time.Hour
)

// purge removes dead sessions, and events older than keep (0: none), now and then.
func (s *Service) purge(ctx context.Context, p auth.Lifetimes, keep time.Duration, log *slog.Logger) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		n, err := purgeOnce(ctx, s.db, p, s.metrics, s.now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "dead sessions could not be removed", "error", err)
		case n > 0:
			log.InfoContext(ctx, "dead sessions removed", "count", n)
		}
		s.purgeEvents(ctx, keep, log)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// purgeOnce removes dead sessions and counts them.
func purgeOnce(ctx context.Context, db auth.Store, p auth.Lifetimes, m *metrics.Metrics, now time.Time) (int, error) {
	// A session is kept as long as access tokens of it can live, so that they can
	// be revoked and the revocation is told to whoever asks.
	dead := now.Add(-max(purgeKeep, p.AccessTTL+time.Minute)) // pods' clocks differ
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
	switch n, err := s.db.PurgeEvents(ctx, s.now().Add(-keep)); {
	case ctx.Err() != nil:
	case err != nil:
		log.WarnContext(ctx, "old events could not be removed", "error", err)
	case n > 0:
		log.InfoContext(ctx, "old events removed", "count", n)
	}
}

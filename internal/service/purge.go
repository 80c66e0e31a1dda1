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

// purge removes dead sessions now and then.
func (s *Service) purge(ctx context.Context, p auth.Lifetimes, log *slog.Logger) {
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

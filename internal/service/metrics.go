package service

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/metrics"
)

// newMetrics makes the figures of a service whose database is opened later; nil
// where neither Prometheus nor the console is to read them.
func (s *Service) newMetrics(c config.Config, version string, apps []string) *metrics.Metrics {
	if c.MetricsAddr == "" && !s.operators.Any(apikey.Support) {
		return nil
	}
	return metrics.New(metrics.Config{
		CertificateExpiry: s.certificateExpiry,
		Version:           version, Apps: apps, Codes: knownPlatforms.Codes(), Now: s.clock.Now, Clock: s.clock,
		Degraded:    func() bool { h := s.Health(); return h.Err != nil || h.Degraded != nil },
		Database:    func() metrics.Pool { return poolOf(s.db) },
		Revocations: s.revocations, AccessKeys: s.keys.access, RefreshKeys: s.keys.refresh,
	})
}

// poolOf returns the state of the database connections.
func poolOf(db any) metrics.Pool {
	switch db := db.(type) {
	case interface{ Pool() *pgxpool.Stat }:
		stat := db.Pool()
		return metrics.Pool{
			InUse: int64(stat.AcquiredConns()), Idle: int64(stat.IdleConns()), Max: int64(stat.MaxConns()),
			Waited: stat.EmptyAcquireCount(), WaitedFor: stat.EmptyAcquireWaitTime(),
		}
	case interface{ Pool() sql.DBStats }:
		stat := db.Pool()
		return metrics.Pool{
			InUse: int64(stat.InUse), Idle: int64(stat.Idle), Max: int64(stat.MaxOpenConnections),
			Waited: stat.WaitCount, WaitedFor: stat.WaitDuration,
		}
	}
	return metrics.Pool{}
}

// serveMetrics serves figures and profiles until stop is called. Where there are
// none it does nothing.
func serveMetrics(ctx context.Context, c config.Config, m *metrics.Metrics, log *slog.Logger) (stop func(), err error) {
	if m == nil || c.MetricsAddr == "" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.MetricsAddr)
	if err != nil {
		return nil, config.Wrong("METRICS_ADDR", "expected an address that can be listened on, or nothing: %s", config.Cause(err))
	}
	server := &http.Server{
		// A response may take as long as the profile that was asked for.
		Handler: m.Mux(), ReadTimeout: headersWithin, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.ErrorContext(ctx, "the metrics are no longer served", "error", err)
		}
	}()
	log.InfoContext(ctx, "serving metrics", "addr", listener.Addr().String())
	return func() { _ = server.Close() }, nil // a scrape that is cut off is repeated
}

func appIDs(apps []config.App) []string {
	ids := make([]string, len(apps))
	for i, app := range apps {
		ids[i] = app.ID
	}
	return ids
}

package service

import (
	"os"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/migrations"
)

// about is what a process knows of itself from its start on.
type about struct {
	pod, version, database, dashboard string
	schema                            int64
	started                           time.Time // by the machine's clock
}

func aboutThis(c config.Config, version string) about {
	a := about{version: version, database: c.DatabaseKind(), dashboard: c.DashboardURL, started: time.Now(), schema: migrations.LatestSQLite()}
	a.pod, _ = os.Hostname() // a pod without a name is one all the same
	if a.database == "postgres" {
		a.schema = migrations.LatestPostgres()
	}
	return a
}

// Stats returns the statistics of this process for the console. It does not block.
func (s *Service) Stats() httpapi.Stats {
	now, hour, health := s.clock.Now(), s.metrics.LastHour(), s.Health()
	pool := poolOf(s.db)
	out := httpapi.Stats{
		Pod: s.about.pod, Version: s.about.version, StartedAt: now.Add(-time.Since(s.about.started)).UTC(), Now: now.UTC(),
		Status: "ready", RevocationsAge: health.RevocationsAge.Seconds(), ClockSkew: s.clock.Skew().Seconds(),
		Schema: s.about.schema, DashboardURL: s.about.dashboard,
		Keys:     append(statsKeys("access", s.keys.access.Set(), now), statsKeys("refresh", s.keys.refresh.Set(), now)...),
		Database: httpapi.StatsDatabase{Kind: s.about.database, InUse: pool.InUse, Idle: pool.Idle, Max: pool.Max},
		Purge:    httpapi.StatsPurge{Failures: hour.PurgeFailures},
		Minutes:  make([]httpapi.StatsMinute, len(hour.Minutes)),
	}
	switch {
	case health.Err != nil:
		out.Status = "unavailable"
	case health.Degraded != nil:
		out.Status = "degraded"
	}
	if !hour.PurgedAt.IsZero() {
		out.Purge.LastSuccess = &hour.PurgedAt
	}
	if s.webhooks != nil {
		out.Webhooks = &httpapi.StatsWebhook{Waiting: hour.WebhooksWaiting, Lag: hour.WebhookLag.Seconds()}
	}
	for i, m := range hour.Minutes {
		out.Minutes[i] = httpapi.StatsMinute{
			At: m.At.UTC(), Logins: m.Logins, Refreshes: m.Refreshes, Calls: m.Calls, Responses: m.Responses,
			Timed: m.Timed, P50: m.P50, P95: m.P95, P99: m.P99, Purged: m.Purged,
		}
	}
	return out
}

func statsKeys(use string, set *auth.KeySet, now time.Time) []httpapi.StatsKey {
	signer := set.Signer(now).ID
	var out []httpapi.StatsKey
	for _, k := range set.Keys() {
		key := httpapi.StatsKey{Use: use, ID: k.ID, Algorithm: k.Algorithm, State: "verifies"}
		switch {
		case k.ID == signer:
			key.State = "signs"
		case k.ActiveFrom.After(now):
			key.State = "waits"
		}
		if !k.ActiveFrom.IsZero() {
			from := k.ActiveFrom.UTC()
			key.ActiveFrom = &from
		}
		out = append(out, key)
	}
	return out
}

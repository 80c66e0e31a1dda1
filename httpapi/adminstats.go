package httpapi

import (
	"context"
	"time"
)

// Stats holds the statistics of one process.
type Stats struct {
	Pod       string    `json:"pod"` // its host name
	Version   string    `json:"version"`
	StartedAt time.Time `json:"startedAt"`
	Now       time.Time `json:"now"` // by the database's clock
	// Status is ready, degraded or unavailable, as /readyz says.
	Status         string  `json:"status"`
	RevocationsAge float64 `json:"revocationsAge"` // seconds
	ClockSkew      float64 `json:"clockSkew"`      // seconds, as in wugan_clock_skew_seconds
	Schema         int64   `json:"schema"`         // the newest migration that this release needs
	DashboardURL   string  `json:"dashboardUrl"`

	Keys     []StatsKey    `json:"keys"`
	Database StatsDatabase `json:"database"`
	Purge    StatsPurge    `json:"purge"`
	Webhooks *StatsWebhook `json:"webhooks"` // null where none are sent
	Minutes  []StatsMinute `json:"minutes"`  // oldest first, 60 at most
}

// StatsKey is a current, previous or future signing key.
type StatsKey struct {
	Use        string     `json:"use"` // access or refresh
	ID         string     `json:"id"`
	Algorithm  string     `json:"algorithm"`
	ActiveFrom *time.Time `json:"activeFrom"` // null where it was not noted
	State      string     `json:"state"`      // signs, waits or verifies
}

// StatsDatabase holds the state of the database connections.
type StatsDatabase struct {
	Kind  string `json:"kind"`
	InUse int64  `json:"inUse"`
	Idle  int64  `json:"idle"`
	Max   int64  `json:"max"`
}

// StatsPurge describes the purge of expired sessions by this process.
type StatsPurge struct {
	LastSuccess *time.Time `json:"lastSuccess"` // null: not yet
	Failures    int        `json:"failures"`
}

// StatsWebhook describes the events that wait for delivery.
type StatsWebhook struct {
	Waiting int     `json:"waiting"`
	Lag     float64 `json:"lag"` // seconds
}

// StatsMinute holds the counts of one minute. The last minute is incomplete.
type StatsMinute struct {
	At        time.Time      `json:"at"`
	Logins    map[string]int `json:"logins"` // by outcome, as in wugan_logins_total
	Refreshes map[string]int `json:"refreshes"`
	// Calls are those to the platforms, by provider and outcome.
	Calls     map[string]map[string]int `json:"calls"`
	Responses map[string]int            `json:"responses"`
	Timed     int                       `json:"timed"` // logins and refreshes whose time was taken
	P50       float64                   `json:"p50"`   // seconds
	P95       float64                   `json:"p95"`
	P99       float64                   `json:"p99"`
	Purged    int                       `json:"purged"`
}

func (a *api) adminStats(context.Context, operator, none) (Stats, error) { return a.stats(), nil }

package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wugan/wugan/auth"
)

// state reads, at each scrape, what others keep.
type state struct {
	config Config

	connections, connectionsMax, waits, waitedFor *prometheus.Desc
	revocations, revocationsLag                   *prometheus.Desc
	clockSkew, degraded                           *prometheus.Desc
	keys, keyActive, keyNext                      *prometheus.Desc
	certificateExpiry                             *prometheus.Desc
}

func newState(c Config) *state {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
	}
	return &state{
		config:         c,
		connections:    desc("database_connections", "Connections to the database that are open.", "state"),
		connectionsMax: desc("database_connections_max", "How many connections there may be."),
		waits:          desc("database_connection_waits_total", "Times that no connection was free."),
		waitedFor:      desc("database_connection_wait_seconds_total", "How long requests have waited for a connection in all."),
		revocations:    desc("revocations", "Revoked sessions that are remembered because access tokens of theirs may still be alive."),
		revocationsLag: desc("revocations_lag_seconds", "Since when revocations by other pods may be unknown here: the age of the last read of the database, or of what a standby had."),
		clockSkew:      desc("clock_skew_seconds", "How far this machine's clock is ahead of the database's, whose time counts; negative: behind."),
		degraded:       desc("degraded", "Whether the database does not answer or takes no changes."),
		keys:           desc("keys", "Keys in use for a kind of token: they verify, and one of them signs.", "use"),
		keyActive:      desc("key_active_seconds", "How long the key that signs has been doing so. Absent when that was not recorded.", "use"),
		keyNext:        desc("key_next_seconds", "When the next key begins to sign. Absent where none is waiting.", "use"),

		certificateExpiry: desc("certificate_expiry_timestamp_seconds", "When the first of the TLS certificates in use expires. Absent where the service speaks no TLS, or has no certificate yet."),
	}
}

// Describe implements prometheus.Collector.
func (s *state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		s.connections, s.connectionsMax, s.waits, s.waitedFor, s.revocations, s.revocationsLag, s.clockSkew, s.degraded, s.keys, s.keyActive, s.keyNext, s.certificateExpiry,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	count := func(d *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value)
	}
	now := s.config.Now()
	if s.config.Database != nil {
		pool := s.config.Database()
		gauge(s.connections, float64(pool.InUse), "in_use")
		gauge(s.connections, float64(pool.Idle), "idle")
		gauge(s.connectionsMax, float64(pool.Max))
		count(s.waits, float64(pool.Waited))
		count(s.waitedFor, pool.WaitedFor.Seconds())
	}
	if r := s.config.Revocations; r != nil {
		gauge(s.revocations, float64(r.Size()))
		// Before the first read the lag is unknown; readyz says so.
		if synced := r.Synced(); !synced.IsZero() {
			gauge(s.revocationsLag, max(0, time.Since(synced).Seconds()))
		}
	}
	if s.config.Clock != nil {
		gauge(s.clockSkew, s.config.Clock.Skew().Seconds())
	}
	if s.config.Degraded != nil {
		value := 0.0
		if s.config.Degraded() {
			value = 1
		}
		gauge(s.degraded, value)
	}
	if s.config.CertificateExpiry != nil {
		if expiry := s.config.CertificateExpiry(); !expiry.IsZero() {
			gauge(s.certificateExpiry, float64(expiry.Unix()))
		}
	}
	for use, ring := range map[string]*auth.Keyring{"access": s.config.AccessKeys, "refresh": s.config.RefreshKeys} {
		if ring != nil {
			s.collectKeys(gauge, now, use, ring.Set())
		}
	}
}

func (s *state) collectKeys(gauge func(*prometheus.Desc, float64, ...string), now time.Time, use string, set *auth.KeySet) {
	keys := set.Keys() // newest first
	gauge(s.keys, float64(len(keys)), use)
	if from := set.Signer(now).ActiveFrom; !from.IsZero() {
		gauge(s.keyActive, max(0, now.Sub(from).Seconds()), use)
	}
	var next time.Time
	for _, k := range keys {
		if k.ActiveFrom.After(now) {
			next = k.ActiveFrom
		}
	}
	if !next.IsZero() {
		gauge(s.keyNext, next.Sub(now).Seconds(), use)
	}
}

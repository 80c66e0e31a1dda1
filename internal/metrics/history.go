package metrics

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// Hour is the number of minutes for which a process keeps its own history.
const Hour = 60

// timed are the routes whose response times [Minute] tells: what a person waits
// for. Others wait on purpose, or are probes.
var timed = map[string]bool{"/api/v1/auth/login": true, "/api/v1/auth/refresh": true, "/oauth2/token": true}

// Minute holds the counts of one process in a minute. The last minute of an hour is
// incomplete.
type Minute struct {
	At        time.Time      // when it began
	Logins    map[string]int // by outcome, as in the figures
	Refreshes map[string]int
	Calls     map[string]map[string]int // to the platforms, by provider and outcome
	Responses map[string]int            // by class: 2xx, 4xx …
	Timed     int                       // logins and refreshes whose time was taken
	// P50, P95 and P99 are response times of logins and refreshes in seconds, read
	// off the buckets of the histogram; 0 where Timed is.
	P50, P95, P99 float64
	Purged        int
}

// Summary is the current state of one process.
type Summary struct {
	Minutes         []Minute // oldest first, at most Hour
	PurgedAt        time.Time
	PurgeFailures   int
	WebhooksWaiting int
	WebhookLag      time.Duration
}

// history keeps the counters as they stood at the ends of the last minutes.
type history struct {
	mu   sync.Mutex
	past []counts // oldest first
}

// counts are counters at a moment.
type counts struct {
	at                              time.Time
	logins, refreshes, responses    map[string]float64
	calls                           map[string]map[string]float64 // by provider
	buckets                         map[float64]float64           // cumulative, by upper bound
	timed                           float64
	purged, purgedAt, purgeFailures float64
	webhooksWaiting, webhookLag     float64
}

// Remember records the counters each minute until ctx ends, for LastHour.
func (m *Metrics) Remember(ctx context.Context) {
	if m == nil {
		return
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for m.Note(); ; m.Note() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Note records the counters now, which ends the current minute.
func (m *Metrics) Note() {
	now := m.count()
	m.history.mu.Lock()
	defer m.history.mu.Unlock()
	m.history.past = append(m.history.past, now)
	if beyond := len(m.history.past) - Hour; beyond > 0 {
		m.history.past = slices.Clone(m.history.past[beyond:])
	}
}

// LastHour returns the history of this process in the last hour, or since its start.
// It is not stored.
func (m *Metrics) LastHour() Summary {
	if m == nil {
		return Summary{}
	}
	now := m.count()
	m.history.mu.Lock()
	past := append(slices.Clone(m.history.past), now)
	m.history.mu.Unlock()
	out := Summary{
		PurgeFailures: int(now.purgeFailures), WebhooksWaiting: int(now.webhooksWaiting),
		WebhookLag: time.Duration(now.webhookLag * float64(time.Second)),
	}
	if now.purgedAt > 0 {
		out.PurgedAt = time.UnixMilli(int64(math.Round(now.purgedAt * 1000))).UTC()
	}
	for i := 1; i < len(past); i++ {
		out.Minutes = append(out.Minutes, between(past[i-1], past[i]))
	}
	return out
}

func between(a, b counts) Minute {
	m := Minute{
		At: a.at, Purged: int(b.purged - a.purged), Timed: int(b.timed - a.timed),
		Logins: rise(a.logins, b.logins), Refreshes: rise(a.refreshes, b.refreshes),
		Calls: map[string]map[string]int{}, Responses: rise(a.responses, b.responses),
	}
	for provider, after := range b.calls {
		if calls := rise(a.calls[provider], after); len(calls) > 0 {
			m.Calls[provider] = calls
		}
	}
	if m.Timed > 0 {
		m.P50, m.P95, m.P99 = quantile(a, b, 0.5), quantile(a, b, 0.95), quantile(a, b, 0.99)
	}
	return m
}

// rise is by how much each counter rose, those left out that did not.
func rise(a, b map[string]float64) map[string]int {
	out := map[string]int{}
	for name, after := range b {
		if n := int(after - a[name]); n > 0 {
			out[name] = n
		}
	}
	return out
}

// quantile reads a quantile off the buckets, evenly spread within each, as
// Prometheus does. Beyond the last bound it is that bound.
func quantile(a, b counts, q float64) float64 {
	rank := q * (b.timed - a.timed)
	lower, below := 0.0, 0.0
	for _, bound := range durations {
		n := b.buckets[bound] - a.buckets[bound]
		if n >= rank && n > below {
			return lower + (bound-lower)*(rank-below)/(n-below)
		}
		lower, below = bound, n
	}
	return lower
}

// count reads the figures. What cannot be read is left out: a scrape would show
// the error.
func (m *Metrics) count() counts {
	c := counts{
		at:     m.now(),
		logins: map[string]float64{}, refreshes: map[string]float64{}, responses: map[string]float64{},
		calls:   map[string]map[string]float64{},
		buckets: map[float64]float64{},
	}
	families, _ := m.registry.Gather()
	for _, f := range families {
		for _, x := range f.GetMetric() {
			value := x.GetCounter().GetValue() + x.GetGauge().GetValue()
			switch strings.TrimPrefix(f.GetName(), namespace+"_") {
			case "logins_total":
				c.logins[labelOf(x, "outcome")] += value
			case "refreshes_total":
				c.refreshes[labelOf(x, "outcome")] += value
			case "provider_calls_total":
				provider := labelOf(x, "provider")
				if c.calls[provider] == nil {
					c.calls[provider] = map[string]float64{}
				}
				c.calls[provider][labelOf(x, "outcome")] += value
			case "http_requests_total":
				c.responses[labelOf(x, "status")[:1]+"xx"] += value
			case "http_request_duration_seconds":
				c.time(x)
			case "purge_removed_total":
				c.purged = value
			case "purge_last_success_timestamp_seconds":
				c.purgedAt = value
			case "purge_failures_total":
				c.purgeFailures = value
			case "webhooks_waiting":
				c.webhooksWaiting = value
			case "webhook_lag_seconds":
				c.webhookLag = value
			}
		}
	}
	return c
}

func (c *counts) time(x *dto.Metric) {
	if !timed[labelOf(x, "route")] {
		return
	}
	c.timed += float64(x.GetHistogram().GetSampleCount())
	for _, b := range x.GetHistogram().GetBucket() {
		c.buckets[b.GetUpperBound()] += float64(b.GetCumulativeCount())
	}
}

func labelOf(x *dto.Metric, name string) string {
	for _, l := range x.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return other
}

// Package metrics defines the Prometheus metrics: their names and labels. It
// implements auth.Observer and the hooks of httpapi and providers, and reads other
// values at each scrape. It opens no listener.
//
// Every label has a bounded set of values, so that a client cannot exhaust the
// memory of the service or of Prometheus. docs/en/metrics.md lists them.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wugan/wugan/auth"
)

// namespace begins the name of every figure of ours.
const namespace = "wugan"

// other replaces every unknown label value.
const other = "other"

// durations are bucket bounds in seconds, from a response out of memory to the
// longest that anybody waits for.
var durations = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// methods are those of HTTP that get a label of their own.
var methods = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true,
	http.MethodPatch: true, http.MethodDelete: true, http.MethodOptions: true,
}

// Metrics holds the metrics. The methods of the nil *Metrics do nothing, so callers
// need not check whether metrics are on. Its methods are safe for concurrent use and
// never block.
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec

	logins    *prometheus.CounterVec
	refreshes *prometheus.CounterVec
	repeats   *prometheus.CounterVec

	calls         *prometheus.CounterVec
	callDurations *prometheus.HistogramVec
	codes         map[string]bool // of platforms

	purged      prometheus.Counter
	purgeFailed prometheus.Counter
	purgedAt    prometheus.Gauge

	webhooks        *prometheus.CounterVec
	webhooksWaiting prometheus.Gauge
	webhooksLag     prometheus.Gauge

	history history
}

var _ auth.Observer = (*Metrics)(nil)

// Config configures the metrics. Apps are the appids that get their own label. The
// functions are called at each scrape; a nil function omits its metrics.
type Config struct {
	Version string
	Apps    []string
	// Codes are those of platforms that get a label of their own.
	Codes []string
	Now   func() time.Time

	Clock       *auth.Clock
	Degraded    func() bool
	Database    func() Pool
	Revocations *auth.Revocations
	AccessKeys  *auth.Keyring
	RefreshKeys *auth.Keyring
	// CertificateExpiry gives the earliest end of the TLS certificates in use;
	// zero where there is none.
	CertificateExpiry func() time.Time
}

// Pool is the state of the connections to the database.
type Pool struct {
	InUse, Idle, Max int64
	// Waited and WaitedFor count those who found no free connection, and how
	// long they waited in all.
	Waited    int64
	WaitedFor time.Duration
}

// New returns Metrics whose series all exist from the first scrape on: rate() misses
// the first event of a series that appears later.
func New(c Config) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), now: c.Now,
		requests: counters("http_requests_total", "Requests answered.", "method", "route", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_duration_seconds", Buckets: durations,
			Help: "From the first byte of a request's header to the last of the answer.",
		}, []string{"route"}),
		logins:    counters("logins_total", "Logins, by what became of them.", "app", "outcome"),
		refreshes: counters("refreshes_total", "Refresh tokens presented, by what became of them.", "app", "outcome"),
		repeats:   counters("refresh_repeats_total", "Refresh tokens presented again, from another address or device, by what became of them.", "app", "outcome"),
		calls:     counters("provider_calls_total", "Exchanges with platforms, and calls that an open circuit refused.", "provider", "api", "errcode", "outcome"),
		callDurations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "provider_call_duration_seconds", Buckets: durations,
			Help: "How long platforms took to answer; refusals of an open circuit are left out.",
		}, []string{"provider", "api"}),
		codes:       map[string]bool{"0": true},
		purged:      counter("purge_removed_total", "Dead sessions removed by this process."),
		purgeFailed: counter("purge_failures_total", "Runs of the purge that failed."),
		purgedAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "purge_last_success_timestamp_seconds",
			Help: "When the purge last ran to its end, or found another process at it; 0: not yet.",
		}),
	}
	for _, code := range c.Codes {
		m.codes[code] = true
	}
	m.webhooks = counters("webhook_attempts_total", "Attempts to deliver an event, by what became of them.", "outcome")
	m.webhooksWaiting = gauge("webhooks_waiting", "Events that wait for another attempt; the same on every pod.")
	m.webhooksLag = gauge("webhook_lag_seconds", "Age of the oldest event that was not delivered; 0: there is none.")
	for _, outcome := range []string{"delivered", "failed", "gone"} {
		m.webhooks.WithLabelValues(outcome)
	}
	for _, app := range append([]string{other}, c.Apps...) {
		for _, outcome := range loginOutcomes {
			m.logins.WithLabelValues(app, outcome)
		}
		for _, outcome := range refreshOutcomes {
			m.refreshes.WithLabelValues(app, string(outcome))
		}
		for _, outcome := range []auth.Outcome{auth.OutcomeSameChild, auth.OutcomeSibling} {
			m.repeats.WithLabelValues(app, string(outcome))
		}
	}
	m.registry.MustRegister(
		m.requests, m.durations, m.logins, m.refreshes, m.repeats, m.calls, m.callDurations, m.purged, m.purgeFailed, m.purgedAt,
		m.webhooks, m.webhooksWaiting, m.webhooksLag,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(c.Version), newState(c),
	)
	return m
}

// The outcomes that auth reports.
var (
	loginOutcomes = []string{
		"new_user", "known_user", "invalid_code", "code_used", "user_blocked", "wechat_rate_limited",
		"wechat_rejected_app", "wechat_unavailable", "provider_rate_limited", "provider_rejected_app", "provider_unavailable",
		"no_identity", "invalid_phone_code", "invalid_ticket", "unknown_app", "user_disabled", "rate_limited", "database_unavailable", "error",
	}
	refreshOutcomes = []auth.Outcome{
		auth.OutcomeRotated, auth.OutcomeSameChild, auth.OutcomeSibling, auth.OutcomeRestored, auth.OutcomeReused,
		auth.OutcomeExpired, auth.OutcomeRevoked, auth.OutcomeDisabled, auth.OutcomeUnknown, "error",
	}
)

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

func buildInfo(version string) prometheus.Collector {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what is running.",
	}, []string{"version", "go"})
	g.WithLabelValues(version, runtime.Version()).Set(1)
	return g
}

// Gatherer returns the metrics for a caller that does not use HTTP.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Handler answers a scrape in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4})
}

// Request counts a completed request, as httpapi.Config.Observe. The route is the
// matched pattern, or "".
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if !methods[method] {
		method = other
	}
	if route == "" {
		route = other
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(route).Observe(took.Seconds())
}

// LoggedIn implements auth.Observer.
func (m *Metrics) LoggedIn(appID, outcome string) {
	if m == nil {
		return
	}
	m.logins.WithLabelValues(appLabel(appID), outcome).Inc()
}

// Refreshed implements auth.Observer.
func (m *Metrics) Refreshed(appID string, outcome auth.Outcome) {
	if m == nil {
		return
	}
	m.refreshes.WithLabelValues(appLabel(appID), string(outcome)).Inc()
}

// Repeated implements auth.Observer.
func (m *Metrics) Repeated(appID string, outcome auth.Outcome) {
	if m == nil {
		return
	}
	m.repeats.WithLabelValues(appLabel(appID), string(outcome)).Inc()
}

// appLabel names an app; auth reports those that are configured, and "".
func appLabel(appID string) string {
	if appID == "" {
		return other
	}
	return appID
}

// Provider counts a call to a platform. An unknown code counts as "other", because
// the number of those is not bounded.
func (m *Metrics) Provider(provider, api, code, outcome string, took time.Duration) {
	if m == nil {
		return
	}
	if !m.codes[code] {
		code = other
	}
	m.calls.WithLabelValues(provider, api, code, outcome).Inc()
	if outcome != "circuit_open" {
		m.callDurations.WithLabelValues(provider, api).Observe(took.Seconds())
	}
}

// Purged counts the rows that a purge removed, or its failure.
func (m *Metrics) Purged(removed int, err error) {
	if m == nil {
		return
	}
	m.purged.Add(float64(removed))
	if err != nil {
		m.purgeFailed.Inc()
		return
	}
	m.purgedAt.Set(float64(m.now().UnixMilli()) / 1000)
}

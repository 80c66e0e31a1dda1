package metrics

import "time"

// Webhook counts an attempt to deliver an event; it fits
// events.DispatcherConfig.Observe.
func (m *Metrics) Webhook(outcome string, _ time.Duration) {
	if m == nil {
		return
	}
	m.webhooks.WithLabelValues(outcome).Inc()
}

// WebhookBacklog tells how many events wait for another attempt, and how old the
// oldest is that was not delivered.
func (m *Metrics) WebhookBacklog(waiting int, lag time.Duration) {
	if m == nil {
		return
	}
	m.webhooksWaiting.Set(float64(waiting))
	m.webhooksLag.Set(max(lag, 0).Seconds())
}

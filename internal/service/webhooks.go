package service

import (
	"context"
	"sync"
	"time"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/internal/config"
)

// backlogEvery is how often the backlog of webhooks is looked at for the figures.
const backlogEvery = 15 * time.Second

// newDispatcher returns the dispatcher of webhooks, or nil if none are configured.
func (s *Service) newDispatcher(c config.Config) (*events.Dispatcher, error) {
	w, err := c.Webhooks()
	if err != nil || w.URL == nil {
		return nil, err
	}
	return events.NewDispatcher(events.DispatcherConfig{
		Store: s.db, URL: w.URL, Secret: w.Secret, Kinds: w.Kinds, Log: s.log, Now: s.clock.Now, Observe: s.metrics.Webhook,
	})
}

// deliver sends webhooks and measures their backlog until ctx ends.
func (s *Service) deliver(ctx context.Context) {
	if s.webhooks == nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.webhooks.Run(ctx) })
	defer wg.Wait() // it gives its claim back to the next process
	tick := time.NewTicker(backlogEvery)
	defer tick.Stop()
	for {
		waiting, oldest, err := s.db.WebhookBacklog(ctx)
		switch {
		case err != nil: // the database's outage shows elsewhere; the figures stay
		case oldest.IsZero():
			s.metrics.WebhookBacklog(waiting, 0)
		default:
			s.metrics.WebhookBacklog(waiting, s.clock.Now().Sub(oldest))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

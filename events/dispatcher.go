package events

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/users"
)

const (
	attemptWithin = 10 * time.Second
	// finishWithin is how long attempts that have begun may take after a stop, and
	// saveWithin how long their results take then.
	finishWithin = 5 * time.Second
	saveWithin   = 2 * time.Second
	lease        = 30 * time.Second
	renewEvery   = 10 * time.Second
	idleEvery    = time.Second
	// batchSize is how many events are looked at before the place is kept: after
	// a crash at most as many are delivered twice. After a stop, none is whose
	// attempt came to its end within finishWithin.
	batchSize = 50
	// atOnce is how many users' events are delivered at the same moment.
	atOnce = 8
	// drained is how much of a response is read, so that its connection can be
	// used again.
	drained = 16 << 10
)

// DispatcherConfig configures a Dispatcher. Store, URL, Secret, Log and Now are
// required.
type DispatcherConfig struct {
	Store  WebhookStore
	URL    *url.URL
	Secret standardwebhooks.Secret
	Kinds  []users.EventKind // nil: all
	Log    *slog.Logger
	Now    func() time.Time
	// Observe is called for each attempt with the outcome delivered, failed or
	// gone. It may be nil.
	Observe func(outcome string, took time.Duration)
}

// Dispatcher delivers events to one address by the rules of Standard Webhooks
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
// each at least once, the events of one user in order, by one process at a time. An
// event whose response is not a 2xx is sent again after 5 s, 30 s, 2 min, 10 min, and
// then each hour; events of other users do not wait for it. The position is stored in
// the database, so that a restart loses no event. A 410 stops delivery until an
// operator resumes it or the address changes.
type Dispatcher struct {
	DispatcherConfig
	holder      uuid.UUID
	fingerprint string
	client      *http.Client
}

// NewDispatcher returns a Dispatcher. Run starts it.
func NewDispatcher(c DispatcherConfig) (*Dispatcher, error) {
	holder, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	sum := sha256.Sum256([]byte(c.URL.String()))
	if c.Observe == nil {
		c.Observe = func(string, time.Duration) {}
	}
	return &Dispatcher{
		DispatcherConfig: c, holder: holder, fingerprint: hex.EncodeToString(sum[:8]),
		client: &http.Client{
			Timeout: attemptWithin,
			// The signature is for this address: another one was not asked for.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Run delivers events until ctx ends. Attempts that have begun then may come to
// their end, within finishWithin, and their results are stored.
func (d *Dispatcher) Run(ctx context.Context) {
	var stopped bool // as told in the log
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = d.Store.ReleaseWebhooks(last, d.holder) // or the claim runs out by itself
	}()
	for ctx.Err() == nil {
		place, err := d.Store.ClaimWebhooks(ctx, d.holder, lease)
		switch {
		case errors.Is(err, ErrNotHolder):
			sleep(ctx, renewEvery)
			continue
		case err != nil:
			d.Log.WarnContext(ctx, "webhooks wait for the database", "error", err)
			sleep(ctx, pauses[0])
			continue
		case place.StoppedFor == d.fingerprint:
			if !stopped {
				d.Log.ErrorContext(ctx, "webhooks are stopped: the receiver answered 410 Gone; set another WUGAN_WEBHOOK_URL, or run wugan webhooks resume", "host", d.URL.Host)
				stopped = true
			}
			sleep(ctx, renewEvery)
			continue
		}
		stopped = false
		busy, err := d.round(ctx, place)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotHolder) && !errors.Is(err, errGone) {
			d.Log.WarnContext(ctx, "webhooks could not be delivered", "error", err)
		}
		if !busy || err != nil {
			sleep(ctx, idleEvery)
		}
	}
}

// round delivers one batch of due and one of new events while the claim is
// renewed. It reports whether there may be more at once.
func (d *Dispatcher) round(ctx context.Context, place Place) (busy bool, err error) {
	b := batch{d, ctx.Done()}
	work, end := finishing(ctx)
	defer end()
	go d.renew(work, end)

	due, err := d.Store.DueDeliveries(ctx, batchSize)
	if err != nil {
		return false, err
	}
	if len(due) > 0 {
		if busy, err = b.again(work, due); err != nil {
			return false, err
		}
	}
	page, err := d.Store.EventsAfter(ctx, place.Position, d.Kinds, batchSize)
	if err != nil {
		return false, err
	}
	if page.Position == place.Position {
		return busy, nil
	}
	return true, b.fresh(work, page)
}

// finishing returns a context that ends finishWithin after ctx does.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, func() {
		sleep(work, finishWithin)
		cancel()
	})
	return work, func() { release(); cancel() }
}

// renew keeps the claim; where it is lost it ends the round.
func (d *Dispatcher) renew(ctx context.Context, end context.CancelFunc) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := d.Store.ClaimWebhooks(ctx, d.holder, lease); errors.Is(err, ErrNotHolder) {
			end()
			return
		}
	}
}

// batch is the work of one round. The context of its methods ends with the claim, or
// finishWithin after a stop.
type batch struct {
	*Dispatcher
	stopped <-chan struct{}
}

// over reports whether no further attempt may begin.
func (b batch) over(ctx context.Context) bool {
	select {
	case <-b.stopped:
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// save stores results, after a stop, too.
func (b batch) save(ctx context.Context, results Results) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	return b.Store.SaveDeliveries(ctx, b.holder, results)
}

// again delivers events whose earlier attempts failed, each of another user, and
// stores the results. It reports whether one was delivered: the next one of its user
// is due then.
func (b batch) again(ctx context.Context, due []Due) (progress bool, err error) {
	var mu sync.Mutex
	var results Results
	err = b.each(len(due), func(i int) error {
		event := due[i]
		if b.over(ctx) {
			return nil
		}
		ok, wait, err := b.attempt(ctx, &event.Placed)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if ok {
			results.Delivered = append(results.Delivered, event.Position)
		} else {
			results.Failed = append(results.Failed, b.failure(&event.Placed, event.Attempts+1, wait))
		}
		return nil
	})
	return len(results.Delivered) > 0, errors.Join(err, b.save(ctx, results))
}

// fresh delivers new events, those of one user in order, and stores the results.
// After a failure the others of that user wait. Where the round ends early, what was
// not delivered waits for the next one, and nothing that was delivered is sent again.
func (b batch) fresh(ctx context.Context, page Page) error {
	var order []uuid.UUID
	of := map[uuid.UUID][]Placed{}
	for _, event := range page.Events {
		if of[event.UserID] == nil {
			order = append(order, event.UserID)
		}
		of[event.UserID] = append(of[event.UserID], event)
	}
	waiting, err := b.Store.WaitingUsers(ctx, order)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	results := Results{Position: page.Position}
	err = b.each(len(order), func(i int) error {
		failed, err := b.inOrder(ctx, of[order[i]], slices.Contains(waiting, order[i]))
		mu.Lock()
		defer mu.Unlock()
		results.Failed = append(results.Failed, failed...)
		return err
	})
	slices.SortFunc(results.Failed, func(a, b Failure) int { return int(a.Position - b.Position) })
	return errors.Join(err, b.save(ctx, results))
}

// inOrder delivers the events of one user until one fails, and returns that one and
// those after it. If the user is behind with earlier events, these wait for them.
func (b batch) inOrder(ctx context.Context, of []Placed, behind bool) (failed []Failure, err error) {
	for _, event := range of {
		left := Failure{Position: event.Position, UserID: event.UserID} // with no attempt of its own
		if !behind && !b.over(ctx) {
			var ok bool
			var wait time.Duration
			if ok, wait, err = b.attempt(ctx, &event); ok {
				continue
			}
			if err == nil {
				left = b.failure(&event, 1, wait)
			}
		}
		behind = true
		failed = append(failed, left)
	}
	return failed, err
}

// each runs do for 0 to n-1, at most atOnce at the same moment, and returns the
// errors.
func (d *Dispatcher) each(n int, do func(i int) error) error {
	errs := make([]error, n)
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(i)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (d *Dispatcher) failure(p *Placed, attempts int, wait time.Duration) Failure {
	return Failure{Position: p.Position, UserID: p.UserID, Attempts: attempts, Pause: max(pauseAfter(attempts), wait)}
}

// errGone ends a round: the receiver wants no more.
var errGone = errors.New("events: the receiver answered 410 Gone")

// attempt sends one event once. It reports whether it was taken, and, where it
// was not, how long the receiver asks us to wait. The error is of our own side,
// or errGone.
func (d *Dispatcher) attempt(ctx context.Context, p *Placed) (ok bool, wait time.Duration, err error) {
	message := p.Message()
	body, err := json.Marshal(struct {
		Type      users.EventKind `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      Message         `json:"data"`
	}{message.Kind, message.At, message})
	if err != nil {
		return false, 0, fmt.Errorf("events: write event %s: %w", message.ID, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL.String(), bytes.NewReader(body))
	if err != nil {
		return false, 0, errors.New("events: the webhook address cannot be used")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "wugan")
	d.Secret.SetHeaders(request.Header, "evt_"+message.ID, d.Now(), body)

	start := time.Now()
	response, err := d.client.Do(request)
	took := time.Since(start)
	if err != nil {
		if ctx.Err() != nil {
			return false, 0, ctx.Err()
		}
		d.Observe("failed", took)
		d.Log.WarnContext(ctx, "a webhook was not delivered", "event", message.ID, "kind", message.Kind, "error", unwrapURL(err))
		return false, 0, nil
	}
	_, _ = io.CopyN(io.Discard, response.Body, drained) // so that the connection can be used again
	_ = response.Body.Close()
	switch {
	case response.StatusCode/100 == 2:
		d.Observe("delivered", took)
		return true, 0, nil
	case response.StatusCode == http.StatusGone:
		d.Observe("gone", took)
		return false, 0, errors.Join(errGone, d.Store.StopWebhooks(ctx, d.holder, d.fingerprint))
	}
	d.Observe("failed", took)
	d.Log.WarnContext(ctx, "a webhook was not delivered", "event", message.ID, "kind", message.Kind, "status", response.StatusCode)
	return false, retryAfter(response.Header), nil
}

// retryAfter reads how many seconds a receiver asks for; an hour at most.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Hour)
}

// unwrapURL leaves out the address, which may hold a secret of the receiver's.
func unwrapURL(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return withURL.Err
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	maxFeed     = 256 << 20 // bytes; some two million sessions in one response
	maxFeedWait = 25 * time.Second
	feedPause   = time.Second // between responses that bring nothing and come at once
	// feedWhole is how long the whole feed may take.
	feedWhole = time.Minute
	// feedAgain is how often the feed is read again from the start, to repair any
	// earlier fault. feedStep is the step of the wall clock after which it is also
	// read again: the machine may have slept.
	feedAgain      = 5 * time.Minute
	feedStep       = 5 * time.Second
	feedSweep      = time.Minute
	feedSweepBatch = 1000
)

// RevocationFeed reads which sessions were revoked, so that their access tokens,
// which are verified without a call, are refused within about a second. It
// implements [Revocations].
//
// A revoked session is kept until its last access token has expired, and
// [MaxLeeway] longer, by the service's time and the monotonic clock, since this
// machine's wall clock may be wrong or jump. The whole feed is read again every
// five minutes and after such a jump. While the service is unreachable, tokens are
// still accepted, but new revocations are unknown; the reader retries after 1, 2,
// 4 … 60 seconds. Monitor [RevocationFeed.Lag]. A session takes about 50 bytes.
type RevocationFeed struct {
	remote
	address   func() string // closures: fmt would print a password or key in a field
	bad       error
	authorize func(http.Header)
	ready     chan struct{} // closed when everything known so far was read
	ctx       context.Context
	cancel    context.CancelFunc
	done      chan struct{}

	began    time.Time // the moments of until are counted from here
	mu       sync.RWMutex
	until    map[sessionKey]ended // when a session may be forgotten
	lastGood time.Time
	lastErr  error
}

// Feed starts reading the revocation feed of the service at base, its address
// without a path, such as https://auth.example.com. It authenticates with a gateway
// key, which appears in no error and no log and is not sent to the target of a
// redirect. [RevocationFeed.Ready] reports an invalid base or key. The caller must
// call [RevocationFeed.Close] when the feed is no longer needed.
func Feed(base, gatewayKey string, opts ...RemoteOption) *RevocationFeed {
	f := &RevocationFeed{
		remote:    newRemote(maxFeedWait, opts),
		authorize: func(h http.Header) { h.Set("Authorization", "Bearer "+gatewayKey) },
		ready:     make(chan struct{}),
		done:      make(chan struct{}),
		began:     time.Now(),
		until:     make(map[sessionKey]ended),
	}
	f.interval = min(max(f.interval, time.Second), maxFeedWait)
	f.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f.ctx, f.cancel = context.WithCancel(context.Background())
	u, err := parseAddress(base)
	if err == nil && !validHeaderValue(gatewayKey) {
		// net/http's own error would quote the key.
		err = errors.New("the gateway key is empty or not printable ASCII")
	}
	if err != nil {
		f.bad = fmt.Errorf("revocation feed: %w", err)
		close(f.done)
		return f
	}
	address := u.JoinPath("/api/v1/revocations").String()
	f.address = func() string { return address }
	go f.run()
	return f
}

func validHeaderValue(key string) bool {
	return key != "" && strings.IndexFunc(key, func(c rune) bool { return c <= ' ' || c >= 0x7f }) < 0
}

// Close stops reading. The revocations that were read stay known.
func (f *RevocationFeed) Close() {
	f.cancel()
	<-f.done
}

// Ready waits until the whole feed has been read once. It returns an error with
// the cause if ctx ends first, and at once if the base or the key is invalid.
func (f *RevocationFeed) Ready(ctx context.Context) error {
	if f.bad != nil {
		return f.bad
	}
	select {
	case <-f.ready:
		return nil
	case <-ctx.Done():
	case <-f.done:
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.lastErr != nil {
		return fmt.Errorf("revocation feed: %w", f.lastErr)
	}
	return errors.New("revocation feed: not read yet")
}

// Revoked reports whether the session is known to be revoked. It does not block.
func (f *RevocationFeed) Revoked(sessionID string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	_, ok := f.until[keyOf(sessionID)]
	return ok
}

// RevocationReason returns why a session was revoked, such as "signed_out", or ""
// if it was not revoked or the reason is unknown.
func (f *RevocationFeed) RevocationReason(sessionID string) string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return reasons[f.until[keyOf(sessionID)].reason]
}

// Lag returns the time since the last response of the service, or a negative
// duration if there was none. It reaches the interval (25 seconds) in a healthy
// feed, since the service delays a response that has no entries.
func (f *RevocationFeed) Lag() time.Duration {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.lastGood.IsZero() {
		return -1
	}
	return time.Since(f.lastGood)
}

// Len returns the number of revoked sessions that are kept.
func (f *RevocationFeed) Len() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.until)
}

// Format prints neither the address, which may hold a password, nor the rest.
func (f *RevocationFeed) Format(state fmt.State, _ rune) {
	fmt.Fprint(state, "verify.Feed")
}

var errCursor = errors.New("the service does not know our place in the feed; reading it from the start")

func (f *RevocationFeed) run() {
	defer close(f.done)
	var (
		cursor   string
		caughtUp bool
		read     int // entries since the start of the feed, while catching up
		backoff  time.Duration
		swept    = time.Now()
		again    = time.Now().Add(jitter(feedAgain))
		jumps    = jumpsOf(f.wall)
	)
	for f.ctx.Err() == nil {
		if jumps.jumped() || time.Now().After(again) {
			again = time.Now().Add(jitter(feedAgain))
			cursor, caughtUp, read = "", false, 0
		}
		start := time.Now()
		answer, err := f.read(cursor, caughtUp)
		if f.ctx.Err() != nil {
			return
		}
		if err != nil {
			if errors.Is(err, errCursor) {
				cursor, caughtUp, read = "", false, 0
			}
			f.failed(err)
			backoff = nextBackoff(backoff)
			pause(f.ctx, jitter(backoff))
			continue
		}
		backoff = 0
		cursor = answer.cursor
		// Without a wait the service may respond in pages, at once. The reader has
		// caught up when a response has no new entry and as many entries were read
		// as are known.
		if !caughtUp {
			read += answer.entries
			if !answer.news && (answer.entries == 0 || read >= f.Len()) {
				caughtUp, read = true, 0
				f.becomeReady()
			}
			continue
		}
		// A proxy that does not let answers wait, or two pods of which one is
		// behind and whose cursors differ, must not be asked thousands of times
		// a second.
		if !answer.news && time.Since(start) < feedPause {
			pause(f.ctx, feedPause)
		}
		if time.Since(swept) >= feedSweep {
			f.sweep()
			swept = time.Now()
		}
	}
}

// jumps detects by the monotonic clock that the wall clock was set or that the
// machine slept.
type jumps struct {
	wall func() time.Time
	seen time.Time // by the wall clock
	at   time.Time // the same moment, with its monotonic reading
}

func jumpsOf(wall func() time.Time) *jumps {
	return &jumps{wall: wall, seen: wall().Round(0), at: time.Now()}
}

// jumped reports whether that happened since the last call.
func (j *jumps) jumped() bool {
	seen, at := j.wall().Round(0), time.Now()
	jump := seen.Sub(j.seen) - at.Sub(j.at)
	j.seen, j.at = seen, at
	return jump.Abs() > feedStep
}

func (f *RevocationFeed) becomeReady() {
	select {
	case <-f.ready: // caught up once more, after having lost its place
	default:
		close(f.ready)
	}
}

func (f *RevocationFeed) failed(err error) {
	f.mu.Lock()
	f.lastErr = err
	f.mu.Unlock()
	f.onError(fmt.Errorf("revocation feed: %w", err))
}

// read sends one request for the entries after cursor. If wait is set, the service
// delays the response until there are some.
func (f *RevocationFeed) read(cursor string, wait bool) (learner, error) {
	query := url.Values{}
	limit := feedWhole
	if cursor != "" {
		query.Set("since", cursor)
		limit = fetchTimeout
	}
	if wait {
		query.Set("wait", f.interval.String())
		limit += f.interval
	}
	address := f.address()
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	ctx, cancel := context.WithTimeout(f.ctx, limit)
	defer cancel()
	header := http.Header{"Accept": {"application/json"}}
	f.authorize(header)
	response, err := f.get(ctx, address, header) //nolint:bodyclose // discard closes it
	if err != nil {
		return learner{}, err
	}
	defer discard(response.Body)
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusGone:
		if cursor != "" {
			return learner{}, fmt.Errorf("answered with status %d: %w", response.StatusCode, errCursor)
		}
		fallthrough
	default:
		return learner{}, fmt.Errorf("answered with status %d", response.StatusCode)
	}
	return f.learn(response)
}

// sweep removes sessions that can have no valid token any more. It works in small
// steps so that no check waits for it.
func (f *RevocationFeed) sweep() {
	now := f.moment(0)
	var gone []sessionKey
	f.mu.RLock()
	for id, x := range f.until {
		if now > x.until {
			gone = append(gone, id)
		}
	}
	f.mu.RUnlock()
	for len(gone) > 0 {
		batch := gone[:min(len(gone), feedSweepBatch)]
		gone = gone[len(batch):]
		f.mu.Lock()
		for _, id := range batch {
			// It may have been revoked again, for longer, in the meantime.
			if now > f.until[id].until {
				delete(f.until, id)
			}
		}
		f.mu.Unlock()
	}
}

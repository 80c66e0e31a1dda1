package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxJWKS         = 128 << 10 // bytes; an RSA key has some 400
	fetchTimeout    = 5 * time.Second
	unknownInterval = time.Minute // between two fetches for the sake of an unknown kid
	coldInterval    = time.Second // between two fetches for requests, while there are no keys at all
	minRefresh      = 10 * time.Second
	maxRefresh      = time.Hour
	defaultRefresh  = 5 * time.Minute
)

// RemoteKeys is the [KeySource] of a JWK Set address.
//
// The set is fetched in the background, with its ETag, as often as its
// Cache-Control allows (between 10 seconds and an hour). While the address is
// unreachable, the last keys stay in use and the fetch is retried after 1, 2, 4 …
// 60 seconds. A key that was removed from the set is refused after the next fetch.
//
// For an unknown kid, Key fetches the set, at most once a minute for all callers. A
// key must therefore be published before it signs, as the service does. If the last
// fetch failed, an unknown kid is [ErrKeysUnavailable] and not [ErrUnknownKey],
// since the key may be new.
type RemoteKeys struct {
	remote
	address func() string // a closure: fmt would print a password in a field
	bad     error         // the address is no use; set once
	set     atomic.Pointer[keySet]
	ready   chan struct{} // closed by the first good fetch
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu          sync.Mutex
	flight      *flight   // the fetch under way
	lastErr     error     // of the last fetch
	lastEnd     time.Time // of the last fetch
	lastUnknown time.Time // the last fetch for an unknown kid
	lastGood    time.Time
}

type keySet struct {
	keys map[string]Key
	etag string
}

// flight is one fetch that any number of callers wait for. Its fields are set
// before done is closed.
type flight struct {
	done chan struct{}
	next time.Duration // until the set should be fetched again
	err  error
}

// JWKS returns the keys of the JWK Set at address, usually
// ISSUER/.well-known/jwks.json. It starts the first fetch in the background;
// [RemoteKeys.Ready] waits for it. Ready and Key report an invalid address. The
// caller must call [RemoteKeys.Close] when the keys are no longer needed.
//
// It ignores symmetric and private keys, which must not be published; keys without a
// kid; keys for another use than signatures; and algorithms other than ES256, EdDSA
// and RS256. A fetch fails if the set has no usable key, has a kid twice, is larger
// than 128 KiB, or has another Content-Type than application/json or
// application/jwk-set+json. x5u is never followed.
func JWKS(address string, opts ...RemoteOption) *RemoteKeys {
	r := &RemoteKeys{remote: newRemote(defaultRefresh, opts), address: func() string { return address }, ready: make(chan struct{})}
	r.interval = min(max(r.interval, minRefresh), maxRefresh)
	r.client.CheckRedirect = noDowngrade
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if _, err := parseAddress(address); err != nil {
		r.bad = fmt.Errorf("%w: JWK Set: %w", ErrKeysUnavailable, err)
		return r
	}
	r.running.Add(1)
	go r.run()
	return r
}

// noDowngrade refuses a redirect from https to http, where the keys can be
// replaced on the way.
func noDowngrade(request *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("more than 3 redirects")
	}
	if via[0].URL.Scheme == "https" && request.URL.Scheme != "https" {
		return errors.New("redirected from https to http")
	}
	return nil
}

// Close stops the background work and any fetch in progress. The last keys stay in
// use.
func (r *RemoteKeys) Close() {
	r.mu.Lock()
	r.cancel()
	r.mu.Unlock()
	r.running.Wait()
}

// Ready waits until keys have been fetched. It returns an [ErrKeysUnavailable] with
// the cause if ctx ends first, and at once if the address is invalid.
func (r *RemoteKeys) Ready(ctx context.Context) error {
	if r.bad != nil {
		return r.bad
	}
	select {
	case <-r.ready:
		return nil
	case <-ctx.Done():
	case <-r.ctx.Done():
	}
	return r.unavailable()
}

// Age returns the time since the set was last fetched or confirmed as unchanged, or
// a negative duration if it never was.
func (r *RemoteKeys) Age() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastGood.IsZero() {
		return -1
	}
	return time.Since(r.lastGood)
}

// Format prints neither the address, which may hold a password, nor the rest.
func (r *RemoteKeys) Format(state fmt.State, _ rune) { fmt.Fprint(state, "verify.JWKS") }

// Key returns the key with the id kid. It does not block for a known id. For an
// unknown one it may wait for a fetch, for at most five seconds.
func (r *RemoteKeys) Key(ctx context.Context, kid string) (Key, error) {
	if key, ok := r.known(kid); ok {
		return key, nil
	}
	if r.bad != nil {
		return Key{}, r.bad
	}
	//nolint:contextcheck // a caller who gives up must not end the fetch for the others
	if current := r.lookAgain(); current != nil {
		select {
		case <-current.done:
		case <-ctx.Done():
			return Key{}, fmt.Errorf("%w: JWK Set: %w", ErrKeysUnavailable, ctx.Err())
		}
		if key, ok := r.known(kid); ok {
			return key, nil
		}
	}
	r.mu.Lock()
	failed := r.lastErr != nil
	r.mu.Unlock()
	if failed || r.set.Load() == nil {
		return Key{}, r.unavailable()
	}
	return Key{}, ErrUnknownKey
}

func (r *RemoteKeys) known(kid string) (Key, bool) {
	set := r.set.Load()
	if set == nil {
		return Key{}, false
	}
	key, ok := set.keys[kid]
	return key, ok
}

func (r *RemoteKeys) unavailable() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	cause := r.lastErr
	if cause == nil {
		cause = errors.New("not fetched yet")
	}
	return fmt.Errorf("%w: JWK Set: %w", ErrKeysUnavailable, cause)
}

// lookAgain joins the fetch under way, or starts one if it is time; else nil.
func (r *RemoteKeys) lookAgain() *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != nil {
		return r.flight
	}
	now := time.Now()
	if r.set.Load() == nil {
		if !r.lastEnd.IsZero() && now.Sub(r.lastEnd) < coldInterval {
			return nil
		}
		return r.startLocked()
	}
	if !r.lastUnknown.IsZero() && now.Sub(r.lastUnknown) < unknownInterval {
		return nil
	}
	r.lastUnknown = now
	return r.startLocked()
}

// startLocked starts a fetch; nil after Close. The caller holds r.mu, and there
// is no fetch under way.
func (r *RemoteKeys) startLocked() *flight {
	if r.ctx.Err() != nil {
		return nil
	}
	current := &flight{done: make(chan struct{})}
	r.flight = current
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		current.next, current.err = r.fetch()
		r.mu.Lock()
		r.flight, r.lastErr, r.lastEnd = nil, current.err, time.Now()
		first := false
		if current.err == nil {
			first = r.lastGood.IsZero()
			r.lastGood = r.lastEnd
		}
		r.mu.Unlock()
		if first {
			close(r.ready)
		}
		close(current.done)
		if current.err != nil && r.ctx.Err() == nil {
			r.onError(fmt.Errorf("JWK Set: %w", current.err))
		}
	}()
	return current
}

func (r *RemoteKeys) run() {
	defer r.running.Done()
	var backoff time.Duration
	for {
		r.mu.Lock()
		current := r.flight
		if current == nil {
			current = r.startLocked()
		}
		r.mu.Unlock()
		if current == nil {
			return
		}
		<-current.done // ends soon after Close, too
		wait := current.next
		backoff = nextBackoff(backoff)
		if current.err != nil {
			wait = backoff
		} else {
			backoff = 0
		}
		if !pause(r.ctx, jitter(wait)) {
			return
		}
	}
}

// fetch gets the set once and returns how long it is fresh.
func (r *RemoteKeys) fetch() (time.Duration, error) {
	ctx, cancel := context.WithTimeout(r.ctx, fetchTimeout)
	defer cancel()
	header := http.Header{"Accept": {"application/jwk-set+json, application/json"}}
	previous := r.set.Load()
	if previous != nil && previous.etag != "" {
		header.Set("If-None-Match", previous.etag)
	}
	response, err := r.get(ctx, r.address(), header) //nolint:bodyclose // discard closes it
	if err != nil {
		return 0, err
	}
	defer discard(response.Body)
	next := r.freshFor(response.Header)
	switch {
	case response.StatusCode == http.StatusNotModified && previous != nil:
		return next, nil
	case response.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("answered with status %d", response.StatusCode)
	}
	body, err := readJSON(response, maxJWKS, "application/jwk-set+json", "application/json")
	if err != nil {
		return 0, err
	}
	keys, left, err := parseJWKS(body)
	if err != nil {
		return 0, err
	}
	for _, reason := range left {
		r.onError(fmt.Errorf("JWK Set: left out: %w", reason))
	}
	r.set.Store(&keySet{keys: keys, etag: response.Header.Get("Etag")})
	return next, nil
}

// freshFor reads Cache-Control (RFC 9111 section 5.2.2), within our bounds.
func (r *RemoteKeys) freshFor(header http.Header) time.Duration {
	fresh := r.interval
	for directive := range strings.SplitSeq(header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return minRefresh
		case "max-age":
			seconds, err := strconv.Atoi(strings.Trim(value, `"`))
			if err == nil && seconds >= 0 {
				fresh = time.Duration(min(seconds, int(maxRefresh/time.Second))) * time.Second
			}
		}
	}
	return min(max(fresh, minRefresh), maxRefresh)
}

package providers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// AppToken caches the access token of one app, which some calls carry. Every process
// has its own AppToken. The platforms that use it return the same token to all callers
// or keep earlier tokens valid, so processes need no lock and do not invalidate each
// other's token.
type AppToken struct {
	caller  *Caller
	api     API
	fetch   func(ctx context.Context) (value string, life time.Duration, err error)
	flights singleflight.Group

	mu      sync.Mutex
	value   string
	expires time.Time
	renewAt time.Time
}

// NewAppToken returns an AppToken that is fetched by a call of the API. fetch makes that
// call and returns the token's lifetime, counted from the beginning of the call.
func (c *Caller) NewAppToken(a API, fetch func(ctx context.Context) (value string, life time.Duration, err error)) *AppToken {
	return &AppToken{caller: c, api: a, fetch: fetch}
}

// Get returns the token (up to 512 characters) and when it expires. Concurrent callers
// share one fetch; a caller that gives up does not cancel it for the others. The token
// is renewed in the background one to four minutes before it expires, at random, so that
// processes do not renew it together. Errors: ErrRejectedApp, ErrRateLimited,
// ErrUnavailable.
func (t *AppToken) Get(ctx context.Context) (value string, expires time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.caller.timeout)
	defer cancel()
	now := t.caller.now()
	value, renewAt, expires := t.held()
	if value != "" && now.Before(renewAt) {
		return value, expires, nil
	}
	ch := t.flights.DoChan("", func() (any, error) { return t.refetch(ctx) })
	if value != "" && now.Before(expires) {
		return value, expires, nil
	}
	select {
	case <-ctx.Done():
		return "", time.Time{}, t.caller.failed(ctx, t.api, ctx.Err())
	case res := <-ch:
		if res.Err != nil {
			return "", time.Time{}, res.Err
		}
		_, _, expires = t.held()
		return res.Val.(string), expires, nil
	}
}

func (t *AppToken) held() (value string, renewAt, expires time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.value, t.renewAt, t.expires
}

// drop forgets a token that the platform refused, unless another call has
// replaced it meanwhile.
func (t *AppToken) drop(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == value {
		t.value = ""
	}
}

// refetch runs for all waiting callers, so it is not cancelled with the context of the
// first, but takes no longer than any other call.
func (t *AppToken) refetch(ctx context.Context) (string, error) {
	c := t.caller
	if value, renewAt, _ := t.held(); value != "" && c.now().Before(renewAt) {
		return value, nil // fetched between the caller's look and this flight
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	defer cancel()
	// What the platform counts from is later than this, so the token is never
	// believed to live longer than it does.
	asked := c.now()
	value, life, err := t.fetch(ctx)
	if err == nil && (!plausibleToken(value) || life <= 0) {
		err = c.Lacks(t.api, "a token or its life")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		// The old token, where there is one, works until it expires: ask again,
		// but not with every call.
		if t.renewAt = c.now().Add(5 * time.Second); t.renewAt.After(t.expires) {
			t.renewAt = t.expires
		}
		return "", err
	}
	// Within the last five minutes, for before them WeChat gives the same
	// token again.
	margin := time.Minute + time.Duration(c.rand()*float64(3*time.Minute))
	t.value, t.expires, t.renewAt = value, asked.Add(life), asked.Add(life-min(margin, life/2))
	return value, nil
}

func plausibleToken(s string) bool {
	return s != "" && len(s) <= 512 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// CallWithToken makes a call that carries the app token; with adds it to the request. If
// the platform refuses the token, CallWithToken drops it, unless it was replaced
// meanwhile, fetches a new one and retries the call once.
func (c *Caller) CallWithToken(ctx context.Context, t *AppToken, with func(token string) Request) (Fields, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for first := true; ; first = false {
		token, _, err := t.Get(ctx)
		if err != nil {
			return nil, err
		}
		f, err := c.Call(ctx, with(token))
		var e *Error
		if !errors.As(err, &e) || e.Kind != KindAppToken {
			return f, err
		}
		t.drop(token)
		if !first {
			e.Kind, e.Reason = KindUnexpected, "a new app token was refused as well"
			e.RetryAfter = retryAfter(e.Kind)
			return nil, e
		}
	}
}

package wechat

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// tokenCache holds one app's access token. Every process has its own:
// stable_token gives the same token to all who ask until its last five
// minutes, and then a new one while the old still works, so no lock between
// processes is needed and none supersedes another's token.
type tokenCache struct {
	mu      sync.Mutex
	value   string
	expires time.Time
	renewAt time.Time
}

func (t *tokenCache) get() (value string, renewAt, expires time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.value, t.renewAt, t.expires
}

// drop forgets a token that WeChat refused, unless another call has replaced
// it meanwhile.
func (t *tokenCache) drop(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == value {
		t.value = ""
	}
}

// AccessToken returns the app's access token (up to 512 characters). However
// many ask at the same moment, it is fetched once; a caller who gives up does
// not end the fetch for the others. It is kept until one to four minutes before
// its end (at random, so that processes do not come all at once), and renewed
// then without anybody waiting.
// Errors: ErrUnknownApp, ErrRejectedApp, ErrRateLimited, ErrUnavailable.
func (c *Client) AccessToken(ctx context.Context, appID string) (Secret, error) {
	if _, err := c.app(apiStableToken, appID); err != nil {
		return Secret{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	value, err := c.accessToken(ctx, appID)
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(value), nil
}

func (c *Client) accessToken(ctx context.Context, appID string) (string, error) {
	now := c.now()
	value, renewAt, expires := c.tokens[appID].get()
	if value != "" && now.Before(renewAt) {
		return value, nil
	}
	ch := c.flights.DoChan(appID, func() (any, error) { return c.fetchToken(ctx, appID) })
	if value != "" && now.Before(expires) {
		return value, nil
	}
	select {
	case <-ctx.Done():
		return "", c.failed(ctx, apiStableToken, ctx.Err())
	case res := <-ch:
		if res.Err != nil {
			return "", res.Err
		}
		return res.Val.(string), nil
	}
}

// fetchToken runs for all who wait, so it outlives the caller whose context it
// was started with, but for no longer than any call may take.
func (c *Client) fetchToken(ctx context.Context, appID string) (string, error) {
	cache := c.tokens[appID]
	if value, renewAt, _ := cache.get(); value != "" && c.now().Before(renewAt) {
		return value, nil // fetched between the caller's look and this flight
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	defer cancel()
	// What WeChat counts from is later than this, so the token is never
	// believed to live longer than it does.
	asked := c.now()
	f, err := c.call(ctx, request{api: apiStableToken, body: map[string]any{
		"grant_type": "client_credential",
		"appid":      appID,
		"secret":     c.apps[appID].Secret.Reveal(),
	}})
	value := f.text("access_token")
	seconds, ok := f.integer("expires_in")
	if err == nil && (!plausibleToken(value) || !ok || seconds <= 0) {
		err = lacks(apiStableToken, "access_token or expires_in")
	}
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if err != nil {
		// The old token, where there is one, still works: ask again, but not
		// with every call.
		cache.renewAt = c.now().Add(5 * time.Second)
		return "", err
	}
	life := time.Duration(min(seconds, 7200)) * time.Second
	// Within the last five minutes, for before them WeChat gives the same
	// token again.
	margin := time.Minute + time.Duration(c.rand()*float64(3*time.Minute))
	cache.value, cache.expires, cache.renewAt = value, asked.Add(life), asked.Add(life-min(margin, life/2))
	return value, nil
}

func plausibleToken(s string) bool {
	return s != "" && len(s) <= 512 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// callWithToken makes a call that carries the access token. If WeChat refuses
// the token (40001 superseded, 40014 malformed, 42001 expired), it is dropped
// unless it was replaced meanwhile, fetched anew, and the call is tried once
// more, no further: a second refusal is not cured by a third token.
func (c *Client) callWithToken(ctx context.Context, appID string, r request) (fields, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if r.query == nil {
		r.query = make(map[string][]string, 1)
	}
	for first := true; ; first = false {
		token, err := c.accessToken(ctx, appID)
		if err != nil {
			return nil, err
		}
		r.query.Set("access_token", token)
		f, err := c.call(ctx, r)
		var e *Error
		if !errors.As(err, &e) || e.Kind != kindAccessToken {
			return f, err
		}
		c.tokens[appID].drop(token)
		if !first {
			e.Kind, e.Reason = KindUnexpected, "a new access token was refused as well"
			e.RetryAfter = retryAfter(e.Kind)
			return nil, e
		}
	}
}

package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	userAgent    = "wugan-verify"
)

// RemoteOption configures how [JWKS] and [Feed] reach the service.
type RemoteOption func(*remote)

// WithHTTPClient uses the transport and cookie jar of client instead of those of
// [http.DefaultClient]. Its timeout and redirect policy are not used.
func WithHTTPClient(client *http.Client) RemoteOption {
	return func(r *remote) { r.client = *client }
}

// WithErrorHook calls hook, from a goroutine of the reader, for every failed attempt
// and every ignored key. The errors contain no key and no token.
func WithErrorHook(hook func(error)) RemoteOption {
	return func(r *remote) { r.onError = hook }
}

// WithInterval sets, for [JWKS], how long keys are fresh if the response has no
// Cache-Control; the default is 5 minutes and the minimum 10 seconds. For [Feed] it
// sets how long the service may delay a response without entries; the default and
// the maximum are 25 seconds.
func WithInterval(interval time.Duration) RemoteOption {
	return func(r *remote) { r.interval = interval }
}

// remote is the common part of the readers of the service.
type remote struct {
	client   http.Client
	interval time.Duration
	onError  func(error)
	wall     func() time.Time // a test's, or time.Now
}

func newRemote(interval time.Duration, opts []RemoteOption) remote {
	r := remote{interval: interval, onError: func(error) {}, wall: time.Now}
	for _, opt := range opts {
		opt(&r)
	}
	r.client.Timeout = 0 // each request has a context with its own limit
	return r
}

// parseAddress accepts absolute http and https addresses.
func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address cannot be parsed") // the cause repeats it, with any password
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, errors.New("want an absolute http or https address")
	}
	return u, nil
}

// get sends one GET request. Its errors omit the address, which may contain a
// password.
func (r *remote) get(ctx context.Context, address string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, withoutAddress(err)
	}
	request.Header = header
	request.Header.Set("User-Agent", userAgent)
	response, err := r.client.Do(request)
	if err != nil {
		return nil, withoutAddress(err)
	}
	return response, nil
}

func withoutAddress(err error) error {
	var located *url.Error
	if errors.As(err, &located) {
		return located.Err
	}
	return err
}

// checkType returns an error for another media type: captive portals and error pages
// also have the status 200.
func checkType(response *http.Response, types ...string) error {
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(types, mediaType) {
		return fmt.Errorf("answered with another Content-Type than %v", types)
	}
	return nil
}

// readJSON reads a body of one of the media types, up to limit bytes.
func readJSON(response *http.Response, limit int64, types ...string) ([]byte, error) {
	if err := checkType(response, types...); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", withoutAddress(err))
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("answered with more than %d bytes", limit)
	}
	return body, nil
}

// discard reads the rest of the body, so that the connection can be reused, and
// closes it.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}

// pause waits for d and reports whether ctx is still valid.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter varies d by up to a tenth, so that pods that were started together do not
// send their requests together.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1)) //nolint:gosec // spreads load, guards nothing
}

func nextBackoff(d time.Duration) time.Duration { return min(max(2*d, firstBackoff), maxBackoff) }

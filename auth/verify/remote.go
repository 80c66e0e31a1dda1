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

// RemoteOption changes how [JWKS] and [Feed] reach the service.
type RemoteOption func(*remote)

// WithHTTPClient uses this client's transport and cookie jar instead of
// [http.DefaultClient]'s. Time limits and the treatment of redirects stay ours.
func WithHTTPClient(client *http.Client) RemoteOption {
	return func(r *remote) { r.client = *client }
}

// WithErrorHook calls hook, from a goroutine of the reader, for every failed
// attempt and every key that was left out. The errors hold no key and no token.
func WithErrorHook(hook func(error)) RemoteOption {
	return func(r *remote) { r.onError = hook }
}

// WithInterval sets, for [JWKS], how long keys are kept before they are fetched
// again where the response has no Cache-Control (5 minutes without this option, at
// least 10 seconds); for [Feed], how long the service may hold an empty response
// back (25 seconds without this option, which also is the most).
func WithInterval(interval time.Duration) RemoteOption {
	return func(r *remote) { r.interval = interval }
}

// remote is what the readers of the service have in common.
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

// get sends one GET. Its errors leave out the address, which may hold a password.
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

// checkType refuses a body of another media type: captive portals and error pages
// also answer 200.
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

// discard lets the connection be used again, and closes the body.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}

// pause waits; it reports whether it waited to the end.
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

// jitter spreads d by a tenth either way, so that pods that were started together
// do not all ask together.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1)) //nolint:gosec // spreads load, guards nothing
}

func nextBackoff(d time.Duration) time.Duration { return min(max(2*d, firstBackoff), maxBackoff) }

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// The errors of requests that got no response from an upstream. Compare with
// errors.Is. None of them is a reason to log in again.
var (
	// ErrNoUpstream: the path belongs to no upstream. 404.
	ErrNoUpstream = errors.New("no upstream answers this path")
	// ErrMethod: TRACE and CONNECT are not passed on. 405; the header Allow is
	// set already.
	ErrMethod = errors.New("the method is not passed on")
	// ErrPath: the path has segments that lead up, control characters, or bytes
	// that are not UTF-8. 400.
	ErrPath = errors.New("the path is not one that every reader takes for the same")
	// ErrUpstreamDown: the upstream cannot be reached, or broke off before its
	// answer began. 502.
	ErrUpstreamDown = errors.New("the upstream does not answer")
	// ErrUpstreamTimeout: the upstream took too long. 504.
	ErrUpstreamTimeout = errors.New("the upstream took too long")
	// ErrClientTimeout: the client did not send what it announced. 408.
	ErrClientTimeout = errors.New("the client took too long to send its request")
	// ErrClientBody: the body is not what its transfer coding says. 400.
	ErrClientBody = errors.New("the body of the request is malformed")
	// ErrClientGone: the client has closed the connection.
	ErrClientGone = errors.New("the client has gone")
)

// clientError is a failure to read what the client sends.
type clientError struct{ cause error }

func (e *clientError) Error() string { return "read the request: " + e.cause.Error() }
func (e *clientError) Unwrap() error { return e.cause }

// upstreamError returns the error for a request without a response: a fault of the
// upstream or of the client.
func upstreamError(r *http.Request, err error) error {
	var (
		client  *clientError
		network net.Error
	)
	timeout := errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) && network.Timeout()
	switch {
	case errors.As(err, &client) && timeout:
		return fmt.Errorf("%w: %w", ErrClientTimeout, err)
	case errors.As(err, &client) && malformed(r, client.cause):
		return fmt.Errorf("%w: %w", ErrClientBody, err)
	case errors.As(err, &client), errors.Is(r.Context().Err(), context.Canceled):
		return fmt.Errorf("%w: %w", ErrClientGone, err)
	case timeout, errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrUpstreamTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrUpstreamDown, err)
}

// malformed reports whether a body could not be read because it is no chunked
// transfer coding (RFC 9112 section 7.1), and not because the connection broke.
// net/http has no type for that error.
func malformed(r *http.Request, err error) bool {
	var network net.Error
	return r.ProtoMajor == 1 && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) &&
		!errors.Is(err, http.ErrBodyReadAfterClose) && !errors.Is(err, context.Canceled) && !errors.As(err, &network)
}

// What is read of an upload whose request is refused.
const (
	drainMost   = 32 << 20
	drainWithin = 15 * time.Second
)

// drain reads what a client is still sending, within limits, so that the client can
// read the response. A client that waits for 100 Continue has sent nothing.
func drain(w http.ResponseWriter, r *http.Request, idle time.Duration) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 || r.Header.Get("Expect") != "" {
		return
	}
	control := http.NewResponseController(w)
	// Not every writer has deadlines; without one the amount still is limited.
	_ = control.SetReadDeadline(time.Now().Add(min(drainWithin, idle)))
	// Whatever happens, the response is the same. The deadline stays where
	// something is left, which net/http reads before it sends the response.
	if _, err := io.CopyN(io.Discard, r.Body, drainMost); errors.Is(err, io.EOF) {
		_ = control.SetReadDeadline(time.Time{})
	}
}

package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialWithin = 5 * time.Second
	// keepIdle is how long a connection to an upstream is kept for the next
	// request. A request that meets one which the upstream has just closed is
	// sent again by net/http, if it is safe to.
	keepIdle     = 90 * time.Second
	keepPerHost  = 256
	copyBuffer   = 32 << 10
	continueWait = time.Second
)

// newTransport returns the transport to the upstreams.
func newTransport(timeout, idle time.Duration) *http.Transport {
	dialer := net.Dialer{Timeout: min(dialWithin, timeout), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: nil, // the upstreams are ours; HTTP_PROXY is not for them
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &upstreamConn{conn, idle}, nil
		},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   dialWithin,
		ResponseHeaderTimeout: timeout,
		ExpectContinueTimeout: continueWait,
		MaxIdleConnsPerHost:   keepPerHost,
		IdleConnTimeout:       keepIdle,
		// What an upstream sends is what the client gets.
		DisableCompression: true,
	}
}

// upstreamConn is a connection to an upstream with a write timeout: it fails if the
// upstream reads nothing of an upload for too long. Reads have no timeout, since a
// response may be silent for hours.
type upstreamConn struct {
	net.Conn
	idle time.Duration
}

func (c *upstreamConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// requestBody is the body of a client's request. The size and the duration of an
// upload are not limited, but its pauses are.
type requestBody struct {
	io.ReadCloser
	control *http.ResponseController
	idle    time.Duration
	// failure is why reading ended before its end. net/http ends the request's
	// context then, so that the upstream's side knows of no reason.
	failure atomic.Pointer[clientError]
	// atEnd copies the trailers, which come after the body.
	atEnd func()
}

func newRequestBody(w http.ResponseWriter, r *http.Request, idle time.Duration) *requestBody {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	return &requestBody{ReadCloser: body, control: http.NewResponseController(w), idle: idle}
}

func (b *requestBody) Read(p []byte) (int, error) {
	// Not every writer has deadlines. Without the limit taken back at the end,
	// it would be taken for the client having gone while the upstream thinks.
	_ = b.control.SetReadDeadline(time.Now().Add(b.idle))
	n, err := b.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		// After a failure it stays: net/http would read what is left of the body
		// before it sends our response.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		if b.atEnd != nil {
			b.atEnd()
		}
	default:
		failure := &clientError{err}
		b.failure.Store(failure)
		err = failure
	}
	return n, err
}

// sendTrailers forwards the trailers that a client announced. ReverseProxy does not,
// because it copies the request before they arrive.
func (b *requestBody) sendTrailers(in, out *http.Request) {
	if len(in.Trailer) == 0 {
		return
	}
	out.Trailer = http.Header{}
	for name := range in.Trailer {
		if !isReserved(name) {
			out.Trailer[name] = nil
		}
	}
	if len(out.Trailer) == 0 {
		out.Trailer = nil
		return
	}
	b.atEnd = func() {
		for name := range out.Trailer {
			out.Trailer[name] = in.Trailer.Values(name)
		}
	}
}

// answerWriter is a ResponseWriter with a write timeout: it fails if the client
// reads nothing of a response for too long. The deadline is removed after each
// write, because in HTTP/2 it would end a response that only pauses.
type answerWriter struct {
	http.ResponseWriter
	outer   http.Header
	idle    time.Duration
	control *http.ResponseController
}

func newAnswerWriter(w http.ResponseWriter, outer http.Header, idle time.Duration) *answerWriter {
	return &answerWriter{w, outer, idle, http.NewResponseController(w)}
}

// Unwrap lets http.ResponseController find what is not here: hijacking.
func (a *answerWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader sends the header. ReverseProxy clears it after each 1xx answer,
// and with it what was set around the gateway.
func (a *answerWriter) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		h := a.Header()
		for name, values := range a.outer {
			if _, there := h[name]; !there {
				h[name] = values
			}
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answerWriter) Write(p []byte) (int, error) {
	_ = a.control.SetWriteDeadline(time.Now().Add(a.idle)) // see requestBody.Read
	n, err := a.ResponseWriter.Write(p)
	_ = a.control.SetWriteDeadline(time.Time{})
	return n, err
}

// FlushError sends what was written so far.
func (a *answerWriter) FlushError() error {
	_ = a.control.SetWriteDeadline(time.Now().Add(a.idle)) // see requestBody.Read
	err := a.control.Flush()
	_ = a.control.SetWriteDeadline(time.Time{})
	return err
}

// buffers is a pool of the copy buffers between upstream and client.
type buffers struct{ pool sync.Pool }

func newBuffers() httputil.BufferPool {
	return &buffers{sync.Pool{New: func() any { return new([copyBuffer]byte) }}}
}

func (b *buffers) Get() []byte {
	return b.pool.Get().(*[copyBuffer]byte)[:]
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[copyBuffer]byte)(p)) }

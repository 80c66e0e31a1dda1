package httpapi

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Limits of every request, from its first byte on, whatever runs before the
// handler. What is passed on to upstreams has its own (see upstreamWriter).
const (
	headersWithin = 5 * time.Second // TLS handshakes, too
	// readWithin bounds a request as a whole: headers and body.
	readWithin = 15 * time.Second
	// answerWithin bounds the work and the response, counted from the end of the
	// headers. It is shorter than a graceful stop waits, and longer than any
	// call that a handler makes.
	answerWithin = 28 * time.Second
	idleFor      = 2 * time.Minute
	maxHeaders   = 32 << 10
)

// NewServer returns a server for a handler of [New], or for one that wraps it, with all
// timeouts set: a connection is closed if its peer sends nothing, announces a body and
// does not send it, or does not read. The caller may set TLSConfig and BaseContext. log
// receives the messages of net/http about connections, at level debug.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headersWithin,
		ReadTimeout:       readWithin,
		WriteTimeout:      answerWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// net/http's own response to OPTIONS * carries none of our headers.
		DisableGeneralOptionsHandler: true,
	}
}

// withLimits bounds the body of a request to our own paths. A body whose length
// is not known is read before the handler, which may not look at it: one that is
// too large is refused all the same.
func withLimits(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if isVerify(c) {
			return next(c) // it has nothing to do with the body
		}
		if r.ContentLength > maxBody {
			return newProblem(codeBodyTooLarge, nil)
		}
		if r.ContentLength < 0 { // net/http reads no more than the length, if there is one
			body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, maxBody))
			if err != nil {
				return readProblem(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		return next(c)
	}
}

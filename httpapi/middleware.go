package httpapi

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// What the middleware keeps in Echo's context for the log line.
const (
	callerKey  = "wugan.caller"
	outcomeKey = "wugan.outcome"
	causeKey   = "wugan.cause"
)

// Deadlines for our own paths; what is passed on to upstreams has its own.
const (
	readWithin  = 15 * time.Second
	writeWithin = 45 * time.Second // longer than the longest poll
)

// requestID returns the id that withRequestID gave the request.
func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// withRequestID answers with the caller's id, if it is fit for a log line and a
// header, else with a new one.
func withRequestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !fitForLog(id) {
			id = uuid.NewString()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

func fitForLog(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// withLog writes one line a request. The route is logged, never the address: a
// query may hold what must not be in a log.
func (a *api) withLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		started := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		took := time.Since(started)
		a.logRequest(c, took)
		if a.observe != nil {
			a.observe(c.Request().Method, c.Path(), c.Response().Status, took)
		}
		return nil
	}
}

// frequent are the routes whose good answers are logged for debugging only:
// probes every few seconds, and the check that a gateway makes for each request
// of its own log.
var frequent = map[string]bool{"/healthz": true, "/readyz": true, "/api/v1/auth/verify": true}

func (a *api) logRequest(c echo.Context, took time.Duration) {
	status, ctx := c.Response().Status, c.Request().Context()
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	case status < http.StatusBadRequest && frequent[c.Path()]:
		level = slog.LevelDebug
	}
	if !a.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs,
		slog.String("requestId", requestID(c)),
		slog.String("method", c.Request().Method),
		slog.String("route", c.Path()),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.String("ip", c.RealIP()))
	if who, ok := c.Get(callerKey).(caller); ok {
		attrs = append(attrs, slog.String("user", who.userID.String()), slog.String("session", who.sessionID.String()))
	}
	if outcome, ok := c.Get(outcomeKey).(string); ok {
		attrs = append(attrs, slog.String("outcome", outcome))
	}
	if cause, ok := c.Get(causeKey).(error); ok {
		attrs = append(attrs, slog.String("error", cause.Error()))
	}
	a.log.LogAttrs(ctx, level, "request", attrs...)
}

// withRecovery turns a panic into 500 and a line in the log.
func (a *api) withRecovery(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler: // net/http compares it like this too
				panic(p)
			default:
				a.log.ErrorContext(c.Request().Context(), "panic", slog.String("requestId", requestID(c)),
					slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
				err = newProblem("internal", fmt.Errorf("panic: %v", p))
			}
		}()
		return next(c)
	}
}

// withLimits bounds body and time of a request to our own paths. A body whose
// length is not known is read before the handler, which may not look at it: one
// that is too large is refused all the same.
func withLimits(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, w := c.Request(), c.Response()
		if r.ContentLength > maxBody {
			return newProblem("body_too_large", nil)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		control := http.NewResponseController(w)
		now := time.Now()
		// Not every writer (a test's recorder) has deadlines.
		_ = control.SetReadDeadline(now.Add(readWithin))
		_ = control.SetWriteDeadline(now.Add(writeWithin))
		if r.ContentLength < 0 {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return readProblem(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		return next(c)
	}
}

// withHeaders says what browsers may do with answers of an API: nothing.
func withHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		setSafeHeaders(c.Response().Header())
		return next(c)
	}
}

func setSafeHeaders(h http.Header) {
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	h.Set(echo.HeaderReferrerPolicy, "no-referrer")
}

// warnOfProxy says once that a proxy seems to be in front whose word about
// clients' addresses is not believed, because then all of them share one rate.
func (a *api) warnOfProxy() echo.MiddlewareFunc {
	var once sync.Once
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Request().Header.Get(echo.HeaderXForwardedFor) != "" {
				once.Do(func() {
					a.log.WarnContext(c.Request().Context(),
						"requests come with X-Forwarded-For, but WUGAN_TRUSTED_PROXIES is not set: the proxy's address is taken for the client's",
						slog.String("peer", c.RealIP()))
				})
			}
			return next(c)
		}
	}
}

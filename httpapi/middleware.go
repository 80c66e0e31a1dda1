package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
)

// What the middleware keeps in Echo's context for the log line.
const (
	callerKey  = "wugan.caller"
	outcomeKey = "wugan.outcome"
	causeKey   = "wugan.cause"
	endedKey   = "wugan.ended"
	keyKey     = "wugan.key"
)

// once makes one middleware of all, and composes them once: Echo composes its
// middleware again for each request, which is an allocation or two for each of them.
func once(all []echo.MiddlewareFunc) echo.MiddlewareFunc {
	// The handler of the path that Echo has found for the request.
	chain := func(c echo.Context) error { return c.Handler()(c) }
	for _, middleware := range slices.Backward(all) {
		chain = middleware(chain)
	}
	return func(echo.HandlerFunc) echo.HandlerFunc { return chain }
}

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
		x := newExchange(c)
		defer x.release()
		c = x
		if err := next(c); err != nil {
			c.Error(err)
		}
		took := time.Since(started)
		a.refused.note(c)
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
		slog.Float64("tookMs", float64(took.Microseconds())/1000),
		slog.String("ip", c.RealIP()))
	if who, ok := c.Get(callerKey).(caller); ok {
		attrs = append(attrs, slog.String("user", who.userID.String()), slog.String("session", who.sessionID.String()))
	}
	if key, ok := c.Get(keyKey).(string); ok {
		attrs = append(attrs, slog.String("key", key))
		if id, ok := parseID(c.Param("id")); ok {
			attrs = append(attrs, slog.String("target", id.String()))
		}
	}
	if ended, ok := c.Get(endedKey).([]string); ok {
		attrs = append(attrs, slog.Any("ended", ended))
	}
	if outcome, ok := c.Get(outcomeKey).(string); ok {
		attrs = append(attrs, slog.String("outcome", outcome))
	}
	if cause, ok := c.Get(causeKey).(error); ok {
		if reason := a.endReason(c, cause); reason != "" {
			attrs = append(attrs, slog.String("reason", string(reason)))
		}
		attrs = append(attrs, slog.String("error", cause.Error()))
	}
	a.log.LogAttrs(ctx, level, "request", attrs...)
}

// endReason returns why the session of a refused request ended, also where the
// response does not say so.
func (a *api) endReason(c echo.Context, cause error) auth.Reason {
	var ended *auth.RevokedError
	if errors.As(cause, &ended) {
		return ended.Reason
	}
	if who, ok := c.Get(callerKey).(caller); ok && errors.Is(cause, verify.ErrRevoked) {
		return a.revocations.Reason(who.sessionID)
	}
	return ""
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
				err = newProblem(codeInternal, fmt.Errorf("panic: %v", p))
			}
		}()
		return next(c)
	}
}

// withHeaders says what browsers and caches may do with responses of an API:
// nothing. Documents that are public say otherwise themselves.
func withHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		setSafeHeaders(h)
		h.Set(echo.HeaderCacheControl, noStore)
		return next(c)
	}
}

// noStore keeps a response out of every cache (RFC 9111 section 5.2.2.5).
const noStore = "no-store"

func setSafeHeaders(h http.Header) {
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	h.Set(echo.HeaderReferrerPolicy, "no-referrer")
}

// withStop asks clients to close their connections once the service is about to
// stop, so that the next request goes to another process and none meets a
// connection that is just being closed. A connection that becomes a WebSocket is
// left alone: there the header Connection says something else.
func (a *api) withStop(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		select {
		case <-a.stopping: // nil, which never is ready, where nothing stops it
			if c.Request().Header.Get(echo.HeaderUpgrade) == "" {
				c.Response().Header().Set(echo.HeaderConnection, "close")
			}
		default:
		}
		return next(c)
	}
}

// withPreflight sets on the responses of withCORS what withHeaders, which they
// do not reach, sets on others.
func withPreflight(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Method == http.MethodOptions {
			return withHeaders(next)(c)
		}
		return next(c)
	}
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

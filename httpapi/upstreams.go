package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/gateway"
)

// streamsEnd is how long after the order to stop an answer of an upstream may
// still run. A stop waits for what was accepted, but some streams have no end.
const streamsEnd = 20 * time.Second

// echoKey finds Echo's context in that of a request on its way to an upstream.
type echoKey struct{}

// upstreams hands requests to the gateway inside.
type upstreams struct {
	*api
	gateway *gateway.Gateway // nil: there are none
	all     context.Context  //nolint:containedctx // it ends what goes on when the service stops
}

// mountUpstreams makes the gateway inside; nil: there are no upstreams.
func (a *api) mountUpstreams(c *gateway.Config) (*upstreams, error) {
	u := &upstreams{api: a}
	if c == nil {
		return u, nil
	}
	config := *c
	config.Verifier, config.OnError = a.verifier, a.answerForUpstream
	g, err := gateway.New(config)
	if err != nil {
		return nil, err
	}
	u.gateway, u.all = g, untilStopped(a.stopping, streamsEnd)
	return u, nil
}

// answerForUpstream answers a request that no upstream has answered.
func (a *api) answerForUpstream(w http.ResponseWriter, r *http.Request, err error) {
	c, ok := r.Context().Value(echoKey{}).(echo.Context)
	switch {
	case !ok:
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	case errors.Is(err, gateway.ErrClientGone):
		answerNobody(c)
	default:
		setSafeHeaders(c.Response().Header())
		a.answerProblem(err, c) //nolint:contextcheck // it is in Echo's
	}
}

// route returns the path of the upstream that a request belongs to: its path is
// none of ours.
func (u *upstreams) route(c echo.Context) (string, bool) {
	// Echo's path is empty where no route of ours fits.
	if u.gateway == nil || c.Path() != "" && !strings.HasSuffix(c.Path(), everythingBelow) {
		return "", false
	}
	return u.gateway.Route(c.Request().URL.Path)
}

func (u *upstreams) has(c echo.Context) bool {
	_, ok := u.route(c)
	return ok
}

// pass is the middleware that hands requests to upstreams. It stands in front of
// the limits for our own paths, which do not apply to uploads and streams of
// others.
func (u *upstreams) pass(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		prefix, ok := u.route(c)
		if !ok {
			return next(c)
		}
		r := c.Request()
		c.SetPath(prefix) // for the log and the metrics: what follows may be anything
		defer func() {
			if p := recover(); p != nil {
				// Half an answer must not look like a whole one, so
				// ReverseProxy panics to have the connection closed.
				u.log.InfoContext(r.Context(), "an answer of an upstream broke off",
					slog.String("requestId", requestID(c)), slog.String("route", prefix))
				panic(p)
			}
		}()
		ctx, end := context.WithCancel(context.WithValue(r.Context(), echoKey{}, c))
		defer end()
		defer context.AfterFunc(u.all, end)()
		u.gateway.ServeHTTP(upstreamWriter{c.Response()}, r.WithContext(ctx))
		return nil
	}
}

// untilStopped makes a context that ends a while after the order to stop.
func untilStopped(stopping <-chan struct{}, after time.Duration) context.Context {
	if stopping == nil {
		return context.Background()
	}
	ctx, end := context.WithCancel(context.Background())
	go func() {
		defer end()
		<-stopping
		time.Sleep(after)
	}()
	return ctx
}

// upstreamWriter passes informational answers (1xx) on. Echo would take the
// first of them for the answer.
type upstreamWriter struct{ *echo.Response }

func (w upstreamWriter) WriteHeader(status int) {
	if status >= http.StatusContinue && status < http.StatusOK && status != http.StatusSwitchingProtocols {
		w.Writer.WriteHeader(status)
		return
	}
	w.Response.WriteHeader(status)
}

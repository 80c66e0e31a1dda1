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

// mountUpstreams makes the gateway inside and the middleware that hands requests
// to it: those whose path is none of ours and belongs to an upstream. It stands
// in front of the limits for our own paths, which do not apply to uploads and
// streams of others.
func (a *api) mountUpstreams(c gateway.Config) (echo.MiddlewareFunc, error) {
	c.OnError = func(w http.ResponseWriter, r *http.Request, err error) {
		ec, ok := r.Context().Value(echoKey{}).(echo.Context)
		switch {
		case !ok:
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		case errors.Is(err, gateway.ErrClientGone):
			answerNobody(ec)
		default:
			setSafeHeaders(ec.Response().Header())
			a.answerProblem(err, ec) //nolint:contextcheck // it is in Echo's
		}
	}
	c.Verifier = a.verifier
	g, err := gateway.New(c)
	if err != nil {
		return nil, err
	}
	all := untilStopped(a.stopping, streamsEnd)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			prefix, found := g.Route(r.URL.Path)
			ours := c.Path() != "" && !strings.HasSuffix(c.Path(), everythingBelow)
			if !found || ours { // Echo's path is empty where no route of ours fits
				return next(c)
			}
			c.SetPath(prefix) // for the log and the metrics: what follows may be anything
			defer func() {    //nolint:contextcheck // it has the request's own
				if p := recover(); p != nil {
					// Half an answer must not look like a whole one, so
					// ReverseProxy panics to have the connection closed.
					a.log.InfoContext(r.Context(), "an answer of an upstream broke off",
						slog.String("requestId", requestID(c)), slog.String("route", prefix))
					panic(p)
				}
			}()
			ctx, end := context.WithCancel(context.WithValue(r.Context(), echoKey{}, c))
			defer end()
			defer context.AfterFunc(all, end)()
			g.ServeHTTP(upstreamWriter{c.Response()}, r.WithContext(ctx)) //nolint:contextcheck // as above, and ends with the order to stop
			return nil
		}
	}, nil
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

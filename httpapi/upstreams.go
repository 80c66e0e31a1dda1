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

// streamsEnd is how long after the order to stop a response of an upstream may
// still run. A stop waits for what was accepted, but some streams have no end.
const streamsEnd = 20 * time.Second

// restWithin is how long net/http may read what is left of a request's body that
// neither the upstream nor the gateway has read.
const restWithin = 2 * time.Second

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
		if errors.Is(err, gateway.ErrPath) {
			err = invalid("The path has segments . or .., control characters, or bytes that are not UTF-8.")
		}
		setSafeHeaders(c.Response().Header())
		a.answerProblem(err, c) //nolint:contextcheck // it is in Echo's
	}
}

// route returns the path of the upstream that a request belongs to: its path is
// none of ours.
func (u *upstreams) route(c echo.Context) (string, bool) {
	// Echo's path is empty where no route of ours fits.
	if u.gateway == nil || c.Path() != "" && !strings.HasSuffix(c.Path(), everythingBelow) || isVerify(c) {
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
				// Half a response must not look like a whole one, so
				// ReverseProxy panics to have the connection closed.
				u.log.InfoContext(r.Context(), "an answer of an upstream broke off",
					slog.String("requestId", requestID(c)), slog.String("route", prefix))
				panic(p)
			}
		}()
		ctx, end := context.WithCancel(context.WithValue(r.Context(), echoKey{}, c))
		defer end()
		defer context.AfterFunc(u.all, end)()
		w := newUpstreamWriter(c.Response(), r.ProtoMajor)
		defer w.boundRest()
		u.gateway.ServeHTTP(w, r.WithContext(ctx))
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

// upstreamWriter passes informational answers (1xx) on, which Echo would take
// for the response, and replaces the server's deadlines, which are for our own
// paths: an upload or a stream may take as long as it keeps moving, and the
// gateway says how long it may pause. net/http reads what is left of a request's
// body before it sends a response, and again after it; that has a deadline here.
type upstreamWriter struct {
	*echo.Response
	control *http.ResponseController
	shared  bool // one request follows the other on the connection
}

func newUpstreamWriter(res *echo.Response, major int) upstreamWriter {
	w := upstreamWriter{res, http.NewResponseController(res), major == 1}
	// Not every writer (a test's recorder) has deadlines.
	_ = w.control.SetReadDeadline(time.Time{})
	_ = w.control.SetWriteDeadline(time.Time{})
	return w
}

func (w upstreamWriter) WriteHeader(status int) {
	if status >= http.StatusContinue && status < http.StatusOK && status != http.StatusSwitchingProtocols {
		w.Writer.WriteHeader(status)
		return
	}
	if status != http.StatusSwitchingProtocols {
		w.boundRest()
	}
	w.Response.WriteHeader(status)
}

// FlushError sends what was written so far, the header included, after which
// the deadline would end a stream: net/http reads on to learn whether the client
// has gone.
func (w upstreamWriter) FlushError() error {
	err := w.control.Flush()
	_ = w.control.SetReadDeadline(time.Time{})
	return err
}

// boundRest sets the deadline for what is left of the request's body. In HTTP/2
// nothing waits for that.
func (w upstreamWriter) boundRest() {
	if w.shared {
		_ = w.control.SetReadDeadline(time.Now().Add(restWithin))
	}
}

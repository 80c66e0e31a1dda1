package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
)

// maxWait is how long a response of the revocation feed may be held back. Proxies
// commonly give up on a silent answer after 30 or 60 seconds.
const maxWait = 25 * time.Second

// listRevocations lists, for gateways, the ended sessions whose access tokens may
// still be valid. It responds from memory, so that any number of gateways cause no load
// on the database, and works during an outage of it.
func (a *api) listRevocations(c echo.Context) error {
	since := c.QueryParam("since")
	wait, err := parseWait(c.QueryParam("wait"))
	if err != nil {
		return err
	}
	if err := a.revocations.Ready(); err != nil {
		return err // an empty response would be taken for the truth
	}
	feed, err := a.awaitRevocations(c, since, wait)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("ETag", "W/"+revocationsTag(feed))
	if knowsRevocations(c, feed) {
		return c.NoContent(http.StatusNotModified)
	}
	h.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	c.Response().WriteHeader(http.StatusOK)
	a.writeRevocations(steadyWriter{c, a.stopping}, feed)
	return nil
}

// feedBuffer is how much of the feed is written at once.
const feedBuffer = 32 << 10

// writeRevocations writes the feed as it reads it: hundreds of thousands of
// sessions are some 60 MB. If the reader has gone, the rest is dropped.
func (a *api) writeRevocations(w io.Writer, feed auth.Feed) {
	const room = 256 // for one session
	out := make([]byte, 0, feedBuffer)
	out = append(append(out, `{"cursor":"`...), feed.Cursor...) // letters, digits and a hyphen
	out = append(appendTime(append(out, `","now":"`...), feed.Now), `","sessions":[`...)
	comma := false
	for x := range feed.Entries {
		if comma {
			out = append(out, ',')
		}
		comma = true
		out = append(append(out, `{"id":"`...), x.SessionID.String()...)
		out = appendTime(append(out, `","revokedAt":"`...), x.RevokedAt)
		out = appendTime(append(out, `","expiresAt":"`...), a.revocations.ExpiresAt(x))
		if told := x.Reason.Told(); told != "" {
			out = append(append(out, `","reason":"`...), told...) // small letters and underscores
		}
		out = append(out, `"}`...)
		if len(out)+room > cap(out) {
			if _, err := w.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
	_, _ = w.Write(append(out, "]}\n"...))
}

func appendTime(to []byte, at time.Time) []byte { return at.UTC().AppendFormat(to, time.RFC3339Nano) }

// revocationsTag names a state of the feed. It is sent as a weak one (RFC 9110
// section 8.8.1): entries that have become meaningless leave without a new tag.
func revocationsTag(feed auth.Feed) string { return `"` + feed.Cursor + `"` }

// knowsRevocations reports whether the reader says by an entity tag that it has
// this state of the feed.
func knowsRevocations(c echo.Context, feed auth.Feed) bool {
	return hasTag(c.Request().Header.Values("If-None-Match"), revocationsTag(feed))
}

func parseWait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, invalid("The parameter wait is not a duration from 0s to %s, such as 25s.", maxWait)
	}
	return wait, nil
}

// holdOpen lets a response be held back. While a handler works, net/http reads on
// to learn whether the client has gone; the deadline for the request's body would
// pass for that.
func holdOpen(c echo.Context) {
	_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Time{})
}

// steadyWriter writes a response that may be long, or that begins after a wait. Each
// write has the time of a whole response, so a reader that is slow gets all of it, and
// one that stops reading is left. When the service stops, no time is added.
type steadyWriter struct {
	c        echo.Context
	stopping <-chan struct{}
}

func (w steadyWriter) Write(p []byte) (int, error) {
	select {
	case <-w.stopping:
	default:
		answerBy(w.c, time.Now().Add(answerWithin))
	}
	return w.c.Response().Write(p)
}

// answerBy sets until when the response must be written.
func answerBy(c echo.Context, deadline time.Time) {
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(deadline)
}

// awaitRevocations reads the feed, and holds it back for as long as the reader
// knows all of it, by its cursor or by its entity tag. The wait ends early when
// the service stops, so that a stop waits for no reader, and when the reader
// goes away.
func (a *api) awaitRevocations(c echo.Context, since string, wait time.Duration) (auth.Feed, error) {
	ctx, cancel := context.WithTimeout(c.Request().Context(), wait)
	defer cancel()
	if wait > 0 {
		holdOpen(c)
	}
	for {
		feed, err := a.revocations.Since(since)
		if err != nil {
			return auth.Feed{}, invalid("The parameter since is not a cursor of this feed: leave it out to read everything.")
		}
		known := feed.Cursor == since || knowsRevocations(c, feed)
		if !known || wait == 0 {
			return feed, nil
		}
		select {
		case <-feed.Changed:
		case <-ctx.Done():
			return feed, nil // if the reader has gone, it is dropped
		case <-a.stopping:
			// The load balancer chooses another pod for the next poll.
			c.Response().Header().Set(echo.HeaderConnection, "close")
			return feed, nil
		}
	}
}

package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/gateway"
)

const (
	verifyPath  = "/api/v1/auth/verify"
	verifyBelow = verifyPath + everythingBelow
)

// verifyRoutes registers the check for gateways. Gateways ask with the method of
// the request that they are to let through, whichever it is, and some (ext_authz
// of Envoy and Istio) append its path: so the check has all methods, and whatever
// is below it is the check again.
func (a *api) verifyRoutes(e *echo.Echo) {
	handler := func(c echo.Context) error {
		c.SetPath(verifyPath) // for the log and the metrics: what follows may be anything
		settleBody(c)
		return a.verify(c)
	}
	// Echo routes here what has no handler of its own, for any method.
	e.RouteNotFound(verifyPath, handler)
	e.RouteNotFound(verifyBelow, handler)
}

// isVerify reports whether a request asks for the check.
func isVerify(c echo.Context) bool { return c.Path() == verifyPath || c.Path() == verifyBelow }

// verify responds to a gateway with the identity of the token's user.
func (a *api) verify(c echo.Context) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	gateway.SetIdentity(c.Response().Header(), who.userID.String(), who.appID, who.sessionID.String(), who.roles)
	return c.NoContent(http.StatusNoContent)
}

// bodyArrivesWithin is how long verify waits for a body that it does not need.
const bodyArrivesWithin = 20 * time.Millisecond

// settleBody makes sure that verify answers at once whatever a gateway says of a
// body. Some pass on the header Content-Length of the request that they are
// asked about, and no body (APISIX 3.8): net/http would wait for it before it
// sends the response. A small body that has come is read, so that the connection
// can be used again; else the connection is closed after the response, because
// what comes next on it may be the body or another request.
func settleBody(c echo.Context) {
	r := c.Request()
	if r.ContentLength == 0 || r.ProtoMajor > 1 { // in HTTP/2 each request has a stream of its own
		return
	}
	control := http.NewResponseController(c.Response())
	bounded := control.SetReadDeadline(time.Now().Add(bodyArrivesWithin)) == nil // a test's recorder has no deadlines
	if bounded && r.ContentLength <= maxBody && r.Header.Get("Expect") == "" {
		if _, err := io.CopyN(io.Discard, r.Body, maxBody+1); errors.Is(err, io.EOF) {
			// net/http reads on to learn whether the client has gone.
			_ = control.SetReadDeadline(time.Time{})
			return
		}
	}
	c.Response().Header().Set(echo.HeaderConnection, "close")
}

package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"
)

// paths registers endpoints for one kind of caller. C is what an endpoint learns
// about its caller. Only identify makes a C, so an endpoint that takes one cannot be
// registered without the check of the token or key.
type paths[C any] struct {
	add      func(method, path string, handler echo.HandlerFunc)
	identify func(echo.Context) (C, error)
}

// handle registers an endpoint: a function from a caller and a request to a response.
//
// The request is read from the path and the query by its method readURL, if it has
// one, and from a JSON body into its fields with a json tag, if it has any. A request
// with the method bodyOptional may come without a body. Its method check, if it has
// one, then returns what is wrong with its fields. The endpoint runs only if all of
// this succeeds.
//
// The response is encoded as JSON with status 200; none is 204. An error is mapped to
// its status and code in problem.go.
//
// What is no JSON document stays an echo.HandlerFunc: the OAuth endpoints, which take
// forms and have errors of their own (oauth.go), the revocation feed, which is written
// while it is read (revocations.go), documents that caches may keep (jwks.go,
// metadata.go), the response to gateways, which is headers alone (verify.go), and
// WeChat's pushes, which are answered in plain text (wechat.go).
func handle[C, R, S any](to paths[C], method, path string, endpoint func(context.Context, C, R) (S, error)) {
	body := bodyOf[R]()
	_, empty := any(*new(S)).(none)
	to.add(method, path, func(c echo.Context) error {
		who, err := to.identify(c)
		if err != nil {
			return err
		}
		var r R
		if err := readRequest(c, &r, body); err != nil {
			return err
		}
		response, err := endpoint(c.Request().Context(), who, r)
		switch {
		case err != nil:
			return err
		case empty:
			return c.NoContent(http.StatusNoContent)
		}
		return c.JSON(http.StatusOK, response)
	})
}

// none is a request without parameters or a response without a body.
type none struct{}

// The optional methods of a request.
type (
	urlReader interface{ readURL(*parameters) }
	checker   interface{ check() error }
)

// bodyMode reports whether a request has a body.
type bodyMode int

const (
	bodyIgnored bodyMode = iota
	bodyNeeded
	bodyOptional
)

func bodyOf[R any]() bodyMode {
	if len(fieldsOf(reflect.TypeFor[R]())) == 0 {
		return bodyIgnored
	}
	if _, ok := any(new(R)).(interface{ bodyOptional() }); ok {
		return bodyOptional
	}
	return bodyNeeded
}

// readRequest reads and checks a request. into points to it.
func readRequest(c echo.Context, into any, body bodyMode) (err error) {
	if r, ok := into.(urlReader); ok {
		p := parameters{c: c}
		r.readURL(&p)
		if err := p.err(); err != nil {
			return err
		}
	}
	switch body {
	case bodyIgnored:
	case bodyNeeded:
		err = bind(c, into)
	case bodyOptional:
		_, err = bindIfAny(c, into)
	}
	if err != nil {
		return err
	}
	if r, ok := into.(checker); ok {
		return r.check()
	}
	return nil
}

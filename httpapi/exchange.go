package httpapi

import (
	"encoding/json"
	"sync"

	"github.com/labstack/echo/v4"
)

// exchange is Echo's context of a request, with fields for what the log line says of
// it: Echo would make a map for them in each request. It must not be used after the
// request has been answered.
type exchange struct {
	echo.Context

	caller, outcome, cause any
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func newExchange(c echo.Context) *exchange {
	x := exchanges.Get().(*exchange) //nolint:forcetypeassert // nothing else is in the pool
	x.Context = c
	return x
}

func (x *exchange) release() {
	*x = exchange{}
	exchanges.Put(x)
}

// note returns the field of a key, or nil.
func (x *exchange) note(key string) *any {
	switch key {
	case callerKey:
		return &x.caller
	case outcomeKey:
		return &x.outcome
	case causeKey:
		return &x.cause
	}
	return nil
}

// Get implements echo.Context.
func (x *exchange) Get(key string) any {
	if note := x.note(key); note != nil {
		return *note
	}
	return x.Context.Get(key)
}

// Set implements echo.Context.
func (x *exchange) Set(key string, value any) {
	if note := x.note(key); note != nil {
		*note = value
		return
	}
	x.Context.Set(key, value)
}

// Error implements echo.Context. Echo's own would pass itself on instead of x.
func (x *exchange) Error(err error) { x.Echo().HTTPErrorHandler(err, x) }

// JSON implements echo.Context. Echo's own also parses the query, for indentation.
func (x *exchange) JSON(status int, value any) error {
	response := x.Response()
	response.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	response.Status = status
	return json.NewEncoder(response).Encode(value)
}

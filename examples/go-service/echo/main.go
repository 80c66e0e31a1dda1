// Command echo is ../main.go written with Echo, with the same settings and
// responses. verify.Verifier does not depend on Echo; the eight lines of requireUser
// connect the two.
package main

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/examples/go-service/service"
)

func main() { service.Run(newHandler) }

func newHandler(verifier *verify.Verifier) http.Handler {
	e := echo.New()
	e.GET("/healthz", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	orders := e.Group("/orders", requireUser(verifier))
	orders.GET("", listOrders)
	orders.DELETE("/:id", deleteOrder)
	return e
}

// requireUser lets requests with a good access token through and answers the
// others as wugan does.
func requireUser(verifier *verify.Verifier) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			user, err := verifier.VerifyRequest(c.Request())
			if err != nil {
				verify.WriteError(c.Response(), c.Request(), err)
				return nil
			}
			c.SetRequest(c.Request().WithContext(verify.NewContext(c.Request().Context(), user)))
			return next(c)
		}
	}
}

func listOrders(c echo.Context) error {
	user, _ := verify.FromContext(c.Request().Context()) // requireUser guarantees a user
	return c.JSON(http.StatusOK, map[string]any{"userId": user.Subject, "orders": []string{"tea", "rice"}})
}

func deleteOrder(c echo.Context) error {
	user, _ := verify.FromContext(c.Request().Context())
	if !user.HasRole("editor") {
		// 403 and never 401: a client would refresh its tokens for nothing.
		return echo.NewHTTPError(http.StatusForbidden, "only editors delete orders")
	}
	return c.NoContent(http.StatusNoContent)
}

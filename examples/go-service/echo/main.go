// Command echo is ../main.go written with Echo: the same settings, the same
// answers. verify.Verifier does not know Echo; the eight lines of requireUser are
// all there is between them.
package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth/verify"
)

func main() {
	log := slog.Default()
	verifier, closeReaders, err := trust(os.Getenv("AUTH_URL"), log)
	if err == nil {
		err = serve(cmp.Or(os.Getenv("ADDR"), ":8081"), newHandler(verifier))
		closeReaders()
	}
	if err != nil {
		log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

// trust makes the verifier of the tokens of issuer, and the readers that keep it
// up to date until they are closed. Neither waits for wugan: while its keys cannot
// be had, requests are answered with 503.
func trust(issuer string, log *slog.Logger) (verifier *verify.Verifier, closeReaders func(), err error) {
	if issuer == "" {
		return nil, nil, errors.New("AUTH_URL is not set")
	}
	warn := verify.WithErrorHook(func(err error) { log.Warn("wugan", "error", err) })
	audience := cmp.Or(os.Getenv("AUDIENCE"), issuer)

	keys := verify.JWKS(issuer+"/.well-known/jwks.json", warn)
	key := os.Getenv("GATEWAY_KEY")
	if key == "" {
		return verify.New(issuer, audience, keys), keys.Close, nil
	}
	feed := verify.Feed(issuer, key, warn)
	return verify.New(issuer, audience, keys, verify.WithRevocations(feed)), func() { keys.Close(); feed.Close() }, nil
}

// serve answers requests until the process is interrupted.
func serve(address string, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

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
	user, _ := verify.FromContext(c.Request().Context()) // requireUser lets nobody else here
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

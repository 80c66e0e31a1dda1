// Package service contains what a business service needs besides its routes, with
// any router: a verifier of wugan's tokens that is kept up to date, and a server
// with graceful shutdown. ../main.go documents the settings.
package service

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/wugan/wugan/auth/verify"
)

// Run answers requests with the handler that newHandler makes, until the process
// is asked to end. It is what is left of main.
func Run(newHandler func(*verify.Verifier) http.Handler) {
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

// serve answers requests until the process is asked to end, and then those that
// it has accepted.
func serve(address string, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		ended <- server.Shutdown(last)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

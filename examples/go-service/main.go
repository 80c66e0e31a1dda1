// Command go-service is a business API that lets wugan's users in. It checks
// access tokens by itself: with the keys that wugan publishes, and with the feed
// of sessions that were ended. No request of a user causes a call to wugan.
//
// Settings, by environment:
//
//	AUTH_URL     address of wugan, which is the tokens' issuer (required)
//	AUDIENCE     the tokens' audience; without it the issuer
//	GATEWAY_KEY  wugan's WUGAN_GATEWAY_KEY; without it ended sessions stay good
//	             until their access token expires
//	ADDR         address to listen on; without it :8081
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

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
	orders := http.NewServeMux()
	orders.HandleFunc("GET /orders", listOrders)
	orders.HandleFunc("DELETE /orders/{id}", deleteOrder)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("/", verifier.Middleware(orders))
	return mux
}

func listOrders(w http.ResponseWriter, r *http.Request) {
	user, _ := verify.FromContext(r.Context()) // the middleware lets nobody else here
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"userId": user.Subject, "orders": []string{"tea", "rice"}})
}

func deleteOrder(w http.ResponseWriter, r *http.Request) {
	user, _ := verify.FromContext(r.Context())
	if !user.HasRole("editor") {
		// 403 and never 401: a client would refresh its tokens for nothing.
		http.Error(w, "only editors delete orders", http.StatusForbidden)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

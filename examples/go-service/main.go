// Command go-service is a business API for wugan's users. It verifies access tokens
// with the keys that wugan publishes and the feed of revoked sessions. No request of
// a user causes a call to wugan.
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
	"encoding/json"
	"net/http"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/examples/go-service/service"
)

func main() { service.Run(newHandler) }

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
	user, _ := verify.FromContext(r.Context()) // the middleware guarantees a user
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

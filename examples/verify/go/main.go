// Command go is the Go snippet of docs/en/verify-go.md, whole.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/wugan/wugan/auth/verify"
)

func main() {
	issuer := os.Getenv("AUTH_URL")
	keys := verify.JWKS(issuer + "/.well-known/jwks.json")
	verifier := verify.New(issuer, issuer, keys)

	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := verify.FromContext(r.Context())
		fmt.Fprintf(w, `{"userId":%q}`, user.Subject)
	})
	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: verifier.Middleware(orders), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

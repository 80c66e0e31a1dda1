package verify_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/wugan/wugan/auth/verify"
)

// A business service: keys by address, revocations by feed, a middleware.
func Example() {
	const issuer = "https://auth.example.com"
	keys := verify.JWKS(issuer + "/.well-known/jwks.json")
	defer keys.Close()
	revocations := verify.Feed(issuer, "the gateway key, 32 characters at least")
	defer revocations.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := keys.Ready(ctx); err != nil {
		log.Print(err) // it goes on trying; until then answers are 503
	}

	verifier := verify.New(issuer, issuer, keys, verify.WithRevocations(revocations))
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := verify.FromContext(r.Context())
		fmt.Fprintf(w, "orders of %s\n", user.Subject)
	})
	server := &http.Server{Addr: ":8081", Handler: verifier.Middleware(orders), ReadHeaderTimeout: 5 * time.Second}
	log.Print(server.ListenAndServe())
}

// A token that says nothing to this verifier.
func ExampleVerifier_Verify() {
	secret := verify.Secret("0123456789abcdef0123456789abcdef")
	keys := verify.Static(verify.Key{ID: "k1", Algorithm: verify.HS256, Public: secret})
	verifier := verify.New("https://auth.example.com", "https://api.example.com", keys)

	_, err := verifier.Verify(context.Background(), "not.a.token")
	fmt.Println(verify.Code(err))
	fmt.Println(secret)
	// Output:
	// token_invalid
	// [redacted]
}

package verify_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/auth/verify/verifytest"
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

// A middleware in front of a handler that asks who is there.
func ExampleVerifier_Middleware() {
	issuer := verifytest.New()
	verifier := verify.New(issuer.Issuer(), issuer.Audience(), issuer.Keys())
	api := verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := verify.FromContext(r.Context())
		fmt.Fprintf(w, "orders of %s", user.Subject)
	}))

	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/orders", http.NoBody)
	request.Header.Set("Authorization", "Bearer "+issuer.Token(verifytest.Subject("alice")))
	response := httptest.NewRecorder()
	api.ServeHTTP(response, request)
	fmt.Println(response.Code, response.Body)

	request.Header.Del("Authorization")
	response = httptest.NewRecorder()
	api.ServeHTTP(response, request)
	fmt.Println(response.Code, response.Header().Get("WWW-Authenticate"))
	// Output:
	// 200 orders of alice
	// 401 Bearer
}

// Keys by address: fetched in the background and kept while the address is down.
func ExampleJWKS() {
	issuer := verifytest.New()
	auth := httptest.NewServer(issuer.Handler()) // a running wugan
	defer auth.Close()

	keys := verify.JWKS(auth.URL + "/.well-known/jwks.json")
	defer keys.Close()
	if err := keys.Ready(context.Background()); err != nil {
		log.Print(err)
	}
	verifier := verify.New(issuer.Issuer(), issuer.Audience(), keys)
	claims, err := verifier.Verify(context.Background(), issuer.Token(verifytest.Subject("alice")))
	fmt.Println(claims.Subject, err)
	// Output: alice <nil>
}

// Sessions that end are refused within about a second.
func ExampleFeed() {
	issuer := verifytest.New()
	auth := httptest.NewServer(issuer.Handler())
	defer auth.Close()
	issuer.Revoke("the session of a lost phone")

	revocations := verify.Feed(auth.URL, verifytest.GatewayKey)
	defer revocations.Close()
	if err := revocations.Ready(context.Background()); err != nil {
		log.Print(err)
	}
	verifier := verify.New(issuer.Issuer(), issuer.Audience(), issuer.Keys(), verify.WithRevocations(revocations))
	_, err := verifier.Verify(context.Background(), issuer.Token(verifytest.Session("the session of a lost phone")))
	fmt.Println(err)
	// Output: session has been revoked
}

// New panics rather than guess: without an issuer any token would do.
func ExampleNew() {
	keys := verify.Static(verify.Key{ID: "k1", Algorithm: verify.HS256, Public: verify.Secret("0123456789abcdef0123456789abcdef")})
	fmt.Println(verify.New("https://auth.example.com", "https://api.example.com", keys))
	defer func() { fmt.Println(recover()) }()
	verify.New("", "https://api.example.com", keys)
	// Output:
	// verify.New("https://auth.example.com", "https://api.example.com")
	// verify: the profile is incomplete: Issuer is empty
}

// Package verifytest issues access tokens for the tests of services that accept
// wugan's tokens, so that such a test needs no running wugan.
//
// [New] returns an issuer with its own key. [Issuer.Token] signs an access token as
// the service does (RFC 9068). [Issuer.Verifier] returns a verifier that accepts it.
// [Issuer.Handler] serves the JWK Set and the revocation feed.
//
//	issuer := verifytest.New()
//	api := httptest.NewServer(issuer.Verifier().Middleware(orders))
//	request.Header.Set("Authorization", "Bearer "+issuer.Token())
//
// It does not implement logins, sessions or refresh tokens. It is for tests only:
// its keys are generated in each process.
package verifytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wugan/wugan/auth/verify"
)

// DefaultIssuer is the iss and aud of tokens unless [WithIssuer] or
// [WithAudience] says otherwise.
const DefaultIssuer = "https://auth.example.com"

// GatewayKey is the key that [Issuer.Handler] requires from a reader of the
// revocation feed.
const GatewayKey = "verifytest-gateway-key-0123456789"

// Issuer signs access tokens with an ES256 key that no other issuer has. It is
// safe for concurrent use.
type Issuer struct {
	issuer, audience string
	now              func() time.Time
	keyID            string
	key              *ecdsa.PrivateKey

	mu      sync.Mutex
	revoked []revocation
	changed chan struct{} // closed and replaced at each revocation
}

type revocation struct {
	ID        string    `json:"id"`
	RevokedAt time.Time `json:"revokedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Option changes what [New] makes.
type Option func(*Issuer)

// WithIssuer sets the iss claim.
func WithIssuer(issuer string) Option { return func(i *Issuer) { i.issuer = issuer } }

// WithAudience sets the aud claim; without it, it is the issuer.
func WithAudience(audience string) Option { return func(i *Issuer) { i.audience = audience } }

// WithClock makes the issuer and its verifiers take the time from now instead
// of time.Now.
func WithClock(now func() time.Time) Option { return func(i *Issuer) { i.now = now } }

// New returns an issuer with a new key. It panics if the system's random number
// generator fails.
func New(options ...Option) *Issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("verifytest: make a key: %w", err))
	}
	i := &Issuer{issuer: DefaultIssuer, now: time.Now, keyID: rand.Text(), key: key, changed: make(chan struct{})}
	for _, option := range options {
		option(i)
	}
	if i.audience == "" {
		i.audience = i.issuer
	}
	return i
}

// Issuer returns the iss claim of the tokens.
func (i *Issuer) Issuer() string { return i.issuer }

// Audience returns the aud claim of the tokens.
func (i *Issuer) Audience() string { return i.audience }

// Keys returns the public key as a key source, for [verify.New].
func (i *Issuer) Keys() verify.KeySource {
	return verify.Static(verify.Key{ID: i.keyID, Algorithm: verify.ES256, Public: &i.key.PublicKey})
}

// Verifier returns a verifier of this issuer's tokens. It refuses those of sessions
// that [Issuer.Revoke] ended. The options override these defaults.
func (i *Issuer) Verifier(options ...verify.Option) *verify.Verifier {
	defaults := []verify.Option{verify.WithClock(i.now), verify.WithRevocations(i)}
	return verify.New(i.issuer, i.audience, i.Keys(), append(defaults, options...)...)
}

// Claim changes one token that [Issuer.Token] signs.
type Claim func(claims jwt.MapClaims)

// Subject sets the user's id (sub).
func Subject(id string) Claim { return Set("sub", id) }

// Session sets the session's id (sid), which [Issuer.Revoke] takes.
func Session(id string) Claim { return Set("sid", id) }

// ClientID sets the app's id (client_id).
func ClientID(appID string) Claim { return Set("client_id", appID) }

// Roles sets the user's roles.
func Roles(roles ...string) Claim { return Set("roles", roles) }

// ExpiresAt sets when the token expires (exp), to the second.
func ExpiresAt(at time.Time) Claim { return Set("exp", at.Unix()) }

// Set sets any claim, for example to a wrong value. nil removes it.
func Set(name string, value any) Claim {
	return func(claims jwt.MapClaims) {
		if value == nil {
			delete(claims, name)
			return
		}
		claims[name] = value
	}
}

// Token signs an access token. By default it is valid for an hour and has generated
// ids of a user, a session and an app. Each token has its own id (jti).
func (i *Issuer) Token(claims ...Claim) string {
	now := i.now()
	all := jwt.MapClaims{
		"iss": i.issuer, "aud": i.audience,
		"sub": "0192f0c4-7c1e-7b5a-9d3e-000000000001", "sid": "0192f0c4-7c1e-7b5a-9d3e-0000000000aa",
		"client_id": "wx0123456789abcdef", "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for _, change := range claims {
		change(all)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, all)
	token.Header["typ"], token.Header["kid"] = verify.AccessTokenType, i.keyID
	signed, err := token.SignedString(i.key)
	if err != nil {
		panic(fmt.Errorf("verifytest: sign a token: %w", err)) // a claim that JSON cannot hold
	}
	return signed
}

// Revoke revokes a session. Verifiers of this issuer refuse its tokens from now on,
// and the feed lists it.
func (i *Issuer) Revoke(sessionID string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now().UTC()
	i.revoked = append(i.revoked, revocation{ID: sessionID, RevokedAt: now, ExpiresAt: now.Add(24 * time.Hour)})
	close(i.changed)
	i.changed = make(chan struct{})
}

// Revoked reports whether [Issuer.Revoke] ended the session. It implements
// [verify.Revocations].
func (i *Issuer) Revoked(sessionID string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.revoked {
		if r.ID == sessionID {
			return true
		}
	}
	return false
}

// Handler serves the JWK Set at /.well-known/jwks.json and the revocation feed at
// /api/v1/revocations, as the service does, for tests of programs that read both by
// address. The feed requires [GatewayKey].
func (i *Issuer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", i.serveKeys)
	mux.HandleFunc("GET /api/v1/revocations", i.serveRevocations)
	return mux
}

func (i *Issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	point, err := i.key.PublicKey.Bytes() // 4, x and y
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	half := len(point) / 2
	writeJSON(w, map[string]any{"keys": []map[string]string{{
		"kty": "EC", "crv": "P-256", "alg": verify.ES256, "use": "sig", "kid": i.keyID,
		"x": base64.RawURLEncoding.EncodeToString(point[1 : 1+half]),
		"y": base64.RawURLEncoding.EncodeToString(point[1+half:]),
	}}})
}

// serveRevocations answers with what came after the cursor; with nothing new it
// waits for as long as the reader says.
func (i *Issuer) serveRevocations(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+GatewayKey {
		http.Error(w, "the gateway key is another", http.StatusUnauthorized)
		return
	}
	since, _ := strconv.Atoi(r.URL.Query().Get("since"))     // none: from the start
	wait, _ := time.ParseDuration(r.URL.Query().Get("wait")) // none: at once
	revoked, cursor, changed := i.after(since)
	if len(revoked) == 0 && wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-changed:
			revoked, cursor, _ = i.after(since)
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	writeJSON(w, map[string]any{"cursor": strconv.Itoa(cursor), "sessions": revoked})
}

func (i *Issuer) after(since int) (revoked []revocation, cursor int, changed <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if since < 0 || since > len(i.revoked) {
		since = 0
	}
	return append([]revocation{}, i.revoked[since:]...), len(i.revoked), i.changed
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // a reader that left is told nothing
}

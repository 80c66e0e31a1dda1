// Package httpapi implements the HTTP API: paths, JSON fields, headers, and the
// mapping of errors to statuses and codes (problem.go). A handler decodes the
// request, calls the domain once, and encodes the result. openapi.yaml describes the
// API, and the tests check every response against it.
package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/gateway"
	"github.com/wugan/wugan/httpapi/docs"
	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/users"
)

// Config is what the HTTP side is made of. Auth, Users, Admin, Directory, Events, Keys, Stats, Verifier, Revocations,
// AccessKeys, Pushes, Health, Log and Now are needed.
type Config struct {
	Auth      *auth.Service
	Users     *users.Service
	Admin     *admin.Service
	Directory *users.Directory
	Events    *events.Feed
	Verifier  *verify.Verifier
	// Expired verifies tokens like Verifier, but ignores revocations and accepts a
	// token up to verify.MaxLeeway after its expiry, for logouts. nil accepts no
	// such token.
	Expired *verify.Verifier
	// Genuine verifies tokens like Verifier, but ignores expiry and revocations. It
	// identifies the owner of a refused token for the log. It may be nil.
	Genuine     *verify.Verifier
	Revocations *auth.Revocations
	AccessKeys  *auth.Keyring
	Issuer      string
	Pushes      Pushes

	// Health is called for each request of /readyz. It must not block.
	Health func() Health

	// Keys are the API keys of services and operators.
	Keys *apikey.Set
	// Stats returns the statistics of this process for the console. It must not
	// block.
	Stats func() Stats
	// NoConsole disables the console's page.
	NoConsole bool
	// AvatarHosts are the allowed hosts of avatars, in lower case and with a port
	// other than 443. Empty allows any host.
	AvatarHosts []string
	// LoginRate is the number of failed logins a second that one address may have.
	LoginRate float64
	// TrustedProxies are the networks whose X-Forwarded-For is trusted.
	TrustedProxies []netip.Prefix
	CORS           CORS

	Log *slog.Logger
	Now func() time.Time
	// Observe is called for each completed request, for metrics.
	Observe func(method, route string, status int, took time.Duration)
	// Upstreams configures the built-in gateway, or is nil. New sets its Verifier
	// and OnError.
	Upstreams *gateway.Config
	// Stopping is closed when the service is about to stop. Then requests that wait
	// for new entries get a response at once. It may be nil.
	Stopping <-chan struct{}
	// Outermost is the outermost middleware, for tracing.
	Outermost []echo.MiddlewareFunc
}

// api holds what the handlers need.
type api struct {
	auth        *auth.Service
	users       *users.Service
	admin       *admin.Service
	directory   *users.Directory
	events      *events.Feed
	verifier    verifier
	genuine     *verify.Verifier
	revocations *auth.Revocations
	accessKeys  *auth.Keyring
	issuer      string
	pushes      Pushes
	health      func() Health

	keys        *apikey.Set
	keyed       map[string][]apikey.Scope // the scopes that the methods of a path need
	avatarHosts []string
	loginRate   *loginRate
	keyGuesses  *keyGuesses
	refused     refusedRequests
	stats       func() Stats
	noConsole   bool

	log     *slog.Logger
	now     func() time.Time
	observe func(method, route string, status int, took time.Duration)

	stopping <-chan struct{}
	signed   *verify.Verifier // for logouts
}

// New returns the handler of the service.
func New(c Config) (*echo.Echo, error) {
	rate, err := newLoginRate(c.LoginRate, c.Now)
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	guesses, err := newKeyGuesses(c.Now)
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	refused, err := newRefusedRequests()
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	a := &api{
		auth: c.Auth, users: c.Users, admin: c.Admin, verifier: verifier{c.Verifier, c.Revocations}, genuine: c.Genuine, revocations: c.Revocations,
		accessKeys: c.AccessKeys, issuer: c.Issuer, pushes: c.Pushes, health: c.Health,
		keys: c.Keys, keyed: map[string][]apikey.Scope{}, directory: c.Directory, events: c.Events, avatarHosts: c.AvatarHosts, loginRate: rate, keyGuesses: guesses,
		refused: refused, stats: c.Stats, noConsole: c.NoConsole,
		log: c.Log, now: c.Now, observe: c.Observe, stopping: c.Stopping,
	}
	if a.signed = c.Expired; a.signed == nil {
		a.signed = c.Verifier
	}

	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = a.answerProblem
	e.IPExtractor = clientAddress(c.TrustedProxies, c.Log)

	outer := append(slices.Clone(c.Outermost), withRequestID, a.withLog, a.withRecovery)
	if len(c.TrustedProxies) == 0 {
		outer = append(outer, a.warnOfProxy())
	}
	outer = append(outer, a.withStop)
	upstreams, err := a.mountUpstreams(c.Upstreams)
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	if len(c.CORS.Origins) > 0 {
		outer = append(outer, withCORS(c.CORS, upstreams.has))
	}
	e.Use(once(append(outer, upstreams.pass, withHeaders, withLimits, a.withExisting)))
	a.routes(e)
	return e, nil
}

// routes lists every path of the service.
func (a *api) routes(e *echo.Echo) {
	public, own := anyone(e), a.callers(e)
	handle(public, http.MethodPost, "/api/v1/auth/login", a.login)
	handle(own, http.MethodPost, "/api/v1/auth/ticket", a.issueTicket)
	handle(public, http.MethodPost, "/api/v1/auth/refresh", a.refresh)
	handle(public, http.MethodPost, "/api/v1/auth/logout", a.logout)
	handle(own, http.MethodPost, "/api/v1/auth/logout-all", a.logoutAll)
	a.verifyRoutes(e)

	handle(own, http.MethodGet, "/api/v1/users/me", a.me)
	handle(own, http.MethodPatch, "/api/v1/users/me", a.updateMe)
	handle(own, http.MethodPost, "/api/v1/users/me", a.updateMe) // wx.request knows no PATCH
	handle(own, http.MethodDelete, "/api/v1/users/me", a.closeAccount)
	handle(own, http.MethodPost, "/api/v1/users/me/phone", a.bindPhone)
	handle(own, http.MethodGet, "/api/v1/users/me/identities", a.identities)
	handle(own, http.MethodPost, "/api/v1/users/me/identities", a.linkIdentity)
	handle(own, http.MethodDelete, "/api/v1/users/me/identities/:appId", a.unlinkIdentity)
	handle(own, http.MethodPost, "/api/v1/wechat/check-session", a.checkSession)
	handle(own, http.MethodPost, "/api/v1/wechat/decrypt", a.decrypt)
	get(e, "/api/v1/wechat/push/:appId", a.confirmPush)
	e.POST("/api/v1/wechat/push/:appId", a.receivePush)

	handle(own, http.MethodGet, "/api/v1/sessions", a.listSessions)
	handle(own, http.MethodDelete, "/api/v1/sessions/:id", a.endSession)

	get(e, "/.well-known/jwks.json", a.jwks)
	for _, path := range metadataPaths(a.issuer) {
		get(e, path, a.metadata)
	}

	gateways := keyPaths{a, e, apikey.Gateway}
	gateways.add(http.MethodGet, "/api/v1/revocations", a.withKey(apikey.Gateway, a.listRevocations))

	e.POST("/oauth2/token", a.oauthToken, inOAuthForm)
	e.POST("/oauth2/revoke", a.oauthRevoke, inOAuthForm)
	gateways.add(http.MethodPost, "/oauth2/introspect", a.withClientSecret(a.withKey(apikey.Gateway, inOAuthForm(a.oauthIntrospect))))

	a.adminRoutes(e)
	a.serviceRoutes(e)
	a.consoleRoutes(e)

	site := docs.New(OpenAPI)
	for _, path := range site.Paths() {
		get(e, path, echo.WrapHandler(site))
	}

	handle(public, http.MethodGet, "/healthz", a.healthz)
	handle(public, http.MethodGet, "/readyz", a.readyz)

	routes := e.Routes()
	for _, r := range routes {
		// Where no path is below a parameter, Echo takes it for all that follows,
		// slashes included.
		parameter := strings.HasPrefix(r.Path[strings.LastIndexByte(r.Path, '/')+1:], ":")
		below := func(other *echo.Route) bool { return strings.HasPrefix(other.Path, r.Path+"/") }
		if parameter && !slices.ContainsFunc(routes, below) {
			e.RouteNotFound(r.Path+everythingBelow, absent)
		}
	}
}

// get registers a path for GET and for HEAD, which net/http answers in the same
// way without a body (RFC 9110 section 9.1): load balancers probe with it.
func get(e *echo.Echo, path string, handler echo.HandlerFunc) {
	e.GET(path, handler)
	e.HEAD(path, handler)
}

// add registers a path for a method; get says what that is for GET.
func add(e *echo.Echo, method, path string, handler echo.HandlerFunc) {
	if method == http.MethodGet {
		get(e, path, handler)
		return
	}
	e.Add(method, path, handler)
}

// everythingBelow ends the routes that only say that nothing is there.
const everythingBelow = "/*"

// Package service creates all parts of the service, connects them, and runs them. It
// opens the database, adapts the platforms and the data key to the interfaces of auth
// and users, listens, reloads keys and certificates, and purges expired sessions.
// Commands and tests import it. The domain's rules are in the packages that it
// connects.
package service

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/gateway"
	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/metrics"
	"github.com/wugan/wugan/internal/tracing"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/users"
)

// Options are the parameters of [Run] and [New] besides the settings.
type Options struct {
	// Version is reported in the log, in metrics and in traces.
	Version string
	// DevCodes accepts codes of the form dev:NAME, for wugan dev.
	DevCodes bool
	// DefaultApp is the app of a login that names none, where there are several.
	DefaultApp string
	// Around puts something around the service's handler; api makes another one
	// like it, with its own lifetimes of access tokens. nil: nothing.
	Around func(service http.Handler, api func(auth.Lifetimes) (http.Handler, error)) (http.Handler, error)
	// Listening is called with the address once requests are accepted.
	Listening func(net.Addr)
	// Tracing may be nil.
	Tracing *tracing.Tracing
	// Now is the database's time where a test decides it; nil: it is asked for.
	Now func() time.Time
	// Wall is the machine's clock; nil for time.Now.
	Wall func() time.Time
}

// clock is the time that a service lives by.
func (o Options) clock(log *slog.Logger) *auth.Clock {
	switch {
	case o.Now != nil:
		return auth.TrustedClock(o.Now)
	case o.Wall != nil:
		return auth.NewClock(o.Wall, log)
	}
	return auth.NewClock(time.Now, log)
}

// Service is the whole service.
type Service struct {
	db          Database
	log         *slog.Logger
	handler     atomic.Pointer[http.Handler]
	apps        *apps
	followApps  func(context.Context)
	followKeys  func(context.Context) // reads the keys of machines and operators again
	tls         *tls.Config           // nil: plain HTTP
	revocations *auth.Revocations
	keys        *keyWatcher
	operators   *apikey.Set
	metrics     *metrics.Metrics   // nil where metrics are off
	webhooks    *events.Dispatcher // nil where none are wanted
	stopping    atomic.Bool
	health      health
	clock       *auth.Clock
	holdUntil   atomic.Pointer[time.Time] // before it nothing is purged; nil: no doubt
	about       about

	certificateExpiry func() time.Time // nil: plain HTTP; see tlsConfig
}

// Handler returns the HTTP handler.
func (s *Service) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) })
}

// Background follows revocations, key files and apps and delivers webhooks until ctx ends. Without it no
// token can be checked.
func (s *Service) Background(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.revocations.Run(ctx, s.db) })
	wg.Go(func() { s.keys.watch(ctx, s.log) })
	wg.Go(func() { s.followKeys(ctx) })
	wg.Go(func() { s.followApps(ctx) })
	wg.Go(func() { s.watchHealth(ctx) })
	wg.Go(func() { s.metrics.Remember(ctx) })
	wg.Go(func() { s.deliver(ctx) })
	wg.Wait()
}

// Close closes the database, after the last request and Background have ended.
func (s *Service) Close() error { return s.db.Close() }

// New creates all parts of the service and connects them.
func New(ctx context.Context, c config.Config, o Options, log *slog.Logger) (*Service, error) {
	if err := c.Complete(); err != nil {
		return nil, err
	}
	appSettings, err := c.Apps()
	if err != nil {
		return nil, err
	}
	accessKeys, refreshKeys, err := c.Keys()
	if err != nil {
		return nil, err
	}
	box, err := newBox(c)
	if err != nil {
		return nil, err
	}
	operators, err := c.OperatorKeys()
	if err != nil {
		return nil, err
	}
	proxies, err := c.Proxies()
	if err != nil {
		return nil, err
	}
	messages, err := c.Pushes()
	if err != nil {
		return nil, err
	}
	certificates, expiry, err := tlsConfig(c, o.Version, log)
	if err != nil {
		return nil, err
	}
	s := &Service{operators: apikey.NewSet(operators...), clock: o.clock(log), log: log, tls: certificates, certificateExpiry: expiry}
	s.about = aboutThis(c, o.Version)
	now := s.clock.Now
	access, refresh := auth.NewKeyring(accessKeys), auth.NewKeyring(refreshKeys)
	s.keys = &keyWatcher{config: c, access: access, refresh: refresh}
	s.revocations = auth.NewRevocations(c.LongestAccessTTL(appSettings), s.clock, log)
	s.metrics = s.newMetrics(c, o.Version, appIDs(appSettings))
	kept := &memory{box: box}
	s.apps = newApps(providers.Config{
		Memory:    kept,
		Transport: providers.NewTransport(), Around: o.Tracing.Calls,
		Observe: func(o providers.Observation) { s.metrics.Provider(o.Provider, o.API, o.Code, o.Outcome, o.Took) },
	}, o.DevCodes)
	if err := s.apps.replace(appSettings); err != nil {
		return nil, err
	}
	warnOfLifetimes(c, appSettings, log)
	lifetimes := c.Lifetimes()
	lifetimes.OfApp = s.apps.lifetimes
	db, err := openDatabase(ctx, c, lifetimes, o.Tracing)
	if err != nil {
		return nil, err
	}
	s.db = db
	kept.db.Store(&db)
	if err := s.doubt(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if s.webhooks, err = s.newDispatcher(c); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	// Once for the service itself, and in wugan dev again for the playground's
	// tokens of another life.
	people := users.New(db, s.apps, box, c.PhoneDailyLimit, now)
	if c.JoinByPhone {
		people.JoinByPhone(func(at time.Time, ended ...uuid.UUID) { s.revocations.Add(at, auth.ReasonMerged, ended...) })
	}
	api := func(p auth.Lifetimes) (http.Handler, error) {
		signIn, err := auth.New(auth.Config{
			Issuer: c.Issuer, Audience: c.Audience, Apps: s.apps.ids(), DefaultApp: o.DefaultApp, Lifetimes: p,
			AccessKeys: access, RefreshKeys: refresh,
			Store: db, Exchanger: s.apps, People: people, Tickets: db, Vault: box,
			Now: now, Revocations: s.revocations, Observer: s.metrics,
			MetadataClaims: c.MetadataClaims, IdentityClaims: c.IdentityClaims,
		})
		if err != nil {
			return nil, err
		}
		avatarHosts, err := c.AvatarHosts()
		if err != nil {
			return nil, err
		}
		upstreams, err := inside(c, proxies, log)
		if err != nil {
			return nil, err
		}
		verifier := verify.New(c.Issuer, c.Audience, access,
			verify.WithClientIDs(s.apps.ids()...), verify.WithRevocations(s.revocations), verify.WithClock(now))
		return httpapi.New(httpapi.Config{
			Auth:     signIn,
			Users:    people,
			Admin:    admin.New(db, box, now, s.revocations),
			Verifier: verifier,
			Expired: verify.New(c.Issuer, c.Audience, access,
				verify.WithClientIDs(s.apps.ids()...), verify.WithLeeway(verify.MaxLeeway), verify.WithClock(now)),
			// To a clock that stands at the beginning no token has expired.
			Genuine: verify.New(c.Issuer, c.Audience, access, verify.WithClientIDs(s.apps.ids()...),
				verify.WithCache(0), verify.WithClock(func() time.Time { return time.Time{} })),
			Revocations: s.revocations, AccessKeys: access, Issuer: c.Issuer,
			Health: s.Health,
			Pushes: pushes{s.apps, messages},
			Keys:   s.operators, LoginRate: c.LoginRate,
			Stats: s.Stats, NoConsole: c.Console == "off",
			Directory: users.NewDirectory(db, s.apps, box, now), Events: events.NewFeed(db),
			AvatarHosts:    avatarHosts,
			TrustedProxies: proxies, CORS: httpapi.CORS{Origins: c.CORSOrigins, Headers: c.CORSHeaders, Expose: c.CORSExpose},
			Log: log, Now: now, Observe: s.metrics.Request, Outermost: o.Tracing.Requests(),
			Stopping: ctx.Done(), Upstreams: upstreams,
		})
	}
	// Again when other apps are configured: their ids are those of the tokens that
	// are taken.
	build := func() error {
		handler, err := api(lifetimes)
		if err == nil && o.Around != nil {
			handler, err = o.Around(handler, api)
		}
		if err == nil {
			s.handler.Store(&handler)
		}
		return err
	}
	if err := build(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.followApps = func(ctx context.Context) { s.watchApps(ctx, c, log, build) }
	s.followKeys = func(ctx context.Context) { s.watchOperatorKeys(ctx, c, log) }
	return s, nil
}

// inside makes the settings of the gateway inside; nil where there are no
// upstreams.
func inside(c config.Config, proxies []netip.Prefix, log *slog.Logger) (*gateway.Config, error) {
	upstreams, public, err := c.Gateway()
	if err != nil || len(upstreams) == 0 {
		return nil, err
	}
	return &gateway.Config{
		Upstreams: upstreams, Public: public, Timeout: c.UpstreamTimeout, TrustedProxies: proxies, Log: log,
	}, nil
}

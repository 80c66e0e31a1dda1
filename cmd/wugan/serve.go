package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/internal/metrics"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/tracing"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/users"
	"github.com/wugan/wugan/wechat"
)

const (
	headersWithin = 5 * time.Second
	idleFor       = 2 * time.Minute
	// stopWithin is how long requests that were accepted may still take.
	stopWithin = 30 * time.Second
	// purgeEvery and purgeKeep: dead sessions stay for a day, so that their
	// tokens are told from foreign ones, and are gone soon after.
	purgeEvery = 10 * time.Minute
	purgeKeep  = 24 * time.Hour
	// firstRead is how long a start waits to learn which sessions were ended.
	firstRead = time.Second
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the service with the settings of the environment",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, serveOptions{})
		},
	}
}

// serveOptions are what wugan dev does otherwise.
type serveOptions struct {
	devCodes bool
	// around puts something around the service's handler; api makes another one
	// like it, with its own policy for access tokens. nil: nothing.
	around func(service http.Handler, api func(auth.Lifetimes) (http.Handler, error)) (http.Handler, error)
	// listening is told the address, once requests are accepted.
	listening func(net.Addr)
	// tracing may be nil.
	tracing *tracing.Tracing
	// now is the clock; nil for time.Now.
	now func() time.Time
}

// serve runs the service until ctx ends, then answers what it has accepted.
func serve(ctx context.Context, c config, o serveOptions) (err error) {
	log, err := c.logger(os.Stderr)
	if err != nil {
		return err
	}
	if o.tracing, err = startTracing(ctx); err != nil {
		return err
	}
	defer func() {
		if err := o.tracing.Stop(ctx); err != nil {
			log.WarnContext(ctx, "the last traces are lost", "error", err)
		}
	}()
	s, err := wire(ctx, c, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return wrong("ADDR", "expected an address that can be listened on: %s", cause(err))
	}
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headersWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}

	if server.TLSConfig, err = c.tlsConfig(log); err != nil {
		return errors.Join(err, listener.Close())
	}
	stopMetrics, err := serveMetrics(ctx, c, s.metrics, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopMetrics()

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stopBackground()
	wg.Go(func() { s.revocations.Run(background, s.db) })
	wg.Go(func() { s.purge(background, c.lifetimes(), log) })
	wg.Go(func() { s.keys.watch(background, log) })

	// Without this read no token can be checked. Where the database is down, the
	// service answers and says so.
	select {
	case <-s.revocations.Known():
	case <-time.After(firstRead):
	case <-ctx.Done():
	}

	failed := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			failed <- server.ServeTLS(listener, "", "")
			return
		}
		failed <- server.Serve(listener)
	}()
	log.InfoContext(ctx, "serving", "addr", listener.Addr().String(), "database", c.databaseKind(), "version", version)
	if o.listening != nil {
		o.listening(listener.Addr())
	}

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.InfoContext(ctx, "stopping: answering what was accepted")
	s.stopping.Store(true)
	time.Sleep(c.ShutdownDelay) // readyz says no; whoever balances load notices
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		return fmt.Errorf("some requests were not answered within %s: %w", stopWithin, err)
	}
	log.InfoContext(ctx, "stopped")
	return nil
}

// service is everything, wired.
type service struct {
	db          database
	handler     http.Handler
	revocations *auth.Revocations
	keys        *keyWatcher
	metrics     *metrics.Metrics // nil where nobody reads them
	stopping    atomic.Bool
	now         func() time.Time
}

// wire builds the service from top to bottom.
func wire(ctx context.Context, c config, o serveOptions, log *slog.Logger) (*service, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	apps, err := c.apps()
	if err != nil {
		return nil, err
	}
	accessKeys, refreshKeys, err := c.bothKeys()
	if err != nil {
		return nil, err
	}
	box, err := c.box()
	if err != nil {
		return nil, err
	}
	proxies, err := c.proxies()
	if err != nil {
		return nil, err
	}
	messages, err := c.pushes()
	if err != nil {
		return nil, err
	}
	now := o.now
	if now == nil {
		now = time.Now
	}
	s := &service{now: now}
	access, refresh := auth.NewKeyring(accessKeys), auth.NewKeyring(refreshKeys)
	s.keys = &keyWatcher{config: c, access: access, refresh: refresh}
	s.revocations = auth.NewRevocations(c.AccessTTL, now, log)
	s.metrics = s.newMetrics(c, appIDs(apps), now)
	client, err := wechat.New(wechat.Config{
		BaseURL: c.WechatAPI.URL, Apps: apps, Observe: s.metrics.WeChat, Around: o.tracing.Calls,
	})
	if err != nil {
		return nil, err
	}
	db, err := c.openDatabase(ctx, o.tracing)
	if err != nil {
		return nil, err
	}
	s.db = db
	wechatSide := provider{client: client, devCodes: o.devCodes}
	gatewayKey, adminKey := c.operatorKeys()
	// Once for the service itself, and in wugan dev again for the playground's
	// tokens of another life.
	api := func(p auth.Lifetimes) (http.Handler, error) {
		signIn, err := auth.New(auth.Config{
			Issuer: c.Issuer, Audience: c.Audience, Apps: client.AppIDs(), Lifetimes: p,
			AccessKeys: access, RefreshKeys: refresh,
			Store: db, Exchanger: wechatSide, Vault: box,
			Now: now, Revocations: s.revocations, Observer: s.metrics,
			MetadataClaims: c.MetadataClaims,
		})
		if err != nil {
			return nil, err
		}
		upstreams, err := c.gateway(log)
		if err != nil {
			return nil, err
		}
		verifier := verify.New(c.Issuer, c.Audience, access,
			verify.WithClientIDs(client.AppIDs()...), verify.WithRevocations(s.revocations), verify.WithClock(now))
		if upstreams != nil {
			upstreams.TrustedProxies = proxies
		}
		return httpapi.New(httpapi.Config{
			Auth:        signIn,
			Users:       users.New(db, wechatSide, box, c.PhoneDailyLimit, now),
			Admin:       auth.NewAdministration(db, box, now, s.revocations),
			Verifier:    verifier,
			Revocations: s.revocations, AccessKeys: access, Issuer: c.Issuer,
			Ready:      s.ready,
			Pushes:     messages,
			GatewayKey: gatewayKey, AdminKey: adminKey, LoginRate: c.LoginRate,
			TrustedProxies: proxies, CORSOrigins: c.CORSOrigins,
			Log: log, Now: now, Observe: s.metrics.Request, Outermost: o.tracing.Requests(),
			Stopping: ctx.Done(), Upstreams: upstreams,
		})
	}
	s.handler, err = api(c.lifetimes())
	if err == nil && o.around != nil {
		s.handler, err = o.around(s.handler, api)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// ready reports why requests should not be sent here.
func (s *service) ready(ctx context.Context) error {
	if s.stopping.Load() {
		return httpapi.ErrShuttingDown
	}
	if err := s.db.SchemaCurrent(ctx); errors.Is(err, migrations.ErrOutdated) {
		return fmt.Errorf("%w: %w", httpapi.ErrSchemaOutdated, err)
	} else if err != nil {
		return err
	}
	if err := s.db.Writable(ctx); err != nil {
		return err
	}
	return s.revocations.Ready()
}

// box reads the data key.
func (c *config) box() (*seal.Box, error) {
	if c.DataKey == "" {
		return nil, wrong("DATA_KEY", "expected base64 of 32 random bytes (openssl rand -base64 32), but it is not set")
	}
	key, err := seal.ParseKey(string(c.DataKey))
	if err != nil {
		return nil, wrong("DATA_KEY", "expected base64 of 32 bytes (openssl rand -base64 32)")
	}
	earlier, err := c.oldDataKeys()
	if err != nil {
		return nil, err
	}
	return seal.NewBox(key, earlier...), nil
}

// purge removes dead sessions now and then.
func (s *service) purge(ctx context.Context, p auth.Lifetimes, log *slog.Logger) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		n, err := purgeOnce(ctx, s.db, p, s.metrics, s.now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "dead sessions could not be removed", "error", err)
		case n > 0:
			log.InfoContext(ctx, "dead sessions removed", "count", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// newDataKey makes the text of a data key.
func newDataKey(random func([]byte) (int, error)) (string, error) {
	raw := make([]byte, seal.KeySize)
	if _, err := random(raw); err != nil {
		return "", fmt.Errorf("make a data key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

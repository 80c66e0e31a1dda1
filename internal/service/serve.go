package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/internal/config"
)

const (
	headersWithin = 5 * time.Second // of servers that are not httpapi's
	// stopWithin is how long requests that were accepted may still take.
	stopWithin = 30 * time.Second
	// firstRead is how long a start waits to learn which sessions were ended.
	firstRead = time.Second
)

// Run runs the service until ctx ends, and then completes the accepted requests.
func Run(ctx context.Context, c config.Config, o Options) (err error) {
	log, err := newLogger(c, os.Stderr)
	if err != nil {
		return err
	}
	if o.Tracing, err = startTracing(ctx, o.Version); err != nil {
		return err
	}
	defer func() {
		if err := o.Tracing.Stop(ctx); err != nil {
			log.WarnContext(ctx, "the last traces are lost", "error", err)
		}
	}()
	s, err := New(ctx, c, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return config.Wrong("ADDR", "expected an address that can be listened on: %s", config.Cause(err))
	}
	server := httpapi.NewServer(s.Handler(), log)
	server.TLSConfig = s.tls
	server.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }

	stopMetrics, err := serveMetrics(ctx, c, s.metrics, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopMetrics()

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stopBackground()
	wg.Go(func() { s.Background(background) })
	wg.Go(func() { s.purge(background, keepingOf(c), log) })

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
	log.InfoContext(ctx, "serving", "addr", listener.Addr().String(), "database", c.DatabaseKind(), "version", o.Version)
	if o.Listening != nil {
		o.Listening(listener.Addr())
	}

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.InfoContext(ctx, "stopping: answering what was accepted")
	s.stopping.Store(true)
	time.Sleep(c.ShutdownDelay) // readyz says no; the load balancer notices
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		return fmt.Errorf("some requests were not answered within %s: %w", stopWithin, err)
	}
	log.InfoContext(ctx, "stopped")
	return nil
}

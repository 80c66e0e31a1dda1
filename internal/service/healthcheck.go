package service

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/wugan/wugan/internal/config"
)

// healthcheckWithin bounds a health check.
const healthcheckWithin = 3 * time.Second

// HealthcheckOwn asks the service that runs with the same settings on this
// machine whether it is ready.
func HealthcheckOwn(ctx context.Context, c config.Config) error {
	url, transport, err := ownReadiness(c)
	if err != nil {
		return err
	}
	return Healthcheck(ctx, url, transport)
}

// ownReadiness is the address of /readyz of the service with the same settings on
// this machine, and the transport to use.
func ownReadiness(c config.Config) (url string, transport http.RoundTripper, err error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return "", nil, config.Wrong("ADDR", "expected host:port")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens there too
	}
	address := net.JoinHostPort(host, port) + "/readyz"
	if c.TLSWanted() {
		return "https://" + address, ownTLS(c), nil
	}
	return "http://" + address, nil, nil
}

// Healthcheck asks an address; a response other than 200 is an error. A nil
// transport is the usual one.
func Healthcheck(ctx context.Context, url string, transport http.RoundTripper) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s", answer.Status)
	}
	return nil
}

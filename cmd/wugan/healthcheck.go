package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthcheckCommand asks the service of this container whether it is ready,
// where the image has no other program that could.
func healthcheckCommand() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the service on WUGAN_ADDR whether it is ready",
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := &http.Client{}
			if url == "" {
				c, err := loadConfig()
				if err != nil {
					return err
				}
				host, port, err := net.SplitHostPort(c.Addr)
				if err != nil {
					return wrong("ADDR", "expected host:port")
				}
				if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
					host = "127.0.0.1" // it listens there too
				}
				url = "http://" + net.JoinHostPort(host, port) + "/readyz"
				if c.tlsWanted() {
					url = "https" + strings.TrimPrefix(url, "http")
					client.Transport = c.ownTLS()
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return usageError{err}
			}
			answer, err := client.Do(request)
			if err != nil {
				return fmt.Errorf("healthcheck: %w", err)
			}
			defer func() { _ = answer.Body.Close() }()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("healthcheck: %s", answer.Status)
			}
			return nil
		},
	}
	c.Flags().StringVar(&url, "url", "", "address to ask (default: /readyz on WUGAN_ADDR)")
	return c
}

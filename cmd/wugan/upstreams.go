package main

import (
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/wugan/wugan/gateway"
)

// gateway reads the settings of the gateway inside; nil where there are no
// upstreams.
func (c *config) gateway(log *slog.Logger) (*gateway.Config, error) {
	out := gateway.Config{Timeout: c.UpstreamTimeout, Log: log}
	for _, text := range c.Upstreams {
		path, address, ok := strings.Cut(strings.TrimSpace(text), "=")
		target, err := url.Parse(address)
		if !ok || err != nil || !possiblePort(target) {
			return nil, wrong("UPSTREAMS", "expected /path/=http://host:port,/other/=http://host:port")
		}
		out.Upstreams = append(out.Upstreams, gateway.Upstream{Path: path, Target: target})
	}
	for _, path := range c.PublicPaths {
		out.Public = append(out.Public, strings.TrimSpace(path))
	}
	if err := gateway.CheckUpstreams(out.Upstreams); err != nil {
		return nil, wrong("UPSTREAMS", "expected /path/=http://host:port,/other/=http://host:port: %s", err)
	}
	if err := gateway.CheckPublic(out.Public); err != nil {
		return nil, wrong("PUBLIC_PATHS", "expected /exact,/everything/below/: %s", err)
	}
	for i, path := range out.Public {
		switch {
		case strings.Contains(path, "*"):
			return nil, wrong("PUBLIC_PATHS", "expected /exact,/everything/below/: a * stands for nothing here")
		case len(out.Upstreams) > 0 && !slices.ContainsFunc(out.Upstreams, func(u gateway.Upstream) bool { return meet(u.Path, path) }):
			return nil, wrong("PUBLIC_PATHS", "expected paths of WUGAN_UPSTREAMS, but path %d of the list belongs to none of them", i+1)
		}
	}
	switch {
	case len(out.Upstreams) > 0:
		return &out, nil
	case len(out.Public) > 0:
		return nil, wrong("PUBLIC_PATHS", "is set, but WUGAN_UPSTREAMS is not: expected both, or neither")
	}
	return nil, nil //nolint:nilnil // no upstreams, no gateway, no fault
}

// meet tells whether some path is both an upstream's and public.
func meet(upstream, public string) bool {
	return strings.HasPrefix(public+"/", upstream) || strings.HasSuffix(public, "/") && strings.HasPrefix(upstream, public)
}

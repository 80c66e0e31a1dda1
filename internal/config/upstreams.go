package config

import (
	"net/url"
	"slices"
	"strings"

	"github.com/wugan/wugan/gateway"
)

// Gateway reads the settings of the gateway inside: its upstreams and the paths
// that need no token. Without upstreams there is no gateway.
func (c *Config) Gateway() (upstreams []gateway.Upstream, public []string, err error) {
	for _, text := range c.Upstreams {
		path, address, ok := strings.Cut(strings.TrimSpace(text), "=")
		target, err := url.Parse(address)
		if !ok || err != nil || !possiblePort(target) {
			return nil, nil, Wrong("UPSTREAMS", "expected /path/=http://host:port,/other/=http://host:port")
		}
		upstreams = append(upstreams, gateway.Upstream{Path: path, Target: target})
	}
	for _, path := range c.PublicPaths {
		public = append(public, strings.TrimSpace(path))
	}
	if err := gateway.CheckUpstreams(upstreams); err != nil {
		return nil, nil, Wrong("UPSTREAMS", "expected /path/=http://host:port,/other/=http://host:port: %s", err)
	}
	if err := gateway.CheckPublic(public); err != nil {
		return nil, nil, Wrong("PUBLIC_PATHS", "expected /exact,/everything/below/: %s", err)
	}
	for i, path := range public {
		switch {
		case strings.Contains(path, "*"):
			return nil, nil, Wrong("PUBLIC_PATHS", "expected /exact,/everything/below/: a * stands for nothing here")
		case len(upstreams) > 0 && !slices.ContainsFunc(upstreams, func(u gateway.Upstream) bool { return meet(u.Path, path) }):
			return nil, nil, Wrong("PUBLIC_PATHS", "expected paths of WUGAN_UPSTREAMS, but path %d of the list belongs to none of them", i+1)
		}
	}
	if len(upstreams) == 0 && len(public) > 0 {
		return nil, nil, Wrong("PUBLIC_PATHS", "is set, but WUGAN_UPSTREAMS is not: expected both, or neither")
	}
	return upstreams, public, nil
}

// meet reports whether some path is both an upstream's and public.
func meet(upstream, public string) bool {
	return strings.HasPrefix(public+"/", upstream) || strings.HasSuffix(public, "/") && strings.HasPrefix(upstream, public)
}

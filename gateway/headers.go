package gateway

import (
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"

	"github.com/wugan/wugan/auth/verify"
)

// identityHeaders say to an upstream who is asking. They come from the gateway
// or not at all.
var identityHeaders = map[string]bool{
	"x-user-id": true, "x-app-id": true, "x-session-id": true, "x-roles": true,
}

// originHeaders say where a request came from. Nobody's word is taken for it but
// that of proxies that are trusted.
var originHeaders = map[string]bool{
	"forwarded": true, "x-forwarded": true, "x-forwarded-for": true, "x-forwarded-host": true,
	"x-forwarded-proto": true, "x-forwarded-port": true, "x-forwarded-server": true, "x-real-ip": true,
}

// spelled folds the ways to write a header's name. CGI and its heirs (PHP,
// WSGI, Rack) turn "-" into "_", and some turn every character that is neither
// letter nor digit into it: X_User_Id and X.User.Id reach a program as
// HTTP_X_USER_ID just as X-User-Id does.
func spelled(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
}

// strip removes what a caller must not say, in every spelling.
func strip(h http.Header, names map[string]bool) {
	for name := range h {
		if names[spelled(name)] {
			delete(h, name)
		}
	}
}

// identify says who is asking, and that alone: ReverseProxy has already removed
// what the caller's Connection header names, so that it cannot remove these.
func identify(h http.Header, claims *verify.Claims) {
	strip(h, identityHeaders)
	if claims == nil {
		return
	}
	h.Set("X-User-Id", claims.Subject)
	h.Set("X-App-Id", claims.ClientID)
	h.Set("X-Session-Id", claims.SessionID)
	if len(claims.Roles) > 0 {
		h.Set("X-Roles", strings.Join(claims.Roles, ","))
	}
}

// forwarded says where a request came from. What a trusted proxy in front said
// is kept, and our own word added; what anybody else said is not.
func (g *Gateway) forwarded(p *httputil.ProxyRequest) {
	strip(p.Out.Header, originHeaders)
	before := p.In.Header
	if !g.trusts(p.In.RemoteAddr) {
		p.SetXForwarded()
		return
	}
	if chain := before.Values("X-Forwarded-For"); len(chain) > 0 {
		p.Out.Header["X-Forwarded-For"] = chain
	}
	p.SetXForwarded()
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host"} {
		if value := before.Get(name); value != "" {
			p.Out.Header.Set(name, value)
		}
	}
}

func (g *Gateway) trusts(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, prefix := range g.trusted {
		if prefix.Contains(peer.Addr().Unmap()) {
			return true
		}
	}
	return false
}

package gateway

import (
	"bytes"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"

	"github.com/wugan/wugan/auth/verify"
)

// reserved lists the headers that a back end trusts because a proxy sets them:
// identity, origin and original path of the request. They are removed from a
// client's request.
var reserved = map[string]bool{
	// Ours.
	"x-user-id": true, "x-app-id": true, "x-session-id": true, "x-roles": true, "x-request-id": true,
	// The connection determines the length of the body. A back end that reads
	// Content_Length as Content-Length would use another length.
	"content-length": true, "transfer-encoding": true, "http2-settings": true,
	// The address of the client, as proxies, delivery networks and servers of
	// several makers tell it.
	"x-real-ip": true, "x-real-port": true, "x-client-ip": true, "client-ip": true, "true-client-ip": true, "x-true-client-ip": true,
	"x-cluster-client-ip": true, "x-originating-ip": true, "x-proxyuser-ip": true, "proxy-client-ip": true,
	"cf-connecting-ip": true, "cf-connecting-ipv6": true, "cf-pseudo-ipv4": true, "fastly-client-ip": true,
	"x-azure-clientip": true, "x-azure-socketip": true, "ali-cdn-real-ip": true, "cdn-src-ip": true,
	"eo-client-ip": true, "eo-connecting-ip": true,
	// The host, the path and the scheme.
	"x-host": true, "x-host-override": true, "x-http-host-override": true, "x-http-destinationurl": true, "x-scheme": true, "x-url-scheme": true, "front-end-https": true, "x-https": true,
	"script-name": true, "x-script-name": true, "request-uri": true, "x-request-uri": true,
	"x-destinationurl": true, "x-waws-unencoded-url": true,
	// The user, as other gateways tell it.
	"x-user": true, "x-username": true, "x-userinfo": true, "x-auth-user": true, "x-proxy-user": true, "auth-user": true,
	"x-anonymous-consumer": true, "x-jwt-payload": true, "x-endpoint-api-userinfo": true, "sm-user": true, "iv-user": true,
	// CGI reads Proxy as the variable HTTP_PROXY (CVE-2016-5385); Rack takes
	// this one for the way to send files (CVE-2025-61780).
	"proxy": true, "x-sendfile-type": true,
}

// reservedPrefixes lists prefixes of such names.
var reservedPrefixes = []string{
	"forwarded", "x-forwarded", "x-original-", "x-rewrite-", "x-remote-", "remote-",
	"ssl-", "x-ssl-", "x-client-cert", "x-client-verify", "x-client-dn", "x-arr-", "wl-proxy-", "x-appengine-",
	"x-envoy-", "x-accel-", "x-middleware-",
	"x-auth-request-", "x-authenticated-", "x-authentik-", "x-webauth-", "x-consumer-", "x-credential-", "x-vouch-",
	"x-pomerium-", "x-apigateway-", "x-amzn-oidc-", "x-goog-authenticated-user-", "x-goog-iap-", "x-ms-client-principal",
	"cf-access-", "tailscale-user-", "oidc-", "shib-", "mellon-",
	// WeChat's cloud hosting: X-WX-OPENID and its like.
	"x-wx-",
}

// reservedFrom holds reservedPrefixes by their first letter: every header of
// every request is looked up.
var reservedFrom = func() (by [256][]string) {
	for _, prefix := range reservedPrefixes {
		by[prefix[0]] = append(by[prefix[0]], prefix)
	}
	return by
}()

// isReserved reports whether a back end may read a header, in any spelling, as one
// that the gateway has set.
func isReserved(name string) bool {
	var buffer [64]byte
	// Some programs ask for HTTP_CLIENT_IP, CGI's name of the header Client-IP,
	// as the name of a header.
	folded := bytes.TrimPrefix(appendFolded(buffer[:0], name), []byte("http-"))
	if len(folded) == 0 {
		return false
	}
	if reserved[string(folded)] {
		return true
	}
	for _, prefix := range reservedFrom[folded[0]] {
		if len(folded) >= len(prefix) && string(folded[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}

// appendFolded appends the canonical spelling of a header's name. CGI and its
// successors (PHP, WSGI, Rack) replace "-" by "_", and some replace every character
// that is neither letter nor digit: X_User_Id and X.User.Id reach a program as
// HTTP_X_USER_ID, like X-User-Id.
func appendFolded(out []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		default:
			c = '-'
		}
		out = append(out, c)
	}
	return out
}

// strip removes the reserved headers that a caller sent.
func strip(h http.Header) {
	for name := range h {
		if isReserved(name) {
			delete(h, name)
		}
	}
}

// identify sets the identity headers. ReverseProxy has already removed the headers
// that the caller's Connection header names, so a caller cannot remove these.
func identify(h http.Header, claims *verify.Claims) {
	strip(h)
	if claims == nil {
		return
	}
	SetIdentity(h, claims.Subject, claims.ClientID, claims.SessionID, claims.Roles)
}

// SetIdentity sets the four identity headers of a forwarded request, or of the
// response to a gateway's subrequest.
func SetIdentity(h http.Header, userID, appID, sessionID string, roles []string) {
	h.Set("X-User-Id", userID)
	h.Set("X-App-Id", appID)
	h.Set("X-Session-Id", sessionID)
	if len(roles) > 0 {
		h.Set("X-Roles", strings.Join(roles, ","))
	}
}

// forwarded sets the X-Forwarded-* headers. It keeps the values of a trusted proxy
// and appends to them. Values of any other caller have been removed.
func (g *Gateway) forwarded(p *httputil.ProxyRequest) {
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

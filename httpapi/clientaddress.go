package httpapi

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
)

// clientAddress returns the function that finds the address of the client. That is the
// peer's address or, if the peer is a trusted proxy, the last address in
// X-Forwarded-For that is not a trusted proxy. An invalid entry ends the search at the
// proxy that sent it, and is logged once.
func clientAddress(trusted []netip.Prefix, log *slog.Logger) echo.IPExtractor {
	var once sync.Once
	return func(r *http.Request) string {
		peer, ok := peerOf(r)
		switch {
		case !ok:
			return r.RemoteAddr
		case !trusts(trusted, peer):
			return peer.String()
		}
		client, invalid := forwardedFor(trusted, peer, r.Header.Values(echo.HeaderXForwardedFor))
		if invalid {
			once.Do(func() {
				log.WarnContext(r.Context(), "an entry of X-Forwarded-For is no address: the proxy that sent it is taken for the client",
					slog.String("proxy", client.String()))
			})
		}
		return client.String()
	}
}

// peerOf returns the address of the peer, as net/http writes it.
func peerOf(r *http.Request) (netip.Addr, bool) {
	if both, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return both.Addr().Unmap().WithZone(""), true
	}
	return hop(r.RemoteAddr)
}

// forwardedFor follows the lists of X-Forwarded-For back from a trusted peer. It
// reports whether an invalid entry ended the search.
func forwardedFor(trusted []netip.Prefix, peer netip.Addr, lists []string) (client netip.Addr, invalid bool) {
	client = peer
	for _, list := range slices.Backward(lists) {
		for _, entry := range slices.Backward(strings.Split(list, ",")) {
			if !trusts(trusted, client) {
				return client, false
			}
			next, ok := hop(entry)
			if !ok {
				return client, true
			}
			client = next
		}
	}
	return client, false
}

func trusts(trusted []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// hop reads an address as proxies write it: with a port or without, an IPv6
// address in brackets or without, and in quotation marks as RFC 7239 section 6
// has them. The zone of an address says nothing outside the machine.
func hop(entry string) (netip.Addr, bool) {
	entry = strings.TrimSpace(entry)
	if len(entry) > 1 && strings.HasPrefix(entry, `"`) && strings.HasSuffix(entry, `"`) {
		entry = entry[1 : len(entry)-1]
	}
	if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]")); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	host, port, found := cutPort(entry)
	addr, err := netip.ParseAddr(host)
	if !found || err != nil || strings.Trim(port, "0123456789") != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

// cutPort cuts host:port or [host]:port. The port of RFC 7239 may be an
// obfuscated one, which is refused by its letters.
func cutPort(entry string) (host, port string, found bool) {
	if i := strings.LastIndex(entry, "]:"); i > 0 && entry[0] == '[' {
		return entry[1:i], entry[i+2:], true
	}
	host, port, found = strings.Cut(entry, ":")
	return host, port, found && !strings.Contains(port, ":")
}

package config

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// maxLoginRate is far beyond what one address can do; a higher rate would be a
// mistake.
const maxLoginRate = 1_000_000

// listenAddress reports whether a text can be an address to listen on. An empty
// one could, on any free port, which is never meant.
func listenAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil || port == "" {
		return false
	}
	_, err = (&net.Resolver{}).LookupPort(context.Background(), "tcp", port)
	return err == nil
}

// databaseAddress reports whether the database's address can be understood.
func (c *Config) databaseAddress() bool {
	switch c.DatabaseKind() {
	case "postgres":
		return postgresAddress(c.DatabaseURL.Reveal())
	case "sqlite":
		// A database in memory would be another one for each connection.
		return !strings.HasPrefix(c.DatabaseURL.Reveal(), "sqlite::memory:")
	}
	return false
}

// postgresAddress reports whether an address can be understood and its hosts can
// be hosts. What stands where the host is expected is printed when it cannot be
// reached, and with an @ in a password that is not escaped it is the end of the
// password.
func postgresAddress(address string) bool {
	config, err := pgxpool.ParseConfig(address)
	if err != nil || strings.Count(address, "@") > 1 {
		return false // the error's text may repeat the password
	}
	for _, fallback := range config.ConnConfig.Fallbacks {
		if !hostAddress(fallback.Host) {
			return false
		}
	}
	return hostAddress(config.ConnConfig.Host)
}

// hostName is a name as resolvers take it (RFC 1123 section 2.1), and with the
// underscores that names of containers have.
var hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$`)

// hostAddress reports whether a text can be the name of a host, an IP address, or
// the folder of a Unix socket.
func hostAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || strings.HasPrefix(host, "/") {
		return true
	}
	return len(host) <= 253 && hostName.MatchString(host)
}

// DatabaseKind returns postgres or sqlite, or "" for any other address.
func (c *Config) DatabaseKind() string {
	text := c.DatabaseURL.Reveal()
	switch {
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return "postgres"
	case strings.HasPrefix(text, "sqlite:") && len(text) > len("sqlite:"):
		return "sqlite"
	}
	return ""
}

func absoluteHTTP(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && possiblePort(u) && u.RawQuery == "" && u.Fragment == ""
}

// fitsAHeader reports whether a key is long enough and comes through a header as
// it is: spaces at its ends are cut off there, and what is not ASCII each program
// writes in its own way.
func fitsAHeader(key string) bool {
	return len(key) >= 32 && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}

// possiblePort reports whether an address names no port, or one that there can be.
func possiblePort(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// withPassword reports whether an address holds what must not be printed.
func withPassword(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User != nil
}

// isOrigin reports whether a browser can send a text as its origin (RFC 6454
// section 6.2): it is compared as it is. A * may stand for a part of the host.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !absoluteHTTP(text) || u.Hostname() == "" || text != u.Scheme+"://"+u.Host || text != strings.ToLower(text) {
		return false
	}
	ownPort := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	return u.Port() != ownPort && !strings.HasSuffix(text, ":") && !strings.ContainsFunc(text, func(r rune) bool { return r > '~' })
}

// isHeaderName reports whether a text is letters, digits, "-" and "_": of the
// tokens of RFC 9110 those that headers are named by.
func isHeaderName(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

package httpapi

import (
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/internal/apikey"
)

// How many wrong keys one address may send.
const (
	keyFailures = 20
	keyEarns    = 1.0 // a second
)

// keyGuesses bounds the wrong keys of each client address. Beyond that no key is
// compared, the right one included, unless the right one has come from there
// before: a gateway goes on to read the feed although there is a guesser behind
// the same proxy.
type keyGuesses struct {
	failures *attempts[netip.Prefix]
	trusted  *lru.Cache[netip.Prefix, struct{}]
}

func newKeyGuesses(now func() time.Time) (*keyGuesses, error) {
	trusted, err := lru.New[netip.Prefix, struct{}](trackedClients)
	if err != nil {
		return nil, err
	}
	return &keyGuesses{newAttempts[netip.Prefix](keyEarns, keyFailures, now), trusted}, nil
}

// check returns the key with this text, and whether there is one. The error is
// the problem rate_limited.
func (g *keyGuesses) check(c echo.Context, text string, keys *apikey.Set) (key apikey.Key, known bool, err error) {
	client := network(c.RealIP())
	done, err := g.failures.begin(c.Request().Context(), client)
	if err != nil && !g.trusted.Contains(client) {
		return apikey.Key{}, false, guessedTooOften(err)
	}
	key, known = keys.Find(text)
	if known {
		g.trusted.Add(client, struct{}{})
	}
	if err == nil {
		done(!known)
	} else if !known {
		return apikey.Key{}, false, guessedTooOften(err)
	}
	return key, known, nil
}

func guessedTooOften(err error) error {
	if p := problemOf(err); p.Code == codeRateLimited {
		p.Detail = "Too many wrong keys have come from this address: wait for the seconds that Retry-After names."
	}
	return err
}

package httpapi

import (
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// loginRate counts failed logins for each client address. Successful ones never
// count: whole cities share one address.
type loginRate struct {
	limit   rate.Limit
	clients *lru.Cache[netip.Prefix, *rate.Limiter]
	now     func() time.Time
}

// trackedClients bounds the memory; the address longest silent is forgotten.
const trackedClients = 1 << 16

// burstFactor is how many seconds' worth of failures may come at once.
const burstFactor = 4

func newLoginRate(perSecond float64, now func() time.Time) (*loginRate, error) {
	clients, err := lru.New[netip.Prefix, *rate.Limiter](trackedClients)
	if err != nil {
		return nil, err
	}
	return &loginRate{limit: rate.Limit(perSecond), clients: clients, now: now}, nil
}

// check refuses a login from an address with too many failures.
func (l *loginRate) check(ip string) error {
	if l.limit <= 0 {
		return nil
	}
	limiter, tracked := l.clients.Get(network(ip))
	if !tracked {
		return nil
	}
	have := limiter.TokensAt(l.now())
	if have >= 1 {
		return nil
	}
	p := newProblem("rate_limited", nil)
	p.Detail = "Too many logins from this address have failed: wait for the seconds that Retry-After names."
	p.retryAfter = time.Duration((1 - have) / float64(l.limit) * float64(time.Second))
	return p
}

// failed counts a login that was refused.
func (l *loginRate) failed(ip string) {
	if l.limit <= 0 {
		return
	}
	key := network(ip)
	limiter, tracked := l.clients.Get(key)
	if !tracked {
		fresh := rate.NewLimiter(l.limit, max(1, int(l.limit*burstFactor)))
		if earlier, raced, _ := l.clients.PeekOrAdd(key, fresh); raced {
			limiter = earlier
		} else {
			limiter = fresh
		}
	}
	limiter.AllowN(l.now(), 1)
}

// network is what one client can hold many addresses of: itself in IPv4, its
// /64 in IPv6.
func network(ip string) netip.Prefix {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

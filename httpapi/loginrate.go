package httpapi

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/wugan/wugan/auth"
)

// burstFactor is how many seconds' worth of failures may come at once.
const burstFactor = 4

// What a device that has logged in before may fail, while its address may not
// fail any more.
const (
	deviceFailures = 2
	deviceEarns    = 1.0 / 60
)

// How many logins one user may make. WeChat allows as many (45011).
const (
	userLogins     = 100
	userLoginEarns = userLogins / 60.0
)

// digest stands for a device or an identity.
type digest [sha256.Size]byte

// loginRate bounds the failed logins of each client address. Successful ones
// never count there: whole cities share one address. So that no client that shares
// an address can lock out the others by failing, a device that has logged in
// here before has a small allowance of its own. And it bounds the logins of each
// user, successful as they are. nil: no limits.
type loginRate struct {
	addresses *attempts[netip.Prefix]
	devices   *attempts[digest]
	users     *attempts[digest]
	known     *lru.Cache[digest, struct{}] // devices that have logged in
}

func newLoginRate(perSecond float64, now func() time.Time) (*loginRate, error) {
	if perSecond <= 0 {
		return nil, nil //nolint:nilnil // no limits, no fault
	}
	known, err := lru.New[digest, struct{}](trackedClients)
	if err != nil {
		return nil, err
	}
	return &loginRate{
		addresses: newAttempts[netip.Prefix](perSecond, max(1, float64(int(perSecond*burstFactor))), now),
		devices:   newAttempts[digest](deviceEarns, deviceFailures, now),
		users:     newAttempts[digest](userLoginEarns, userLogins, now),
		known:     known,
	}, nil
}

// begin lets a login begin, and returns what is to be told its outcome. The
// error is that of attempts.begin.
func (l *loginRate) begin(ctx context.Context, ip, appID, deviceID string) (done func(failed bool), err error) {
	if l == nil {
		return func(bool) {}, nil
	}
	device := digestOf(appID, deviceID)
	finish, err := l.addresses.begin(ctx, network(ip))
	if err != nil && l.known.Contains(device) {
		finish, err = l.devices.begin(ctx, device)
	}
	if err != nil {
		if p := problemOf(err); p.Code == codeRateLimited {
			p.Detail = "Too many logins from this address have failed: wait for the seconds that Retry-After names."
		}
		return nil, err
	}
	return func(failed bool) {
		if !failed && deviceID != "" {
			l.known.Add(device, struct{}{})
		}
		finish(failed)
	}, nil
}

// admit counts a login of a known user and returns an error beyond the limit.
func (l *loginRate) admit(appID, openID string) error {
	if l == nil {
		return nil
	}
	err := l.users.count(digestOf(appID, openID))
	if err == nil {
		return nil
	}
	p := problemOf(err)
	p.Detail = "This user has logged in too often within a minute: wait for the seconds that Retry-After names."
	p.cause = auth.ErrTooManyLogins
	return p
}

func digestOf(appID, name string) digest { return sha256.Sum256([]byte(appID + "\x00" + name)) }

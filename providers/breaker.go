package providers

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// errCircuit marks, inside the package, a call that an open circuit refused.
var errCircuit = errors.New("circuit open")

// breaker is a circuit breaker: while an API of a platform is down, calls fail at once,
// so that no login waits five seconds for an error. It lets one call at a time through
// to detect the recovery.
//
// There is one for each API rather than one for all: behind one gateway stand
// different services (WeChat's sns, cgi-bin and wxa), and phone numbers that fail
// must not stop logins.
type breaker struct {
	two     *gobreaker.TwoStepCircuitBreaker[struct{}]
	openFor time.Duration

	mu     sync.Mutex
	opened time.Time
}

func newBreaker(name string, failures uint32, openFor time.Duration) *breaker {
	if failures == 0 {
		failures = 5
	}
	if openFor <= 0 {
		openFor = 5 * time.Second
	}
	b := &breaker{openFor: openFor}
	b.two = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        name,
		MaxRequests: 1, // one probe at a time
		// Long enough for failures that take the whole timeout, one after the
		// other, to be counted in a row: what leaves the window is forgotten.
		Interval:     time.Minute,
		BucketPeriod: 5 * time.Second,
		Timeout:      openFor,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return n.ConsecutiveFailures >= failures || (n.Requests >= 20 && 2*n.TotalFailures >= n.Requests)
		},
		IsSuccessful: answered,
		// A caller who went away says nothing about the platform.
		IsExcluded: func(err error) bool { return kindOf(err) == KindCanceled },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.mu.Lock()
				b.opened = time.Now() // gobreaker goes by the process's clock
				b.mu.Unlock()
			}
		},
	})
	return b
}

// answered reports whether the platform is up: one that refuses a code, a user or an app
// is.
func answered(err error) bool {
	if err == nil {
		return true
	}
	k := kindOf(err)
	return k != KindUnavailable && k != KindBusy
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindUnexpected
}

// allow returns what to call with the outcome, or how long to wait and an error.
func (b *breaker) allow() (func(error), time.Duration, error) {
	done, err := b.two.Allow()
	if err == nil {
		return done, 0, nil
	}
	b.mu.Lock()
	wait := time.Until(b.opened.Add(b.openFor))
	b.mu.Unlock()
	// A probe is under way, or will be within the second.
	return nil, max(wait, time.Second), errCircuit
}

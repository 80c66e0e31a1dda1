package auth

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/wugan/wugan/users"
)

const (
	// SkewReported is the smallest difference between the machine's clock and the
	// database's that is logged.
	SkewReported = 5 * time.Second
	// SkewTolerated is the largest difference at which rows are purged. Beyond it
	// one of the two clocks is wrong, and a purge cannot be undone.
	SkewTolerated = time.Minute
	// drift is the assumed error of a monotonic clock between two measurements,
	// as a fraction of the time between them. A quartz stays within a tenth of it.
	drift = 1e-3
	// stepped is the smallest difference to an earlier measurement, beyond the
	// errors of both, that means the database's clock was set.
	stepped = time.Second
)

// Clock returns the time of the database, which decides every lifetime, so that
// pods with different clocks agree. [Clock.Measure] reads it at intervals. Between
// two measurements, and during an outage of the database, the machine's monotonic
// clock advances it, so a step of the machine's wall clock has no effect. A Clock
// is safe for concurrent use.
type Clock struct {
	wall  func() time.Time
	log   *slog.Logger
	began time.Time     // with its monotonic reading
	known chan struct{} // closed by the first measurement

	mu       sync.RWMutex
	trusted  bool          // the wall clock is the database's
	database time.Time     // the database's time at the moment at
	at       time.Duration // since began
	within   time.Duration // how far database may be wrong
	reported bool          // that the clocks differ
}

// NewClock returns a clock. Until it is measured it is not known and returns the
// time of wall, which is time.Now or a test's.
func NewClock(wall func() time.Time, log *slog.Logger) *Clock {
	return &Clock{wall: wall, log: log, began: time.Now(), known: make(chan struct{})}
}

// TrustedClock returns a clock that takes wall for the database's time, for tests.
// Measuring it has no effect.
func TrustedClock(wall func() time.Time) *Clock {
	c := &Clock{wall: wall, trusted: true, known: make(chan struct{})}
	close(c.known)
	return c
}

// Now returns the database's time.
func (c *Clock) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.trusted || c.database.IsZero() {
		return c.wall()
	}
	return c.count(time.Since(c.began))
}

func (c *Clock) count(at time.Duration) time.Time { return c.database.Add(at - c.at) }

// Known returns nil if the clock has been measured, and [users.ErrUnavailable]
// otherwise.
func (c *Clock) Known() error {
	select {
	case <-c.known:
		return nil
	default:
		return fmt.Errorf("%w: its time has not been read yet", users.ErrUnavailable)
	}
}

// Skew returns the machine's wall clock minus the database's. It returns 0 before
// the first measurement.
func (c *Clock) Skew() time.Duration {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.skew()
}

func (c *Clock) skew() time.Duration {
	if c.trusted || c.database.IsZero() {
		return 0
	}
	now := c.count(time.Since(c.began))
	return c.wall().Round(0).Sub(now) // without a monotonic reading
}

// Tolerable returns an error if the clocks differ by more than SkewTolerated.
func (c *Clock) Tolerable() error {
	if skew := c.Skew(); skew.Abs() > SkewTolerated {
		return fmt.Errorf("this machine's clock and the database's differ by %s: set the one that is wrong", skew.Round(time.Second))
	}
	return nil
}

// Measure reads the database's time by ask and reports whether that clock was set
// since the last measurement. A measurement that took longer than the last one is
// used only if the two contradict each other or the last one is old.
func (c *Clock) Measure(ctx context.Context, ask func(context.Context) (time.Time, error)) (set bool, err error) {
	before := time.Now()
	database, err := ask(ctx)
	if err != nil {
		return false, fmt.Errorf("read the database's time: %w", err)
	}
	took := time.Since(before)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trusted {
		return false, nil
	}
	within := took / 2
	at := before.Sub(c.began) + within // when the database read its clock, give or take within
	database = database.Round(0).UTC()
	if c.database.IsZero() {
		c.database, c.at, c.within = database, at, within
		close(c.known)
	} else {
		open := c.within + time.Duration(drift*float64(at-c.at))
		off := database.Sub(c.count(at)).Abs()
		set = off > open+within+stepped
		if within <= open || off > open+within {
			c.database, c.at, c.within = database, at, within
		}
	}
	c.report(ctx, set)
	return set, nil
}

// report logs that the clocks differ, and that they agree again, once.
func (c *Clock) report(ctx context.Context, set bool) {
	if set {
		c.log.WarnContext(ctx, "the database's clock was set, or this machine slept; its time is taken over", "time", c.database)
	}
	skew := c.skew()
	differ := skew.Abs() > SkewReported
	switch {
	case differ && !c.reported:
		c.log.WarnContext(ctx, "this machine's clock differs from the database's, whose time counts", "ahead", skew.Round(time.Millisecond).String())
	case !differ && c.reported:
		c.log.InfoContext(ctx, "this machine's clock agrees with the database's again")
	}
	c.reported = differ
}

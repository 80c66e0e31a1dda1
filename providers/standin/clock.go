package standin

import (
	"sync"
	"time"
)

// Clock is a time that tests move. The zero Clock is the process's. It may be used
// by many goroutines at once.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
}

// Now is the time, moved.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Move moves the time.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

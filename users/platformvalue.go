package users

import (
	"context"
	"time"
)

// PlatformValue is what a platform handed over between calls, for all processes and
// the next start.
type PlatformValue struct {
	Name   string
	Sealed []byte
	// At orders the values of one name, to the microsecond.
	At time.Time
}

// PlatformStore keeps a few values for each app. It is safe for concurrent use.
// Errors are [ErrUnavailable].
type PlatformStore interface {
	// KeepPlatformValue replaces the value of the name unless a newer one is there.
	KeepPlatformValue(ctx context.Context, v PlatformValue) error
	// PlatformValue returns the value of the name, without Sealed where there is
	// none.
	PlatformValue(ctx context.Context, name string) (PlatformValue, error)
}

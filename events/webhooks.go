package events

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// WebhookStore stores the state of delivery. Its methods are safe for use by any number
// of processes. They return users.ErrUnavailable for an outage. All times are the
// database's.
type WebhookStore interface {
	Store

	// ClaimWebhooks makes holder the only process that delivers, for the duration
	// of lease, and returns the place. It returns ErrNotHolder if another process
	// holds the claim. The very first claim starts after the newest event.
	ClaimWebhooks(ctx context.Context, holder uuid.UUID, lease time.Duration) (Place, error)

	// ReleaseWebhooks releases the claim, so that another process need not wait
	// until it expires.
	ReleaseWebhooks(ctx context.Context, holder uuid.UUID) error

	// DueDeliveries returns at most limit events whose next attempt is due: of
	// each user the oldest that was not delivered, and of those the ones due for
	// the longest time.
	DueDeliveries(ctx context.Context, limit int) ([]Due, error)

	// WaitingUsers returns those of the users who have an event that was not
	// delivered: their newer ones wait behind it.
	WaitingUsers(ctx context.Context, of []uuid.UUID) ([]uuid.UUID, error)

	// SaveDeliveries stores the results of deliveries atomically. It returns
	// ErrNotHolder if the claim was lost.
	SaveDeliveries(ctx context.Context, holder uuid.UUID, r Results) error

	// StopWebhooks stops delivery to the address with this fingerprint until
	// ResumeWebhooks is called.
	StopWebhooks(ctx context.Context, holder uuid.UUID, fingerprint string) error
	ResumeWebhooks(ctx context.Context) error

	// WebhookBacklog returns how many events wait for another attempt, and when
	// the oldest event that was not delivered happened (zero: there is none).
	WebhookBacklog(ctx context.Context) (waiting int, oldest time.Time, err error)
}

// Place is the state of delivery.
type Place struct {
	Position int64
	// StoppedFor is the fingerprint of the address that wants no more; "".
	StoppedFor string
}

// Due is an event to be delivered again.
type Due struct {
	Placed
	Attempts int // so far
}

// Results holds the results of deliveries.
type Results struct {
	// Position is the new place; 0 leaves it where it is.
	Position int64
	// Delivered are positions of events that need no further attempt. The next
	// event of the same user becomes due.
	Delivered []int64
	// Failed are events to be tried (again), each after its pause. Those of a
	// user who has an earlier one waiting come after it.
	Failed []Failure
}

// Failure is an event that was not delivered, or that waits for one which was not.
type Failure struct {
	Position int64
	UserID   uuid.UUID
	Attempts int // 0: it waits behind another one of its user
	Pause    time.Duration
}

// ErrNotHolder is returned if another process holds the claim.
var ErrNotHolder = errors.New("events: another process delivers the webhooks")

// pauses is how long after each failed attempt the next one comes; the last one
// repeats.
var pauses = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

func pauseAfter(attempts int) time.Duration { return pauses[min(attempts, len(pauses))-1] }

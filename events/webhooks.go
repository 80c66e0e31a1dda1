package events

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// WebhookStore keeps how far webhooks have come. Its methods may be called by
// any number of processes; an outage comes back as users.ErrUnavailable. All
// times are the database's.
type WebhookStore interface {
	Store

	// ClaimWebhooks makes holder the one process that delivers, for as long as
	// lease, where no other does. The first claim of all begins behind the newest
	// event. It returns the place, and ErrNotHolder while another process holds
	// the claim.
	ClaimWebhooks(ctx context.Context, holder uuid.UUID, lease time.Duration) (Place, error)

	// ReleaseWebhooks gives the claim up, so that another process need not wait
	// for its end.
	ReleaseWebhooks(ctx context.Context, holder uuid.UUID) error

	// DueDeliveries returns at most limit events whose next attempt is due: of
	// each user the oldest that was not delivered, and of those the ones due for
	// the longest time.
	DueDeliveries(ctx context.Context, limit int) ([]Due, error)

	// WaitingUsers returns those of the users who have an event that was not
	// delivered: their newer ones wait behind it.
	WaitingUsers(ctx context.Context, of []uuid.UUID) ([]uuid.UUID, error)

	// SaveDeliveries keeps what became of deliveries, all of it or nothing, and
	// returns ErrNotHolder where the claim was lost meanwhile.
	SaveDeliveries(ctx context.Context, holder uuid.UUID, r Results) error

	// StopWebhooks keeps that the receiver wants no more: nothing is delivered to
	// an address with this fingerprint until ResumeWebhooks.
	StopWebhooks(ctx context.Context, holder uuid.UUID, fingerprint string) error
	ResumeWebhooks(ctx context.Context) error

	// WebhookBacklog returns how many events wait for another attempt, and when
	// the oldest event that was not delivered happened (zero: there is none).
	WebhookBacklog(ctx context.Context) (waiting int, oldest time.Time, err error)
}

// Place is how far webhooks have come.
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

// Results is what became of deliveries.
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

// ErrNotHolder says that another process delivers.
var ErrNotHolder = errors.New("events: another process delivers the webhooks")

// pauses is how long after each failed attempt the next one comes; the last one
// repeats.
var pauses = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

func pauseAfter(attempts int) time.Duration { return pauses[min(attempts, len(pauses))-1] }

package users

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Store is what this package needs from a database. Its methods may be called
// by any number of goroutines and processes. An outage comes back as
// [ErrUnavailable], a user that is not there as [ErrNotFound].
type Store interface {
	// User returns one user, disabled ones too.
	User(ctx context.Context, id uuid.UUID) (User, error)

	// UpdateProfile sets the fields that are not nil and returns the user.
	UpdateProfile(ctx context.Context, id uuid.UUID, p ProfilePatch) (User, error)

	// Owner returns the user of an identity. Where either half of it is empty,
	// or no app knows it, the error is ErrNotFound.
	Owner(ctx context.Context, appID, openID string) (uuid.UUID, error)

	// Identity returns how an app knows the user.
	Identity(ctx context.Context, id uuid.UUID, appID string) (Identity, error)

	// TakePhoneCall records that a user is about to ask for a phone number,
	// and returns the number of the record, which is not 0. Where that happened
	// limit times since a moment already, nothing is recorded and it returns 0.
	// Concurrent calls for one user take turns.
	TakePhoneCall(ctx context.Context, id uuid.UUID, limit int, since, now time.Time) (int64, error)

	// ReturnPhoneCall makes what TakePhoneCall recorded an EventPhoneRefused,
	// which does not count: the provider was not asked, or charged nothing. The
	// event keeps its place, for those who follow the events. A record that is
	// not there, or not that user's, is no error.
	ReturnPhoneCall(ctx context.Context, id uuid.UUID, call int64) error

	// BindPhone sets the user's phone number. When another user holds it (under
	// any of the hashes), nothing changes and the error is [ErrPhoneTaken].
	BindPhone(ctx context.Context, p PhoneBinding) (User, error)
}

// ProfilePatch is a change to what users say of themselves; nil leaves a field
// as it is.
type ProfilePatch struct {
	Nickname  *string
	AvatarURL *string
}

// PhoneBinding is a verified phone number on its way to a user.
type PhoneBinding struct {
	UserID uuid.UUID
	Sealed []byte
	// Hashes are the keyed hashes of the number: the one to store first, then
	// those under earlier data keys, by which another holder may be found.
	Hashes [][]byte
	Now    time.Time
}

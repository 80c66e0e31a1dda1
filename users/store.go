package users

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Store is the database of this package. Its methods are safe for use by any number of
// goroutines and processes. They return [ErrUnavailable] for an outage and
// [ErrNotFound] for a user who does not exist.
type Store interface {
	// User returns one user, disabled ones too.
	User(ctx context.Context, id uuid.UUID) (User, error)

	// UpdateProfile sets the fields that are not nil and returns the user.
	UpdateProfile(ctx context.Context, id uuid.UUID, p ProfilePatch) (User, error)

	// Owner returns the user of an identity. It returns ErrNotFound if the identity
	// is unknown or a part of it is empty.
	Owner(ctx context.Context, appID, openID string) (uuid.UUID, error)

	// Identities lists how the apps know the user, the oldest first.
	Identities(ctx context.Context, id uuid.UUID) ([]Identity, error)

	// Merge makes one user of two, as Merge and Merged say: it moves the
	// identities, ends the sessions of the one who disappears and returns them
	// with the id of the one who remains, and records it on both. All of it
	// happens or none; a session that is being opened or refreshed at the same
	// moment is ended or belongs to the one who remains. Every session that it
	// ends is told to all processes at once. Errors: [ErrNotFound] where one of
	// the two is not there, or no user holds the number; [ErrPhoneTaken] where a
	// shared number may not join them.
	Merge(ctx context.Context, m Merge) (into uuid.UUID, ended []uuid.UUID, err error)

	// Identity returns how an app knows the user.
	Identity(ctx context.Context, id uuid.UUID, appID string) (Identity, error)

	// TakePhoneCall records that a user is about to ask for a phone number and
	// returns the id of the record, which is not 0. If there are limit such records
	// since the given time, it records nothing and returns 0. Concurrent calls for
	// one user are serialized.
	TakePhoneCall(ctx context.Context, id uuid.UUID, limit int, since, now time.Time) (int64, error)

	// ReturnPhoneCall turns the record of TakePhoneCall into an EventPhoneRefused,
	// which does not count toward the limit: the provider was not called or charged
	// nothing. The event keeps its position in the feed. It returns no error if the
	// record does not exist or belongs to another user.
	ReturnPhoneCall(ctx context.Context, id uuid.UUID, call int64) error

	// BindPhone sets the user's phone number. If another user has the number, under
	// any of the hashes, it changes nothing and returns [ErrPhoneTaken].
	BindPhone(ctx context.Context, p PhoneBinding) (User, error)
}

// ProfilePatch is a change of a user's profile. A nil field is not changed.
type ProfilePatch struct {
	Nickname  *string
	AvatarURL *string
}

// PhoneBinding holds the parameters of [Store.BindPhone].
type PhoneBinding struct {
	UserID uuid.UUID
	Sealed []byte
	// Hashes are the keyed hashes of the number: the one to store first, then
	// those under earlier data keys, by which another holder may be found.
	Hashes [][]byte
	Now    time.Time
}

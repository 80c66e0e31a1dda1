package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Vault seals and opens stored values and computes the keyed hashes by which they can
// be found.
type Vault interface {
	Seal(plain []byte, associatedData string) ([]byte, error)
	Opener
	Hashes(value string) [][]byte
}

// Service implements the operations of users on their own accounts. It is safe for
// concurrent use.
type Service struct {
	store      Store
	provider   Provider
	vault      Vault
	phoneLimit int
	// joined is what JoinByPhone was given, or nil.
	joined func(at time.Time, ended ...uuid.UUID)
	now    func() time.Time
}

// New returns a Service. A user may ask for phone numbers phoneLimit times a day;
// 0: no limit.
func New(store Store, provider Provider, vault Vault, phoneLimit int, now func() time.Time) *Service {
	return &Service{store: store, provider: provider, vault: vault, phoneLimit: phoneLimit, now: now}
}

// JoinByPhone makes a verified phone number that another user holds join the two,
// as [Merge.Hashes] says. Each join calls joined with its time and the sessions that
// it has ended, so that this process refuses their tokens without delay. JoinByPhone
// is called before use.
func (s *Service) JoinByPhone(joined func(at time.Time, ended ...uuid.UUID)) { s.joined = joined }

// User returns a user with the phone number in clear text. Errors: ErrNotFound,
// ErrUnavailable.
func (s *Service) User(ctx context.Context, id uuid.UUID) (User, error) {
	u, err := s.store.User(ctx, id)
	return s.opened(u, err, "read a user")
}

// Identities lists how the apps know a user, the oldest first. Errors:
// ErrUnavailable.
func (s *Service) Identities(ctx context.Context, id uuid.UUID) ([]Identity, error) {
	list, err := s.store.Identities(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return list, nil
}

// Identity returns how an app knows a user. Errors: ErrNotFound, ErrUnavailable.
func (s *Service) Identity(ctx context.Context, id uuid.UUID, appID string) (Identity, error) {
	i, err := s.store.Identity(ctx, id, appID)
	if err != nil {
		return Identity{}, fmt.Errorf("read an identity: %w", err)
	}
	return i, nil
}

// UpdateProfile changes a user's profile. Errors: ErrNotFound, ErrUnavailable.
func (s *Service) UpdateProfile(ctx context.Context, id uuid.UUID, p ProfilePatch) (User, error) {
	u, err := s.store.UpdateProfile(ctx, id, p)
	return s.opened(u, err, "update a profile")
}

func (s *Service) opened(u User, err error, op string) (User, error) {
	if err != nil {
		return User{}, fmt.Errorf("%s: %w", op, err)
	}
	u.OpenPhone(s.vault)
	return u, nil
}

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
	now        func() time.Time
}

// New returns a Service. A user may ask for phone numbers phoneLimit times a day;
// 0: no limit.
func New(store Store, provider Provider, vault Vault, phoneLimit int, now func() time.Time) *Service {
	return &Service{store: store, provider: provider, vault: vault, phoneLimit: phoneLimit, now: now}
}

// User returns a user with the phone number in clear text. Errors: ErrNotFound,
// ErrUnavailable.
func (s *Service) User(ctx context.Context, id uuid.UUID) (User, error) {
	u, err := s.store.User(ctx, id)
	return s.opened(u, err, "read a user")
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

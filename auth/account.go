package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// People finds the user of an identity and binds phone numbers. *users.Service
// implements it.
type People interface {
	// Owner returns the user of an identity, or users.ErrNotFound if the identity
	// is not known.
	Owner(ctx context.Context, appID, openID string) (uuid.UUID, error)

	// PhoneOfLogin exchanges the phone code of a login for the phone number. The
	// provider has confirmed the identity before.
	PhoneOfLogin(ctx context.Context, appID, openID, code string) (users.GivenPhone, error)

	// Identity returns how an app knows a user.
	Identity(ctx context.Context, id uuid.UUID, appID string) (users.Identity, error)

	// BindGiven binds the number to a user, and returns the user who remains,
	// whom the number may have joined with the one named. Errors:
	// users.ErrPhoneTaken, users.ErrNotFound, users.ErrUnavailable.
	BindGiven(ctx context.Context, id uuid.UUID, given users.GivenPhone) (users.User, error)
}

// ErrAnotherPerson is returned if a login code stands for another person than
// the user who is logged in.
var ErrAnotherPerson = errors.New("the code is of another person")

// Confirm exchanges a new login code and checks that it stands for the given
// user. It proves that the caller holds the user's device, and not only a
// stolen token. Errors:
// ErrAnotherPerson, ErrUnknownApp, *users.ProviderError, users.ErrUnavailable.
func (s *Service) Confirm(ctx context.Context, userID uuid.UUID, appID, code string) error {
	proven, err := s.exchanger.ExchangeCode(ctx, appID, code)
	if err != nil {
		return fmt.Errorf("exchange the code: %w", err)
	}
	owner, err := s.people.Owner(ctx, appID, proven.OpenID)
	switch {
	case errors.Is(err, users.ErrNotFound), err == nil && owner != userID:
		return ErrAnotherPerson
	case err != nil:
		return fmt.Errorf("confirm who it is: %w", err)
	}
	return nil
}

// abandoned ends the session of a login that failed later, and returns why it
// failed. No token of the session was issued.
func (s *Service) abandoned(ctx context.Context, userID, sessionID uuid.UUID, why error) error {
	why = fmt.Errorf("log in: %w", why)
	_, err := s.store.EndSession(context.WithoutCancel(ctx), Ending{
		UserID: userID, SessionID: sessionID, Reason: ReasonLoggedOut, Actor: users.ActorSystem, Now: s.clock(),
	})
	if err != nil {
		return fmt.Errorf("%w (its session could not be ended: %v)", why, err) //nolint:errorlint // the second is told, and decides nothing
	}
	return why
}

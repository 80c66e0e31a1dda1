package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Link exchanges a login code and gives the identity that it stands for to a
// user, beside those that the user has. One that is the user's already is no
// error. Errors: users.ErrIdentityTaken, users.ErrNotFound, ErrUnknownApp,
// *users.ProviderError, users.ErrUnavailable. The code is spent once the provider
// was asked.
func (s *Service) Link(ctx context.Context, userID uuid.UUID, appID, code string) error {
	appID, err := s.apps.choose(appID)
	if err != nil {
		return err
	}
	proven, err := s.exchanger.ExchangeCode(ctx, appID, code)
	if err != nil {
		return fmt.Errorf("exchange the code: %w", err)
	}
	if proven.OpenID == "" {
		return errors.New("link an identity: the provider named none")
	}
	l, err := s.loginOf(appID, proven)
	if err != nil {
		return fmt.Errorf("link an identity: %w", err)
	}
	// The code is spent: the link is made even if the client has gone.
	if err := s.store.LinkIdentity(context.WithoutCancel(ctx), userID, l); err != nil {
		return fmt.Errorf("link an identity: %w", err)
	}
	return nil
}

// loginOf is what a store is told of a proven identity, now.
func (s *Service) loginOf(appID string, proven ProvenIdentity) (Login, error) {
	l := Login{
		Provider: proven.Provider, Account: proven.Account, AppID: appID, OpenID: proven.OpenID, UnionID: proven.UnionID, Now: s.clock(),
	}
	if proven.SessionKey.Empty() {
		return l, nil
	}
	var err error
	l.SealedSessionKey, err = s.vault.Seal([]byte(proven.SessionKey.Reveal()), users.SessionKeyAssociatedData(appID, proven.OpenID))
	return l, err
}

// Unlink takes the identities of an app away from a user and ends the user's
// sessions in that app: who logs in by one of them later is a new user. Errors:
// users.ErrLastIdentity, users.ErrNotFound, users.ErrUnavailable.
func (s *Service) Unlink(ctx context.Context, userID uuid.UUID, appID string) error {
	now := s.clock()
	ended, err := s.store.UnlinkIdentity(ctx, userID, appID, now)
	if err != nil {
		return fmt.Errorf("unlink an identity: %w", err)
	}
	s.revocations.Add(now, ReasonSignedOut, ended...)
	return nil
}

// Resume opens a session of a user whom the person behind a session of another
// user has become, in the same app. The session that was has
// ended. Errors: ErrUserDisabled, users.ErrNotFound, users.ErrUnavailable.
func (s *Service) Resume(ctx context.Context, userID uuid.UUID, appID string, d Device) (LoginResult, error) {
	i, err := s.people.Identity(ctx, userID, appID)
	if err != nil {
		return LoginResult{}, fmt.Errorf("resume: %w", err)
	}
	l := Login{
		Provider: i.Provider, Account: i.Account, AppID: appID, OpenID: i.OpenID, UnionID: i.UnionID,
		SealedSessionKey: i.SealedSessionKey, Device: d, Now: s.clock(),
	}
	in, err := s.open(ctx, &l)
	if err != nil {
		return LoginResult{}, err
	}
	return s.welcome(in, appID, l.SessionID, l.Now)
}

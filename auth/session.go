package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Logout ends the session of a refresh token and returns the token's claims. It
// returns no error if the session has already ended. It returns a zero Presented
// and no error if the token has expired, and ErrRefreshInvalid if this service did
// not issue it.
func (s *Service) Logout(ctx context.Context, refreshToken string) (Presented, error) {
	p, err := s.presented(ctx, refreshToken)
	if errors.Is(err, ErrRefreshExpired) {
		return Presented{}, nil
	}
	if err != nil {
		return Presented{}, err
	}
	return p, s.LogoutSession(ctx, p.UserID, p.SessionID)
}

// LogoutSession ends the session that a signed token names. It returns no error if
// the session has already ended or if the database has lost its row.
func (s *Service) LogoutSession(ctx context.Context, userID, sessionID uuid.UUID) error {
	_, err := s.end(ctx, Ending{UserID: userID, SessionID: sessionID, Proven: sessionID, Reason: ReasonLoggedOut})
	return err
}

// LogoutAll ends every session of a user, including the one that a signed token
// names.
func (s *Service) LogoutAll(ctx context.Context, userID, sessionID uuid.UUID) error {
	now := s.clock()
	ended, err := s.store.EndSessions(ctx, Ending{
		UserID: userID, Proven: sessionID, Reason: ReasonSignedOut, Actor: users.ActorUser, Now: now,
	})
	if err != nil {
		return fmt.Errorf("log out everywhere: %w", err)
	}
	s.revocations.Add(now, ReasonSignedOut, ended...)
	return nil
}

// EndSession ends one of a user's sessions at the request of the session by. A
// client that ends its own session logs out. It returns ErrNoSession if the
// session does not exist or belongs to another user.
func (s *Service) EndSession(ctx context.Context, userID, by, sessionID uuid.UUID) error {
	e := Ending{UserID: userID, SessionID: sessionID, Reason: ReasonSignedOut}
	if by == sessionID {
		e.Reason = ReasonLoggedOut
	}
	ended, err := s.end(ctx, e)
	if err == nil && !ended {
		return ErrNoSession
	}
	return err
}

// end ends one session at its user's request.
func (s *Service) end(ctx context.Context, e Ending) (bool, error) {
	e.Actor, e.Now = users.ActorUser, s.clock()
	ended, err := s.store.EndSession(ctx, e)
	if err != nil {
		return false, fmt.Errorf("end a session: %w", err)
	}
	if ended {
		s.revocations.Add(e.Now, e.Reason, e.SessionID)
	}
	return ended, nil
}

// Sessions lists a user's live sessions, newest use first.
func (s *Service) Sessions(ctx context.Context, userID uuid.UUID) ([]Session, error) {
	list, err := s.store.Sessions(ctx, userID, s.clock())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Logout ends the session of a refresh token and returns what the token names.
// A session that has ended already is no error, nor is a token that has expired,
// of which nothing is returned. The error for a token that is not one of ours is
// ErrRefreshInvalid.
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

// LogoutSession ends a session of a user; one that has ended already is no
// error.
func (s *Service) LogoutSession(ctx context.Context, userID, sessionID uuid.UUID) error {
	if err := s.EndSession(ctx, userID, sessionID); err != nil && !errors.Is(err, ErrNoSession) {
		return err
	}
	return nil
}

// LogoutAll ends every session of a user.
func (s *Service) LogoutAll(ctx context.Context, userID uuid.UUID) error {
	now := s.clock()
	ended, err := s.store.EndSessions(ctx, Ending{UserID: userID, Reason: ReasonLogoutAll, Actor: users.ActorUser, Now: now})
	if err != nil {
		return fmt.Errorf("log out everywhere: %w", err)
	}
	s.revocations.Add(now, ended...)
	return nil
}

// EndSession ends one of a user's own sessions. The error for another user's
// session, or none, is ErrNoSession.
func (s *Service) EndSession(ctx context.Context, userID, sessionID uuid.UUID) error {
	now := s.clock()
	ended, err := s.store.EndSession(ctx, Ending{
		UserID: userID, SessionID: sessionID, Reason: ReasonLogout, Actor: users.ActorUser, Now: now,
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	if !ended {
		return ErrNoSession
	}
	s.revocations.Add(now, sessionID)
	return nil
}

// Sessions lists a user's live sessions, newest use first.
func (s *Service) Sessions(ctx context.Context, userID uuid.UUID) ([]Session, error) {
	list, err := s.store.Sessions(ctx, userID, s.clock())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

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

// LogoutSession ends the session of a user that a signed token names; one that
// has ended already is no error, nor is one whose row the database has lost.
func (s *Service) LogoutSession(ctx context.Context, userID, sessionID uuid.UUID) error {
	_, err := s.end(ctx, Ending{UserID: userID, SessionID: sessionID, Proven: sessionID, Reason: ReasonLoggedOut})
	return err
}

// LogoutAll ends every session of a user, and the one that a signed token names.
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

// EndSession ends one of a user's own sessions, at the wish of another one: a
// client ends its own session by that as by a logout. The error for another
// user's session, or none, is ErrNoSession.
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

// end ends one session at its user's wish.
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

package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/internal/secret"
)

// TicketTTL is how long a ticket may be used.
const TicketTTL = time.Minute

// ErrTicketInvalid says that a ticket is not known, was used, has expired, is for
// another audience, or that the session it was made in has ended since. It does
// not say which.
var ErrTicketInvalid = errors.New("the ticket is not good")

// Ticket is what a store keeps of a ticket.
type Ticket struct {
	Hash []byte // SHA-256 of the ticket
	// UserID, SessionID and AppID are those of the access token it was asked
	// with.
	UserID, SessionID uuid.UUID
	AppID             string
	// Audience is who may use it; "" for anyone who holds it.
	Audience       string
	Now, ExpiresAt time.Time
}

// TicketLogin is a ticket on its way to a session.
type TicketLogin struct {
	Hash []byte
	// AppID and Audience are what the login says of itself: the ticket's
	// audience, where it has one, must be one of the two. AppID becomes that of
	// the session; "" for the ticket's.
	AppID, Audience string
	// SessionID becomes the session's id.
	SessionID uuid.UUID
	Device    Device
	Now       time.Time
}

// Fits reports whether a ticket may be used for a login, apart from whether its
// session lives.
func (t *Ticket) Fits(l TicketLogin) bool {
	return t.ExpiresAt.After(l.Now) && (t.Audience == "" || t.Audience == l.Audience || t.Audience == l.AppID)
}

// TicketStore keeps tickets. Its methods may be called by any number of
// goroutines and processes. An outage comes back as users.ErrUnavailable.
type TicketStore interface {
	// SaveTicket keeps a ticket, and may remove ones that have expired.
	SaveTicket(ctx context.Context, t Ticket) error

	// LoginByTicket uses a ticket up and opens a session of its user, as Login
	// does for an identity that is known. The string is the session's app. Of
	// any number of calls with one ticket, on any number of processes, one gets
	// a session at most; a login that Fits refuses uses the ticket up as well.
	// A disabled user comes back in LoggedIn with no session opened. Otherwise
	// the error is ErrTicketInvalid: for a ticket that is not there or does not
	// fit, whose session has ended, or whose user was deleted.
	LoginByTicket(ctx context.Context, l TicketLogin) (LoggedIn, string, error)
}

// IssueTicket makes a ticket by which the person of an access token logs in once
// within TicketTTL. Errors: users.ErrUnavailable.
func (s *Service) IssueTicket(ctx context.Context, userID, sessionID uuid.UUID, appID, audience string) (secret.String, error) {
	ticket := rand.Text() // 128 bits at least
	now := s.clock()
	err := s.tickets.SaveTicket(ctx, Ticket{
		Hash: hashTicket(ticket), UserID: userID, SessionID: sessionID, AppID: appID, Audience: audience,
		Now: now, ExpiresAt: now.Add(TicketTTL),
	})
	if err != nil {
		return secret.String{}, fmt.Errorf("keep a ticket: %w", err)
	}
	return secret.New(ticket), nil
}

func hashTicket(ticket string) []byte {
	sum := sha256.Sum256([]byte(ticket))
	return sum[:]
}

// TicketRequest logs in by a ticket.
type TicketRequest struct {
	Ticket string
	// AppID is the app of the new session; "" for that of the ticket.
	AppID string
	// Audience is who the caller is; see Ticket.Audience.
	Audience string
	Device   Device
}

// LoginByTicket uses a ticket up and opens a new session of the same person.
//
// Errors: ErrTicketInvalid, ErrUnknownApp, ErrUserDisabled,
// users.ErrUnavailable. After an outage the ticket may have been used up.
func (s *Service) LoginByTicket(ctx context.Context, r TicketRequest) (LoginResult, error) {
	result, err := s.loginByTicket(ctx, r)
	s.observer.LoggedIn(s.apps.label(r.AppID), loginOutcome(result, err))
	return result, err
}

func (s *Service) loginByTicket(ctx context.Context, r TicketRequest) (LoginResult, error) {
	if r.AppID != "" && !s.apps.has(r.AppID) {
		return LoginResult{}, ErrUnknownApp
	}
	sessionID, err := uuid.NewV7()
	if err != nil {
		return LoginResult{}, fmt.Errorf("log in by a ticket: %w", err)
	}
	now := s.clock()
	in, appID, err := s.tickets.LoginByTicket(ctx, TicketLogin{
		Hash: hashTicket(r.Ticket), AppID: r.AppID, Audience: r.Audience, SessionID: sessionID, Device: r.Device, Now: now,
	})
	if err != nil {
		return LoginResult{}, fmt.Errorf("log in by a ticket: %w", err)
	}
	s.revocations.AddEnded(now, in.Ended)
	if in.User.Disabled() {
		return LoginResult{}, ErrUserDisabled
	}
	in.User.OpenPhone(s.vault)
	return s.welcome(in, appID, sessionID, now)
}

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

// ErrTicketInvalid is returned if a ticket is unknown, used, expired or for another
// audience, or if the session that issued it has ended. It does not tell which.
var ErrTicketInvalid = errors.New("the ticket is not good")

// Ticket is a login ticket as a store keeps it.
type Ticket struct {
	Hash []byte // SHA-256 of the ticket
	// UserID, SessionID and AppID are those of the access token that requested it.
	UserID, SessionID uuid.UUID
	AppID             string
	// Audience is who may use it. "" lets any holder use it.
	Audience       string
	Now, ExpiresAt time.Time
}

// TicketLogin holds the parameters of [TicketStore.LoginByTicket].
type TicketLogin struct {
	Hash []byte
	// AppID and Audience describe the caller. If the ticket has an audience, it
	// must equal one of them. AppID becomes the session's app; "" stands for the
	// ticket's.
	AppID, Audience string
	// SessionID becomes the session's id.
	SessionID uuid.UUID
	Device    Device
	Now       time.Time
}

// Fits reports whether a ticket may be used for a login. It does not check that
// the ticket's session is live.
func (t *Ticket) Fits(l TicketLogin) bool {
	return t.ExpiresAt.After(l.Now) && (t.Audience == "" || t.Audience == l.Audience || t.Audience == l.AppID)
}

// TicketStore stores tickets. Its methods are safe for use by any number of
// goroutines and processes. They return users.ErrUnavailable for an outage.
type TicketStore interface {
	// SaveTicket stores a ticket and may remove expired ones.
	SaveTicket(ctx context.Context, t Ticket) error

	// LoginByTicket consumes a ticket and opens a session of its user, as Login
	// does for a known identity. The returned string is the session's app. At
	// most one of any number of calls with one ticket opens a session. A login
	// that Fits refuses also consumes the ticket. For a disabled user it returns
	// the user in LoggedIn and opens no session. It returns ErrTicketInvalid if
	// the ticket does not exist or does not fit, if its session has ended, or if
	// its user was deleted.
	LoginByTicket(ctx context.Context, l TicketLogin) (LoggedIn, string, error)
}

// IssueTicket issues a ticket with which the user of an access token can log in
// once within TicketTTL. Errors: users.ErrUnavailable.
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

// TicketRequest holds the parameters of [Service.LoginByTicket].
type TicketRequest struct {
	Ticket string
	// AppID is the app of the new session. "" stands for the ticket's.
	AppID string
	// Audience is who the caller is; see Ticket.Audience.
	Audience string
	Device   Device
}

// LoginByTicket consumes a ticket and opens a new session of the same user.
//
// Errors: ErrTicketInvalid, ErrUnknownApp, ErrUserDisabled,
// users.ErrUnavailable. After an outage the ticket may have been consumed.
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

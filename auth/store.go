package auth

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Lifetimes holds the lifetimes and limits by which sessions live. The stores are
// made with it, for they apply it inside their statements.
type Lifetimes struct {
	AccessTTL  time.Duration // life of an access token
	RefreshTTL time.Duration // a session that is not refreshed for so long ends
	// Grace is how long after an exchange the same refresh token gets the same
	// successor again.
	Grace time.Duration
	// MaxAge ends a session however often it was refreshed; 0: never.
	MaxAge time.Duration
	// MaxSessions is how many live sessions a user may have; 0: no limit.
	MaxSessions int
}

// SessionEnd returns when a session that began at created and was last
// refreshed at rotated expires, in whole seconds as tokens state it.
func (p Lifetimes) SessionEnd(created, rotated time.Time) time.Time {
	end := rotated.Add(p.RefreshTTL)
	if p.MaxAge > 0 {
		if limit := created.Add(p.MaxAge); limit.Before(end) {
			end = limit
		}
	}
	return end.Truncate(time.Second)
}

// accessEnd returns when an access token issued now expires: never after the
// greatest age of its session.
func (p Lifetimes) accessEnd(created, now time.Time) time.Time {
	end := now.Add(p.AccessTTL)
	if p.MaxAge > 0 {
		if limit := created.Add(p.MaxAge); limit.Before(end) {
			end = limit
		}
	}
	return end.Truncate(time.Second)
}

// Device is what is remembered about where a session is used.
type Device struct {
	ID        string // chosen by the client; "" where it gives none
	Name      string
	UserAgent string
	IP        string
}

// Session is one login of a user on one device.
type Session struct {
	ID            uuid.UUID
	UserID        uuid.UUID
	AppID         string
	Device        Device
	CreatedAt     time.Time
	LastUsedAt    time.Time
	ExpiresAt     time.Time
	RevokedAt     *time.Time
	RevokedReason Reason
}

// Login is what a store needs to record that a person logged in.
type Login struct {
	// Provider and Account say whose the identity is: OpenID is unique within
	// AppID, UnionID means the same person within Account.
	Provider, Account      string
	AppID, OpenID, UnionID string
	// SealedSessionKey is nil where the platform has no session keys.
	SealedSessionKey []byte
	// NewUserID becomes the user's id if the identity is not known.
	NewUserID uuid.UUID
	// SessionID becomes the session's id.
	SessionID uuid.UUID
	Device    Device
	Now       time.Time
}

// LoggedIn is what a login recorded.
type LoggedIn struct {
	User    users.User
	NewUser bool
	// OpenID and UnionID name the person in the app of the session, as far as
	// they are known there.
	OpenID, UnionID string
	// ExpiresAt is when the session expires unless it is refreshed.
	ExpiresAt time.Time
	// Ended names the sessions that this login ended: the device's earlier
	// one, and those beyond the limit.
	Ended []Ended
}

// Presented is a refresh token that was verified and is to be exchanged.
type Presented struct {
	UserID, SessionID uuid.UUID
	AppID             string
	Seq, Prev         int64
	IP, UserAgent     string
	// WithIdentity asks for Rotated.OpenID and UnionID.
	WithIdentity bool
	Now          time.Time
}

// Rotated is what became of a presented token. The fields after Outcome hold
// the row as it is now; Roles and Metadata are set where a token is issued.
type Rotated struct {
	Outcome Outcome
	Reason  Reason // why the session ended, where the outcome is OutcomeRevoked
	Counters
	// Repeated reports whether the token was presented again, and from
	// elsewhere, as Repeats.After says.
	Repeated  bool
	CreatedAt time.Time
	ExpiresAt time.Time
	Roles     []string
	Metadata  json.RawMessage
	// OpenID and UnionID are those of LoggedIn, where Presented.WithIdentity asks
	// for them: of two identities in one app the older.
	OpenID, UnionID string
}

// Revocation says that the access tokens of a session are no longer to be
// accepted.
type Revocation struct {
	SessionID uuid.UUID
	RevokedAt time.Time
	Reason    Reason // "": not known
}

// Store is what this package needs from a database. Every method may be called
// by any number of goroutines and from any number of processes on the same
// database. An outage comes back as [users.ErrUnavailable]; such a call may or
// may not have taken effect, and may be repeated.
type Store interface {
	// Login records a login: it finds or creates the user of the identity,
	// keeps the session key, opens the session, ends the device's earlier
	// session and those beyond Lifetimes.MaxSessions. All of it happens or none.
	// For a known identity it is one round trip and one commit. A disabled
	// user comes back in LoggedIn with no session opened.
	//
	// Two first logins of one identity, or of two identities that share a
	// unionid, create one user between them.
	Login(ctx context.Context, l Login) (LoggedIn, error)

	// Rotate applies the rotation rule to one session row, in one statement
	// and one round trip. Concurrent calls for one session take effect one
	// after the other.
	Rotate(ctx context.Context, p Presented) (Rotated, error)

	// EndSession revokes one live session of a user. It reports whether there
	// was one; ending it again changes nothing, but is a write all the same: an
	// acknowledged repetition is as safe as the first call. Revoking never moves
	// the counters or RotatedAt.
	EndSession(ctx context.Context, e Ending) (bool, error)

	// EndSessions revokes every live session of a user and returns their ids.
	EndSessions(ctx context.Context, e Ending) ([]uuid.UUID, error)

	// Sessions lists the live sessions of a user, newest use first.
	Sessions(ctx context.Context, userID uuid.UUID, now time.Time) ([]Session, error)

	// RevokedSince lists the sessions revoked at or after a time, oldest first
	// and those of one time by id, limit of them at most. Of those revoked at
	// that very time, only ids greater than after are listed: with the last of
	// one page comes the next.
	RevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]Revocation, error)

	// RestoreRevocations ends again the sessions that this database has as
	// living, by the times given, and remembers those of which it has no row,
	// so that RevokedSince lists them all. It returns how many it had lost. The
	// events that record it are dated now.
	RestoreRevocations(ctx context.Context, list []Revocation, now time.Time) (int, error)

	// Now returns the time by which this database lives: that of its server, or
	// where it has none that of the machine when it was opened, counted on.
	Now(ctx context.Context) (time.Time, error)

	// WatchRevocations calls woken whenever a session may have been revoked by
	// any process, as far as the database can tell at once, and returns when
	// ctx ends or the connection that tells is lost. Callers poll as well.
	WatchRevocations(ctx context.Context, woken func()) error

	// Purge removes sessions that expired before expired or were revoked
	// before revoked, in batches that are short enough not to be noticed. One
	// process at a time does the work; another gets zero.
	Purge(ctx context.Context, expired, revoked time.Time) (int, error)
}

// Ending says which session ends (SessionID is zero for all of a user), when,
// why and by whom.
type Ending struct {
	UserID    uuid.UUID
	SessionID uuid.UUID
	// Proven is a session that a signed token names, or an operator; zero: none.
	// It ends also where it ran out, and where the database has lost its row:
	// access tokens of it may be alive.
	Proven uuid.UUID
	Reason Reason
	Actor  string
	// Comment is why, in an operator's words, and OnBehalfOf whom the actor names
	// as having asked for it; "": neither. Both go into the event.
	Comment, OnBehalfOf string
	Now                 time.Time
}

package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Lifetimes holds the lifetimes and limits of sessions. It is also passed to the
// stores, which apply it inside their statements.
type Lifetimes struct {
	AccessTTL  time.Duration // life of an access token
	RefreshTTL time.Duration // a session that is not refreshed for so long ends
	// Grace, elsewhere called the reuse interval, is how long after a rotation the
	// same refresh token gets the same successor again.
	Grace time.Duration
	// MaxAge is the absolute lifetime of a session, however often it is refreshed.
	// 0 means no limit.
	MaxAge time.Duration
	// MaxSessions is the number of live sessions that a user may have. 0 means no
	// limit.
	MaxSessions int
	// AccessJitter is the share of AccessTTL by which an access token may live
	// shorter, drawn for each: clients that came together then do not renew together.
	AccessJitter float64
	// OfApp returns the lifetimes of an app that has its own. It is called for
	// each login and refresh, from any goroutine, so the lifetimes can change at any
	// time. nil means that no app has its own.
	OfApp func(appID string) AppLifetimes
}

// AppLifetimes holds the lifetimes of one app. 0 means that of [Lifetimes].
type AppLifetimes struct {
	AccessTTL, RefreshTTL time.Duration
}

// Of returns the lifetimes of the sessions of an app.
func (p Lifetimes) Of(appID string) Lifetimes {
	if p.OfApp == nil {
		return p
	}
	own := p.OfApp(appID)
	p.AccessTTL = cmp.Or(own.AccessTTL, p.AccessTTL)
	p.RefreshTTL = cmp.Or(own.RefreshTTL, p.RefreshTTL)
	p.OfApp = nil
	return p
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

// accessEnd returns when an access token issued now expires: not after the
// absolute lifetime of its session. The draw, from 0 to 1, says how much of
// AccessJitter is taken.
func (p Lifetimes) accessEnd(created, now time.Time, draw float64) time.Time {
	end := now.Add(p.AccessTTL - time.Duration(p.AccessJitter*draw*float64(p.AccessTTL)))
	if p.MaxAge > 0 {
		if limit := created.Add(p.MaxAge); limit.Before(end) {
			end = limit
		}
	}
	return end.Truncate(time.Second)
}

// Device describes the device on which a session is used.
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

// State returns the state of the session at now: "live", "expired" or "ended".
func (s *Session) State(now time.Time) string {
	switch {
	case s.RevokedAt != nil:
		return "ended"
	case !s.ExpiresAt.After(now):
		return "expired"
	}
	return "live"
}

// Login holds the parameters of [Store.Login].
type Login struct {
	// Provider and Account scope the identity: OpenID is unique within AppID, and
	// UnionID identifies one person within Account.
	Provider, Account      string
	AppID, OpenID, UnionID string
	// SealedSessionKey is nil if the platform has no session keys.
	SealedSessionKey []byte
	// NewUserID becomes the user's id if the identity is not known.
	NewUserID uuid.UUID
	// SessionID becomes the session's id.
	SessionID uuid.UUID
	Device    Device
	Now       time.Time
}

// LoggedIn is the result of [Store.Login].
type LoggedIn struct {
	User    users.User
	NewUser bool
	// OpenID and UnionID identify the person in the app of the session. They are
	// "" if not known.
	OpenID, UnionID string
	// ExpiresAt is when the session expires unless it is refreshed.
	ExpiresAt time.Time
	// Ended names the sessions that this login ended: the device's earlier
	// one, and those beyond the limit.
	Ended []Ended
}

// Presented is a verified refresh token that is to be rotated.
type Presented struct {
	UserID, SessionID uuid.UUID
	AppID             string
	Seq, Prev         int64
	IP, UserAgent     string
	// WithIdentity asks for Rotated.OpenID and UnionID.
	WithIdentity bool
	Now          time.Time
}

// Rotated is the result of [Store.Rotate]. The fields after Outcome hold the row
// after the rotation. Roles and Metadata are set if a token is issued.
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
	// OpenID and UnionID are as in LoggedIn, if Presented.WithIdentity is set. Of
	// two identities in one app they are those of the older.
	OpenID, UnionID string
}

// Revocation states that the access tokens of a session must no longer be
// accepted.
type Revocation struct {
	SessionID uuid.UUID
	RevokedAt time.Time
	Reason    Reason // "": not known
}

// Store is the database of this package. Its methods are safe for use by any
// number of goroutines and processes on the same database. They return
// [users.ErrUnavailable] for an outage; the call may or may not have taken effect,
// and may be repeated.
type Store interface {
	// Login records a login: it finds or creates the user of the identity,
	// keeps the session key, opens the session, ends the device's earlier
	// session and those beyond Lifetimes.MaxSessions. It is atomic. For a known
	// identity it takes one round trip and one commit. For a disabled user it
	// returns the user in LoggedIn and opens no session.
	//
	// Two concurrent first logins of one identity, or of two identities that
	// share a unionid, create one user.
	Login(ctx context.Context, l Login) (LoggedIn, error)

	// LinkIdentity gives the identity of a login to a user, beside the ones
	// that are there; no session is opened. One that is the user's already gets
	// the session key alone. Errors: users.ErrIdentityTaken where another user
	// holds the identity, or its unionid; users.ErrNotFound. Of two users who
	// link one identity at the same moment one gets it.
	LinkIdentity(ctx context.Context, userID uuid.UUID, l Login) error

	// UnlinkIdentity takes the identities of an app away from a user and ends
	// the user's live sessions in that app, which it returns. Errors:
	// users.ErrNotFound where there is none, users.ErrLastIdentity where no
	// other app's would remain, also when two are unlinked at the same moment.
	UnlinkIdentity(ctx context.Context, userID uuid.UUID, appID string, now time.Time) ([]uuid.UUID, error)

	// Rotate applies the rotation rule to one session row, in one statement
	// and one round trip. Concurrent calls for one session take effect one
	// after the other.
	Rotate(ctx context.Context, p Presented) (Rotated, error)

	// EndSession revokes one live session of a user and reports whether there was
	// one. A repeated call changes nothing but is still a write, so that its
	// acknowledgement is as durable as that of the first. Revoking never changes
	// the counters or RotatedAt.
	EndSession(ctx context.Context, e Ending) (bool, error)

	// EndSessions revokes every live session of a user and returns their ids.
	EndSessions(ctx context.Context, e Ending) ([]uuid.UUID, error)

	// Sessions lists the live sessions of a user, newest use first.
	Sessions(ctx context.Context, userID uuid.UUID, now time.Time) ([]Session, error)

	// RevokedSince lists at most limit sessions revoked at or after since, ordered
	// by time and id. Of those revoked exactly at since, it lists only ids greater
	// than after. The last entry of a page gives the arguments of the next.
	RevokedSince(ctx context.Context, since time.Time, after uuid.UUID, limit int) ([]Revocation, error)

	// RestoreRevocations ends the listed sessions that are live in this database,
	// with the given times, and stores those that have no row, so that
	// RevokedSince lists them all. It returns how many the database had lost. The
	// events are dated now.
	RestoreRevocations(ctx context.Context, list []Revocation, now time.Time) (int, error)

	// Now returns the time of the database server. A database without a server
	// returns the machine's time at opening, advanced by its monotonic clock.
	Now(ctx context.Context) (time.Time, error)

	// WatchRevocations calls woken whenever the database signals that a session
	// may have been revoked. It returns when ctx ends or the connection is lost.
	// A signal may be missed, so callers must also poll.
	WatchRevocations(ctx context.Context, woken func()) error

	// Purge removes sessions that expired before expired or were revoked
	// before revoked, in short batches. One process at a time purges; in another
	// it returns zero.
	Purge(ctx context.Context, expired, revoked time.Time) (int, error)
}

// Ending holds the parameters of ending a session: which one (a zero SessionID
// means all of the user's), when, why and by whom.
type Ending struct {
	UserID    uuid.UUID
	SessionID uuid.UUID
	// Proven is a session named by a signed token or by an operator, or zero. It
	// is revoked even if it has expired or if the database has lost its row: its
	// access tokens may still be valid.
	Proven uuid.UUID
	Reason Reason
	Actor  string
	// Comment is an operator's explanation, and OnBehalfOf the person who asked for
	// it. Both are recorded in the event and may be "".
	Comment, OnBehalfOf string
	Now                 time.Time
}

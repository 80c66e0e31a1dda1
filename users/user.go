// Package users owns who a person is: the user, the identities by which mini
// programs know them, profile, phone number, roles and status. It does not own
// sessions or tokens, speaks no SQL and no HTTP, and knows of WeChat only what
// its interfaces name.
package users

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Errors that the functions and the stores of this package return; compare
// with errors.Is.
var (
	// ErrNotFound: there is no such user, or the user has been deleted.
	ErrNotFound = errors.New("no such user")
	// ErrPhoneTaken: another user holds this phone number.
	ErrPhoneTaken = errors.New("another user holds this phone number")
	// ErrUnavailable: the database cannot be reached, or cannot write now. It
	// says nothing about the request, which may be repeated.
	ErrUnavailable = errors.New("the database is unavailable")
)

// User is a person.
type User struct {
	ID        uuid.UUID
	Nickname  string
	AvatarURL string
	// SealedPhone is the phone number as it lies in the database.
	SealedPhone []byte
	// Phone is the number in clear, once [User.OpenPhone] has run.
	Phone     Phone
	Roles     []string
	Metadata  json.RawMessage
	CreatedAt time.Time
	// LastLoginAt is the time of the newest login; a refresh does not move it.
	LastLoginAt    time.Time
	DisabledAt     *time.Time
	DisabledReason string
}

// Disabled reports whether an operator has barred the user from logging in.
func (u *User) Disabled() bool { return u.DisabledAt != nil }

// Identity is how one app of a platform knows a user. AppID and OpenID together
// are unique; UnionID is shared by the apps of one account of the platform and
// empty where the platform gives none.
type Identity struct {
	UserID           uuid.UUID
	Provider         string
	Account          string
	AppID            string
	OpenID           string
	UnionID          string
	SealedSessionKey []byte
	CreatedAt        time.Time
}

// DefaultAccount is the account of apps that are not set to have another.
const DefaultAccount = "default"

// Place names the identity for sealing: its session key opens nowhere else.
func (i *Identity) Place() string { return SessionKeyPlace(i.AppID, i.OpenID) }

// SessionKeyPlace is the context under which the session key of an identity is
// sealed.
func SessionKeyPlace(appID, openID string) string {
	return "session_key\x00" + appID + "\x00" + openID
}

// PhonePlace is the context under which a user's phone number is sealed.
func PhonePlace(id uuid.UUID) string { return "phone\x00" + id.String() }

// Opener opens values that were sealed at rest.
type Opener interface {
	Open(sealed []byte, context string) ([]byte, error)
}

// OpenPhone fills Phone from SealedPhone. A number that no data key opens is
// unreadable, and nothing else fails: a lost key locks no user out.
func (u *User) OpenPhone(o Opener) {
	u.Phone = ""
	if len(u.SealedPhone) == 0 {
		return
	}
	u.Phone = unreadable
	if plain, err := o.Open(u.SealedPhone, PhonePlace(u.ID)); err == nil {
		u.Phone = Phone(plain)
	}
}

// unreadable stands for a number that no data key opens; masked it is "****".
const unreadable Phone = "****"

// Phone is a phone number in clear. It prints masked.
type Phone string

// Masked shows the first three and the last four digits: "138****0000". A
// number too short for that shows nothing of itself.
func (p Phone) Masked() string {
	switch n := len(p); {
	case n == 0:
		return ""
	case n < 9:
		return "****"
	default:
		return string(p[:3]) + "****" + string(p[n-4:])
	}
}

// String keeps the number out of logs.
func (p Phone) String() string { return p.Masked() }

// GoString keeps the number out of %#v.
func (p Phone) GoString() string { return p.Masked() }

// MarshalText keeps the number out of JSON logs.
func (p Phone) MarshalText() ([]byte, error) { return []byte(p.Masked()), nil }

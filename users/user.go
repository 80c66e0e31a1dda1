// Package users implements user accounts: identities, profile, phone number, roles
// and status. It does not own sessions and tokens (package auth). It contains no SQL
// and no HTTP, and uses a platform only through its interfaces.
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

// Identity is a user's identity in one app of a platform. AppID and OpenID together
// are unique. UnionID is shared by the apps of one account of the platform; it is ""
// if the platform returned none.
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

// DefaultAccount is the account of apps without a configured account.
const DefaultAccount = "default"

// AssociatedData returns the associated data (NIST SP 800-38D) of the identity's sealed
// session key.
func (i *Identity) AssociatedData() string { return SessionKeyAssociatedData(i.AppID, i.OpenID) }

// SessionKeyAssociatedData returns the associated data of the sealed session key of an
// identity.
func SessionKeyAssociatedData(appID, openID string) string {
	return "session_key\x00" + appID + "\x00" + openID
}

// PhoneAssociatedData returns the associated data of a user's sealed phone number.
func PhoneAssociatedData(id uuid.UUID) string { return "phone\x00" + id.String() }

// Opener opens values that were sealed at rest.
type Opener interface {
	Open(sealed []byte, associatedData string) ([]byte, error)
}

// OpenPhone sets Phone from SealedPhone. If no data key opens the number, Phone is
// unreadable and OpenPhone does not fail: a lost key locks no user out.
func (u *User) OpenPhone(o Opener) {
	u.Phone = ""
	if len(u.SealedPhone) == 0 {
		return
	}
	u.Phone = unreadable
	if plain, err := o.Open(u.SealedPhone, PhoneAssociatedData(u.ID)); err == nil {
		u.Phone = Phone(plain)
	}
}

// unreadable is the Phone of a number that no data key opens. It prints as "****".
const unreadable Phone = "****"

// Phone is a phone number in clear. It prints masked.
type Phone string

// Masked returns the number with all but the first three and the last four digits
// hidden: "138****0000". It hides all digits of a shorter number.
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

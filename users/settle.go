package users

import "github.com/google/uuid"

// Found is what a database says of the identity that logs in.
type Found struct {
	// UserID is the user of the identity; zero where the identity is not known.
	UserID uuid.UUID
	// UnionID is the unionid that the identity has in the account of the login;
	// "" where it has none.
	UnionID string
	// Elsewhere reports that the identity is kept under another provider or
	// account than those of the login: the app was moved in the settings.
	Elsewhere bool
}

// Settlement is what a login does to the identity, before a session is opened.
type Settlement struct {
	// UserID is the user of the identity; zero where a user is to be created.
	UserID uuid.UUID
	// AddIdentity reports whether the identity is to be added, with the unionid
	// of the login.
	AddIdentity bool
	// SetUnionID reports whether the identity is there and its unionid is to be
	// replaced with that of the login.
	SetUnionID bool
	// Move reports whether the identity is to be kept under the provider and the
	// account of the login from now on. Its unionid of another account counts no
	// more.
	Move bool
	// Event is the event to record; "" where nothing changes.
	Event EventKind
	// OtherUserID is the user who has the same unionid in an
	// EventIdentityConflict; otherwise zero.
	OtherUserID uuid.UUID
}

// NewUser reports whether a user is to be created.
func (s Settlement) NewUser() bool { return s.UserID == uuid.Nil }

// Settle decides which user an identity belongs to. The arguments are what the
// database says of the identity, the user who holds its unionid in the account of
// the login (zero where no user does), and the unionid that the login brings (""
// where it brings none).
//
// A new identity joins the user who holds its unionid. An identity that gains a
// unionid of another user keeps its user, and the conflict is recorded: merging
// two users is an operator's decision (docs/en/identity.md).
//
// It is a pure function. The stores lock the identity and the unionid, call it,
// and carry out what it returns.
func Settle(found Found, holder uuid.UUID, unionID string) Settlement {
	to := settle(found, holder, unionID)
	to.Move = found.UserID != uuid.Nil && found.Elsewhere
	return to
}

func settle(found Found, holder uuid.UUID, unionID string) Settlement {
	known := found.UserID != uuid.Nil
	if unionID == "" {
		holder = uuid.Nil
	}
	switch {
	case known && (unionID == "" || unionID == found.UnionID):
		return Settlement{UserID: found.UserID}
	case known && holder != uuid.Nil && holder != found.UserID:
		return Settlement{UserID: found.UserID, SetUnionID: true, Event: EventIdentityConflict, OtherUserID: holder}
	case known:
		return Settlement{UserID: found.UserID, SetUnionID: true, Event: EventIdentityLinked}
	case holder != uuid.Nil:
		return Settlement{UserID: holder, AddIdentity: true, Event: EventIdentityLinked}
	default:
		return Settlement{AddIdentity: true, Event: EventUserCreated}
	}
}

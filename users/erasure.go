package users

import (
	"encoding/json"
	"time"
)

// Erasure describes data that a user has withdrawn at the identity provider. It
// identifies the user by one complete identity.
type Erasure struct {
	// AppID and OpenID are the identity. Neither may be empty: see Check.
	AppID, OpenID string
	// AsOf is when the provider created the message, in whole seconds. The erasure
	// does not apply to an account created in a later second: providers repeat
	// messages, and the user may have returned meanwhile.
	AsOf time.Time
	// Profile erases nickname and avatar, Phone the phone number. If neither is
	// set, only the event is recorded. An erasure of the whole account ignores
	// both.
	Profile, Phone bool
	Actor, Reason  string // of the event
	Now            time.Time
}

// Check returns an *InputError if the identity or the time is missing, or if
// [Change.Check] refuses the actor or the reason.
func (e Erasure) Check() error {
	switch {
	case e.AppID == "":
		return &InputError{"appId", "is missing"}
	case e.OpenID == "":
		return &InputError{"openid", "is missing"}
	case e.AsOf.IsZero():
		return &InputError{"asOf", "is missing"}
	}
	return Change{Actor: e.Actor, Reason: e.Reason}.Check()
}

// Before returns the time before which an account must have been created for the
// erasure to apply. Messages have whole seconds, so an account of the same second is
// included.
func (e Erasure) Before() time.Time { return e.AsOf.Truncate(time.Second).Add(time.Second) }

// Kind returns the kind of the event that records an erasure of shared data.
func (e Erasure) Kind() EventKind {
	if e.Profile || e.Phone {
		return EventProfileErased
	}
	return EventAuthorizationWithdrawn
}

// Detail returns the details of the event: the reason and what was erased.
func (e Erasure) Detail() json.RawMessage {
	detail := struct {
		Reason string   `json:"reason"`
		Erased []string `json:"erased"`
	}{e.Reason, []string{}}
	if e.Profile {
		detail.Erased = append(detail.Erased, "nickname", "avatarUrl")
	}
	if e.Phone {
		detail.Erased = append(detail.Erased, "phone")
	}
	text, err := json.Marshal(detail)
	if err != nil {
		panic(err) // strings always encode
	}
	return text
}

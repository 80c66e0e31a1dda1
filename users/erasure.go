package users

import (
	"encoding/json"
	"time"
)

// Erasure is what an identity provider says that one person has taken back. It
// names the person by how one app knows them, and never by less than that.
type Erasure struct {
	// AppID and OpenID are the identity. Neither may be empty: see Check.
	AppID, OpenID string
	// AsOf is when the provider made the message, to the second. It does not
	// concern an account that was made in a later second: providers repeat
	// themselves, and the person may have come back meanwhile.
	AsOf time.Time
	// Profile erases nickname and avatar, Phone the phone number. Where neither
	// is set, nothing is erased and only the event is recorded. An erasure of
	// the whole person ignores both.
	Profile, Phone bool
	Actor, Reason  string // of the event
	Now            time.Time
}

// Check refuses an erasure that does not name one person at one time, and an
// actor or a reason that [Change.Check] refuses. The error is an *InputError.
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

// Before is the moment before which an account must have been made for the
// erasure to concern it. Messages carry whole seconds, so the second of the
// message counts as before it.
func (e Erasure) Before() time.Time { return e.AsOf.Truncate(time.Second).Add(time.Second) }

// Kind is the kind of the event that records an erasure of shared data.
func (e Erasure) Kind() EventKind {
	if e.Profile || e.Phone {
		return EventProfileErased
	}
	return EventAuthorizationWithdrawn
}

// Detail is what the event says: the reason, and what was erased.
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

package auth

import (
	"encoding/json"

	"github.com/google/uuid"
)

// Reason is why a session ended. It is part of the session's row, the event, the
// revocation feed and the 401 response. After ReasonReplaced, ReasonMerged and
// ReasonReused, and after no other, the client logs in silently.
type Reason string

// The reasons.
const (
	ReasonLoggedOut     Reason = "logged_out"     // by its own client
	ReasonSignedOut     Reason = "signed_out"     // by the user from another device, or everywhere
	ReasonOperator      Reason = "operator"       // by an operator, disabling included
	ReasonEvicted       Reason = "evicted"        // beyond Lifetimes.MaxSessions, as the one longest unused
	ReasonReplaced      Reason = "replaced"       // the same device logged in again
	ReasonAccountClosed Reason = "account_closed" // the account was erased, by any actor
	ReasonMerged        Reason = "merged"         // the user became one with another
	ReasonReused        Reason = "refresh_reused" // a copy of a refresh token was used
	// ReasonRestored is the reason of a session whose original reason the
	// database has lost.
	ReasonRestored Reason = "restored"
)

// reasons lists every reason. Revocations in memory store an index into it; the
// empty string stands for an unknown reason.
var reasons = []Reason{
	"", ReasonLoggedOut, ReasonSignedOut, ReasonOperator, ReasonEvicted, ReasonReplaced, ReasonAccountClosed, ReasonMerged,
	ReasonReused, ReasonRestored,
}

// earlierReasons maps the words that releases before 0.2 stored.
var earlierReasons = map[string]Reason{
	"logout": ReasonLoggedOut, "logout_all": ReasonSignedOut, "surplus": ReasonEvicted, "user_disabled": ReasonOperator,
	"user_deleted": ReasonAccountClosed,
}

// ParseReason parses a reason from a database. A string that is not a reason is
// a comment of an operator, stored by a release before 0.2.
func ParseReason(text string) Reason {
	if r, ok := earlierReasons[text]; ok {
		return r
	}
	if r := reasons[reasonPlace(Reason(text))]; r != "" || text == "" {
		return r
	}
	return ReasonOperator
}

// Told returns the reason as it is sent to a refused client. "" means that the
// reason is unknown or of no use to the client, which may log in silently.
func (r Reason) Told() string {
	switch r {
	case ReasonReused, ReasonRestored:
		return ""
	default:
		return string(r)
	}
}

func reasonPlace(r Reason) uint8 {
	for place := range reasons {
		if reasons[place] == r {
			return uint8(place)
		}
	}
	return 0
}

// Scan implements sql.Scanner using ParseReason.
func (r *Reason) Scan(value any) error {
	text, _ := value.(string)
	*r = ParseReason(text)
	return nil
}

// RevokedError is ErrSessionRevoked with the reason.
type RevokedError struct{ Reason Reason }

func (e *RevokedError) Error() string { return ErrSessionRevoked.Error() }

// Unwrap returns ErrSessionRevoked.
func (e *RevokedError) Unwrap() error { return ErrSessionRevoked }

// Ended is a session that a login ended, with the reason ReasonReplaced or
// ReasonEvicted.
type Ended struct {
	SessionID uuid.UUID
	Reason    Reason
}

// Detail returns the details of the event: the reason, an operator's comment, and
// on whose behalf the session was ended.
func (e Ending) Detail() (json.RawMessage, error) {
	return json.Marshal(struct {
		Reason     Reason `json:"reason"`
		Comment    string `json:"comment,omitempty"`
		OnBehalfOf string `json:"onBehalfOf,omitempty"`
	}{e.Reason, e.Comment, e.OnBehalfOf})
}

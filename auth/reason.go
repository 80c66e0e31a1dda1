package auth

import (
	"encoding/json"

	"github.com/google/uuid"
)

// Reason is why a session ended. It stands in the row, in the event, in the
// revocation feed and in the 401, and the client acts on it: it logs in silently
// after ReasonReplaced, ReasonMerged and ReasonReused, and after no other.
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
	// ReasonRestored is that of a session that had ended for a reason which the
	// database has lost.
	ReasonRestored Reason = "restored"
)

// reasons are all of them, at the places by which revocations in memory name them.
// The empty one is that of a reason which is not known.
var reasons = []Reason{
	"", ReasonLoggedOut, ReasonSignedOut, ReasonOperator, ReasonEvicted, ReasonReplaced, ReasonAccountClosed, ReasonMerged,
	ReasonReused, ReasonRestored,
}

// earlierReasons are words that releases before 0.2 wrote.
var earlierReasons = map[string]Reason{
	"logout": ReasonLoggedOut, "logout_all": ReasonSignedOut, "surplus": ReasonEvicted, "user_disabled": ReasonOperator,
	"user_deleted": ReasonAccountClosed,
}

// ParseReason reads a reason from a database. What is no reason is what an
// operator said to a release before 0.2.
func ParseReason(text string) Reason {
	if r, ok := earlierReasons[text]; ok {
		return r
	}
	if r := reasons[reasonPlace(Reason(text))]; r != "" || text == "" {
		return r
	}
	return ReasonOperator
}

// Told is the reason as a refused client is told it; "" for one that the client
// need not know or that is not known: it may log in silently.
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

// Scan implements sql.Scanner by ParseReason.
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

// Ended is a session that a login ends, and why: ReasonReplaced or
// ReasonEvicted.
type Ended struct {
	SessionID uuid.UUID
	Reason    Reason
}

// Detail is what the event of an ending says: the reason, an operator's words,
// and on whose behalf.
func (e Ending) Detail() (json.RawMessage, error) {
	return json.Marshal(struct {
		Reason     Reason `json:"reason"`
		Comment    string `json:"comment,omitempty"`
		OnBehalfOf string `json:"onBehalfOf,omitempty"`
	}{e.Reason, e.Comment, e.OnBehalfOf})
}

package users

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Errors about the identities of one person.
var (
	// ErrIdentityTaken: another user holds the identity, or its unionid.
	ErrIdentityTaken = errors.New("another user holds this identity")
	// ErrLastIdentity: the user would have no identity left.
	ErrLastIdentity = errors.New("the user has no other identity")
)

// Merge makes one user of two.
type Merge struct {
	// Into remains; From disappears.
	Into, From uuid.UUID
	// Hashes are those of a phone number that a platform has verified for From.
	// Where they are given, Into is the user who holds the number, and the two are
	// merged only if From has no number, neither is disabled and they have no
	// identity of the same app.
	Hashes [][]byte
	// Reseal makes the sealed phone number of From one of Into.
	Reseal        func(from, into uuid.UUID, sealed []byte) ([]byte, error)
	Actor, Reason string
	OnBehalfOf    string
	Now           time.Time
}

// Change is what happens to one of the two, for its event.
func (m Merge) Change(id uuid.UUID) Change {
	return Change{UserID: id, Actor: m.Actor, Reason: m.Reason, OnBehalfOf: m.OnBehalfOf, Now: m.Now}
}

// Sealer seals values and opens them again.
type Sealer interface {
	Seal(plain []byte, context string) ([]byte, error)
	Opener
}

// ResealPhone makes the sealed phone number of one user one of another, for
// [Merge.Reseal].
func ResealPhone(v Sealer) func(from, into uuid.UUID, sealed []byte) ([]byte, error) {
	return func(from, into uuid.UUID, sealed []byte) ([]byte, error) {
		plain, err := v.Open(sealed, PhoneAssociatedData(from))
		if err != nil {
			return nil, err
		}
		return v.Seal(plain, PhoneAssociatedData(into))
	}
}

// MayJoin reports whether a shared phone number may make these two one, as
// [Merge.Hashes] says. sameApp reports whether both have an identity of one app.
func MayJoin(into, from User, sameApp bool) bool {
	return len(from.SealedPhone) == 0 && !into.Disabled() && !from.Disabled() && !sameApp
}

// ByPhone reports whether a shared phone number, and not an operator, asks for the
// merge.
func (m Merge) ByPhone() bool { return m.Hashes != nil }

// Merged is into with what it lacks and from has: nickname, avatar, phone number
// (still sealed for from), members of the metadata, and roles if an operator merges.
// A phone number never adds a role: numbers are given to other people after a while,
// and the earlier holder would get the roles of the later one. It is a pure function;
// the stores carry out what it returns.
func (m Merge) Merged(into, from User) User {
	if into.Nickname == "" {
		into.Nickname = from.Nickname
	}
	if into.AvatarURL == "" {
		into.AvatarURL = from.AvatarURL
	}
	if len(into.SealedPhone) == 0 {
		into.SealedPhone = from.SealedPhone
	}
	into.Roles = slices.Clone(into.Roles)
	for _, role := range from.Roles {
		if !m.ByPhone() && !slices.Contains(into.Roles, role) && len(into.Roles) < MaxRoles {
			into.Roles = append(into.Roles, role)
		}
	}
	into.Metadata = mergedMetadata(into.Metadata, from.Metadata)
	if from.LastLoginAt.After(into.LastLoginAt) {
		into.LastLoginAt = from.LastLoginAt
	}
	return into
}

// EventDetail returns the details of the event of the user who remains: how many
// identities moved, and which roles of the other user were added, or were not.
func (m Merge) EventDetail(into, from, merged User, identities int64) map[string]any {
	detail := map[string]any{"from": m.From, "identities": identities}
	var added, notAdded []string
	for _, role := range from.Roles {
		switch {
		case !slices.Contains(merged.Roles, role):
			notAdded = append(notAdded, role)
		case !slices.Contains(into.Roles, role):
			added = append(added, role)
		}
	}
	if len(added) > 0 {
		detail["rolesAdded"] = added
	}
	if len(notAdded) > 0 {
		detail["rolesNotAdded"] = notAdded
	}
	return detail
}

// mergedMetadata adds the members that are lacking. Where the whole would be too
// long, it stays as it is.
func mergedMetadata(into, from json.RawMessage) json.RawMessage {
	var have, more map[string]json.RawMessage
	if json.Unmarshal(from, &more) != nil || len(more) == 0 || len(into) > 0 && json.Unmarshal(into, &have) != nil {
		return into
	}
	all := make(map[string]json.RawMessage, len(have)+len(more))
	for name, value := range more {
		// A verifier refuses two spellings of one name.
		lacking := true
		for other := range have {
			lacking = lacking && !strings.EqualFold(name, other)
		}
		if lacking {
			all[name] = value
		}
	}
	for name, value := range have {
		all[name] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		return into
	}
	if text, err = NormalizeMetadata(text); err != nil {
		return into
	}
	return text
}

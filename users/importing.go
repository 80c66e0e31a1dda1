package users

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Imported is a person of another system on the way into this one.
type Imported struct {
	// UserID becomes the user's id, unless the unionid belongs to a user already.
	UserID                 uuid.UUID
	Provider, Account      string
	AppID, OpenID, UnionID string // "" where there is no unionid
	Nickname, AvatarURL    string
	SealedPhone            []byte   // nil: no phone number
	PhoneHashes            [][]byte // as in a PhoneBinding
	Roles                  []string
	Metadata               json.RawMessage // nil: none
	CreatedAt              time.Time
}

// ImportResult is what became of a batch.
type ImportResult struct {
	Created int // users, each with an identity
	Linked  int // identities of users who were there by their unionid
	Known   int // identities that were there and are left as they are
	// PhoneTaken are the places in the batch whose phone number another user
	// holds. Where there is one, nothing of the batch is imported.
	PhoneTaken []int
}

// ImportStore takes people from another system. Its methods may be called beside
// running pods. An outage comes back as [ErrUnavailable].
type ImportStore interface {
	// ImportUsers adds the people of a batch, all of them or none. An identity that
	// is known is left as it is, with its user. One whose unionid a user of the
	// account holds becomes an identity of that user, of whom nothing else is
	// changed; so does the second of two with one unionid. Without commit nothing is
	// kept, and the result says what would be. No identity comes twice in a batch. No
	// event is recorded.
	ImportUsers(ctx context.Context, batch []Imported, commit bool) (ImportResult, error)
}

// ParsePhone reads a phone number with a plus sign and the country code, or of
// mainland China without, and returns the form in which it is stored. Spaces,
// hyphens and parentheses do not count.
func ParsePhone(text string) (Phone, bool) {
	number := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -()", r) {
			return -1
		}
		return r
	}, text)
	if rest, cut := strings.CutPrefix(number, "00"); cut {
		number = "+" + rest
	}
	number = strings.TrimPrefix(number, "+86")
	digits := strings.TrimPrefix(number, "+")
	if strings.Trim(digits, "0123456789") != "" || len(digits) < 5 || len(digits) > 15 || digits[0] == '0' {
		return "", false
	}
	if number == digits && (len(digits) != 11 || digits[0] != '1') {
		return "", false
	}
	return Phone(number), true
}

package users

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Person is a user with the user's identities, as operators see them.
type Person struct {
	User
	Identities []Identity
}

// Query selects users. A user matches if all fields that are set match. A Query with
// no field set matches all users.
type Query struct {
	ID uuid.UUID // zero: any
	// PhoneHashes are the keyed hashes under which the number may be stored. nil
	// matches any number, or none. An empty non-nil list matches no user.
	PhoneHashes [][]byte
	// Nickname is a case-sensitive prefix of the nickname.
	Nickname string
	// NicknamePart is a substring of the nickname, ignoring the case of A to Z. No
	// index supports it: From limits how many users are examined.
	NicknamePart string
	// AppID and OpenID go together: one without the other is an error.
	AppID, OpenID string
	// UnionID is the unionid of one of their identities.
	UnionID string
	// Before is the id of the last user of the previous page, or zero for the
	// first page. Users are ordered newest first.
	Before uuid.UUID
	// From is the id of the oldest user that is examined, or zero for no limit.
	From uuid.UUID
	// Limit is the maximum number of users. It must be positive.
	Limit int
}

// Check returns an *InputError for half of a pair and for a limit that is not
// positive. A missing half must never widen a query for one user.
func (q Query) Check() error {
	switch {
	case (q.AppID == "") != (q.OpenID == ""):
		return &InputError{"openid", "and appId go together"}
	case q.Limit <= 0:
		return &InputError{"limit", "must be positive"}
	}
	return nil
}

// Change describes an operator's change to a user and the event that records it.
type Change struct {
	UserID uuid.UUID
	Actor  string // who: the name of a key, or of an operator at the command line
	// OnBehalfOf is the person who asked the actor for the change, or "".
	OnBehalfOf string
	Reason     string // why
	Now        time.Time
}

// Detail returns the details of the change's event: the given members, the reason,
// and on whose behalf it was made.
func (c Change) Detail(members map[string]any) (json.RawMessage, error) {
	all := map[string]any{"reason": c.Reason}
	maps.Copy(all, members)
	if c.OnBehalfOf != "" {
		all["onBehalfOf"] = c.OnBehalfOf
	}
	return json.Marshal(all)
}

// CheckOnBehalfOf returns an error for a name that is empty, too long, or not safe
// to log.
func CheckOnBehalfOf(name string) error {
	switch {
	case strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > MaxActor:
		return &InputError{"actor", fmt.Sprintf("must be 1 to %d characters", MaxActor)}
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return &InputError{"actor", "holds a control character"}
	}
	return nil
}

// InputError describes an invalid value of a request. It never contains the value.
type InputError struct{ Field, Problem string }

func (e *InputError) Error() string { return "the field " + e.Field + " " + e.Problem }

// Limits on values that operators set.
const (
	MaxRoles    = 32
	MaxMetadata = 2048 // bytes, as compact JSON
	MaxReason   = 500  // characters
	MaxActor    = 128

	// maxMetadataDepth keeps access tokens with metadata in them far below the
	// nesting that verifiers accept.
	maxMetadataDepth = 8
	// maxNumber bounds numbers to what every JSON reader holds exactly, or
	// nearly so, and what PostgreSQL does not write out as hundreds of digits.
	maxNumber = 1 << 53
)

var (
	roleForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$`)
	actorForm = regexp.MustCompile(`^[ -~]{1,128}$`)
)

// Check returns an error for an actor or a reason that is missing, too long, or not
// safe to log.
func (c Change) Check() error {
	if !actorForm.MatchString(c.Actor) {
		return &InputError{"actor", fmt.Sprintf("must be 1 to %d printable ASCII characters", MaxActor)}
	}
	switch {
	case strings.TrimSpace(c.Reason) == "":
		return &InputError{"reason", "is missing: say why, for the event that records the change"}
	case utf8.RuneCountInString(c.Reason) > MaxReason:
		return &InputError{"reason", fmt.Sprintf("is too long: %d characters at most", MaxReason)}
	case !utf8.ValidString(c.Reason) || strings.ContainsFunc(c.Reason, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return &InputError{"reason", "holds a control character"}
	}
	return nil
}

// CheckRoles returns an error for a list that is too long, has a duplicate, or
// contains an invalid role: roles are sent in X-Roles, separated by commas.
func CheckRoles(roles []string) error {
	if len(roles) > MaxRoles {
		return &InputError{"roles", fmt.Sprintf("has too many roles: %d at most", MaxRoles)}
	}
	for i, role := range roles {
		if !roleForm.MatchString(role) {
			return &InputError{"roles", "holds what is no role: 1 to 64 letters, digits and : . _ -, beginning with a letter or digit"}
		}
		if slices.Contains(roles[:i], role) {
			return &InputError{"roles", "names a role twice"}
		}
	}
	return nil
}

// NormalizeMetadata returns a JSON object in compact form, or an error. Both databases
// can store the result, and an access token can contain it.
func NormalizeMetadata(raw json.RawMessage) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := checkNames(raw); err != nil {
		return nil, err
	}
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil || decoder.InputOffset() != int64(len(bytes.TrimRight(raw, " \t\r\n"))) {
		return nil, &InputError{"metadata", "is not a JSON object"}
	}
	if err := checkMetadata(object, 1); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	compact := bytes.TrimRight(out.Bytes(), "\n")
	if len(compact) > MaxMetadata {
		return nil, &InputError{"metadata", fmt.Sprintf("is too long: %d bytes at most as compact JSON", MaxMetadata)}
	}
	return compact, nil
}

func checkMetadata(value any, depth int) error {
	if depth > maxMetadataDepth {
		return &InputError{"metadata", fmt.Sprintf("nests too deep: %d levels at most", maxMetadataDepth)}
	}
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			if strings.ContainsRune(name, 0) {
				return &InputError{"metadata", "holds a zero character"}
			}
			if err := checkMetadata(member, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for _, member := range value {
			if err := checkMetadata(member, depth+1); err != nil {
				return err
			}
		}
	case string:
		if strings.ContainsRune(value, 0) { // PostgreSQL stores none
			return &InputError{"metadata", "holds a zero character"}
		}
	case json.Number:
		f, err := strconv.ParseFloat(value.String(), 64)
		if err != nil || math.Abs(f) > maxNumber || f != 0 && math.Abs(f) < 1.0/maxNumber || len(value) > 32 {
			return &InputError{"metadata", "holds a number that not every reader takes: send it as a string"}
		}
	}
	return nil
}

// checkNames returns an error for an object with two names that are equal or differ
// only in case: readers disagree about the value, and the verifier refuses tokens with
// such claims.
func checkNames(raw json.RawMessage) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	type level struct {
		object, key bool // in an object; a name comes next
		names       []string
	}
	var stack []*level
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || len(stack) > maxMetadataDepth+1 {
			return nil //nolint:nilerr // the decoder that follows says what is wrong
		}
		var top *level
		if len(stack) > 0 {
			top = stack[len(stack)-1]
		}
		if name, is := token.(string); is && top != nil && top.object && top.key {
			for _, other := range top.names {
				if strings.EqualFold(name, other) {
					return &InputError{"metadata", "has two members of one name, or of two spellings of it"}
				}
			}
			top.names = append(top.names, name)
			top.key = false
			continue
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, &level{object: true, key: true})
			continue
		case json.Delim('['):
			stack = append(stack, &level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			top = nil
			if len(stack) > 0 {
				top = stack[len(stack)-1]
			}
		}
		if top != nil && top.object {
			top.key = true // a value has ended
		}
	}
}

package users

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// DirectoryStore is the part of a database that a Directory uses. Its methods are safe
// for use by any number of goroutines and processes. They return [ErrUnavailable] for
// an outage and [ErrNotFound] for a user who does not exist or was deleted.
type DirectoryStore interface {
	// User returns one user, disabled ones too.
	User(ctx context.Context, id uuid.UUID) (User, error)

	// Identity returns how an app knows the user.
	Identity(ctx context.Context, id uuid.UUID, appID string) (Identity, error)

	// FindUsers lists users, newest first, without deleted ones. It returns an
	// *InputError if q.Check fails.
	FindUsers(ctx context.Context, q Query) ([]Person, error)

	// PatchUser replaces roles and metadata by the results of the functions, which
	// get the current values, and records each change. A nil function changes
	// nothing. The call is atomic and isolated; if a function returns an error,
	// nothing changes.
	PatchUser(ctx context.Context, c Change, p Patch) error

	// NoteOnce records an event of a user unless one of the same kind and actor
	// was recorded at or after since.
	NoteOnce(ctx context.Context, e Event, since time.Time) error
}

// Patch is a change of a user's roles and metadata.
type Patch struct {
	Roles    *[]string
	Metadata func(before json.RawMessage) (json.RawMessage, error)
}

// Replace returns a Patch function that replaces the metadata. The argument must have
// the form that [NormalizeMetadata] returns.
func Replace(metadata json.RawMessage) func(json.RawMessage) (json.RawMessage, error) {
	return func(json.RawMessage) (json.RawMessage, error) { return metadata, nil }
}

// readWindow is how long repeated reads of one phone number by one key record only
// one event.
const readWindow = 24 * time.Hour

// maxHolders limits the result of a lookup: a unionid has few users.
const maxHolders = 100

// Directory is the user directory for business services. It is safe for concurrent
// use.
type Directory struct {
	store    DirectoryStore
	platform Platform
	vault    Vault
	now      func() time.Time
}

// NewDirectory returns a Directory.
func NewDirectory(store DirectoryStore, platform Platform, vault Vault, now func() time.Time) *Directory {
	return &Directory{store: store, platform: platform, vault: vault, now: now}
}

// Find returns the users that match a query, with their phone numbers in clear text.
// phone, in any usual form, also restricts the result to its holder; "" does not. It
// records an event for each number that is returned, once a day for each reader.
// Errors: *InputError, ErrUnavailable.
func (d *Directory) Find(ctx context.Context, reader string, q Query, phone string) ([]Person, error) {
	if phone != "" {
		q.PhoneHashes = [][]byte{}
		for _, form := range PhoneForms(phone) {
			q.PhoneHashes = append(q.PhoneHashes, d.vault.Hashes(form)...)
		}
	}
	q.Limit = maxHolders
	people, err := d.store.FindUsers(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("find people: %w", err)
	}
	for i := range people {
		p := &people[i]
		if p.OpenPhone(d.vault); p.Phone == "" {
			continue
		}
		if err := d.noteDaily(ctx, Event{Kind: EventPhoneRead, UserID: p.ID, Actor: reader}); err != nil {
			return nil, fmt.Errorf("record the reading of a phone number: %w", err)
		}
	}
	return people, nil
}

// Person returns one user, as Find does. Errors: ErrNotFound, ErrUnavailable.
func (d *Directory) Person(ctx context.Context, reader string, id uuid.UUID) (Person, error) {
	people, err := d.Find(ctx, reader, Query{ID: id}, "")
	if err != nil {
		return Person{}, err
	}
	if len(people) == 0 {
		return Person{}, ErrNotFound
	}
	return people[0], nil
}

// Change applies a JSON Merge Patch (RFC 7396) to a user's metadata and replaces the
// roles. A nil argument changes nothing. Access tokens contain the new values from the
// next refresh on. Errors: *InputError, ErrNotFound, ErrUnavailable.
func (d *Directory) Change(ctx context.Context, by string, id uuid.UUID, metadata json.RawMessage, roles *[]string) error {
	p := Patch{Roles: roles}
	if roles != nil {
		if err := CheckRoles(*roles); err != nil {
			return err
		}
	}
	if len(metadata) > 0 {
		p.Metadata = func(before json.RawMessage) (json.RawMessage, error) { return MergePatch(before, metadata) }
	}
	c := Change{UserID: id, Actor: by, Reason: "by a business service", Now: d.now().UTC().Truncate(time.Microsecond)}
	if err := d.store.PatchUser(ctx, c, p); err != nil {
		return fmt.Errorf("change a person: %w", err)
	}
	return nil
}

// E164 returns the number with + and the country code (ITU-T E.164). It returns "" for
// no number and for one that no data key opens. Numbers without a country code are of
// mainland China.
func (p Phone) E164() string {
	switch {
	case p == "" || p == unreadable:
		return ""
	case strings.HasPrefix(string(p), "+"):
		return string(p)
	}
	return "+86" + string(p)
}

package users

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// DirectoryStore is what a Directory needs from a database. Its methods may be
// called by any number of goroutines and processes. An outage comes back as
// [ErrUnavailable], a user who is not there or was deleted as [ErrNotFound].
type DirectoryStore interface {
	// User returns one user, disabled ones too.
	User(ctx context.Context, id uuid.UUID) (User, error)

	// Identity returns how an app knows the user.
	Identity(ctx context.Context, id uuid.UUID, appID string) (Identity, error)

	// FindUsers lists people, newest first, the deleted ones left out. A query
	// that does not pass its Check is an *InputError.
	FindUsers(ctx context.Context, q Query) ([]Person, error)

	// PatchUser replaces roles and metadata by what the functions return of the
	// ones that are there, and records each change; a nil function leaves its
	// part as it is. All of it happens or, where a function returns an error,
	// none. No other change comes in between.
	PatchUser(ctx context.Context, c Change, p Patch) error

	// NoteOnce records an event of a user unless one of the same kind and actor
	// is there since a moment.
	NoteOnce(ctx context.Context, e Event, since time.Time) error
}

// Patch is a change to what the business keeps of a user.
type Patch struct {
	Roles    *[]string
	Metadata func(before json.RawMessage) (json.RawMessage, error)
}

// Replace is a Patch's function that puts metadata in the place of what is there.
// It must have the form of [NormalizeMetadata].
func Replace(metadata json.RawMessage) func(json.RawMessage) (json.RawMessage, error) {
	return func(json.RawMessage) (json.RawMessage, error) { return metadata, nil }
}

// readWindow is for how long readings of one person by one key count as one.
const readWindow = 24 * time.Hour

// maxHolders bounds how many people a look-up returns: a unionid has few.
const maxHolders = 100

// Directory is what a business service asks about people. It may be used by any
// number of goroutines.
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

// Find returns the people who fit a query, with their phone numbers in clear.
// With a phone number, in any form in which one is written, it is those who hold
// it. Each person whose number is shown gets an event, once a day for a reader.
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

// Person returns one person as Find does. Errors: ErrNotFound, ErrUnavailable.
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

// Change applies a JSON Merge Patch (RFC 7396) to a person's metadata and
// replaces the roles; nil leaves either as it is. Access tokens show it from
// their next refresh on. Errors: *InputError, ErrNotFound, ErrUnavailable.
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

// E164 is the number with + and the country code (ITU-T E.164); "" for none, and
// for one that no data key opens. Numbers without a country code are those of
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

package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Bounds of what operators ask, so that no question costs a database of ten
// million people more than a moment.
const (
	// SearchWindow is how many people one page of a search by a part of the
	// nickname looks at.
	SearchWindow = 100_000
	// CountLimit is where counts end.
	CountLimit = 100_000
)

// query fills in the hashes of a phone number, "" for any, in each form that it
// may be stored in.
func (a *Administration) query(q users.Query, phone string) users.Query {
	if phone == "" {
		return q
	}
	q.PhoneHashes = [][]byte{}
	for _, form := range users.PhoneForms(phone) {
		q.PhoneHashes = append(q.PhoneHashes, a.vault.Hashes(form)...)
	}
	return q
}

// Find lists people, with their phone numbers in clear. The phone number of a
// query, "" for any, is looked for in each form that it may be stored in.
func (a *Administration) Find(ctx context.Context, q users.Query, phone string) ([]users.Person, error) {
	people, err := a.store.FindUsers(ctx, a.query(q, phone))
	if err != nil {
		return nil, fmt.Errorf("find users: %w", err)
	}
	for i := range people {
		people[i].OpenPhone(a.vault)
	}
	return people, nil
}

// Count counts the people of a query: CountLimit means that many or more. What
// pages do, Before, From and Limit, is ignored.
func (a *Administration) Count(ctx context.Context, q users.Query, phone string) (int, error) {
	q = a.query(q, phone)
	q.Before, q.From, q.Limit = uuid.Nil, uuid.Nil, CountLimit
	n, err := a.store.CountUsers(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("count users: %w", err)
	}
	return n, nil
}

// Page lists people as Find does, at most limit of them, and returns the id from
// which the next page goes on as Before; zero where there is none. A search by a
// part of the nickname looks at SearchWindow people a page: such a page may be
// short, or empty, and not the last.
func (a *Administration) Page(ctx context.Context, q users.Query, phone string, limit int) ([]users.Person, uuid.UUID, error) {
	if q.NicknamePart != "" {
		var err error
		if q.From, err = a.store.NthUser(ctx, q.Before, SearchWindow); err != nil {
			return nil, uuid.Nil, fmt.Errorf("find users: %w", err)
		}
	}
	next := q.From
	q.Limit = limit + 1
	people, err := a.Find(ctx, q, phone)
	if err != nil {
		return nil, uuid.Nil, err
	}
	if len(people) > limit {
		people = people[:limit]
		next = people[limit-1].ID
	}
	return people, next, nil
}

// CountEvents counts what happened to a user: CountLimit means that many or more.
func (a *Administration) CountEvents(ctx context.Context, userID uuid.UUID) (int, error) {
	n, err := a.store.CountEvents(ctx, userID, CountLimit)
	if err != nil {
		return 0, fmt.Errorf("count events: %w", err)
	}
	return n, nil
}

// OwnerOf returns whose session it is. Errors: ErrNoSession, users.ErrUnavailable.
func (a *Administration) OwnerOf(ctx context.Context, session uuid.UUID) (uuid.UUID, error) {
	owner, err := a.store.SessionOwner(ctx, session)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find the owner of a session: %w", err)
	}
	return owner, nil
}

// ReadPhone returns a person's phone number in clear (E.164), "" where there is
// none, and records each reading: which key read it, and on whose behalf ("": no
// one is named). Errors: users.ErrNotFound, users.ErrUnavailable.
func (a *Administration) ReadPhone(ctx context.Context, id uuid.UUID, reader, onBehalfOf string) (string, error) {
	person, err := a.Person(ctx, id)
	if err != nil {
		return "", err
	}
	number := person.Phone.E164()
	if number == "" {
		return "", nil
	}
	detail := map[string]string{}
	if onBehalfOf != "" {
		detail["onBehalfOf"] = onBehalfOf
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return "", fmt.Errorf("read a phone number: %w", err)
	}
	if err := a.revocations.Ready(); err != nil {
		return "", fmt.Errorf("read a phone number: %w", err) // the database's time is not known yet
	}
	now := a.now().UTC().Truncate(time.Microsecond)
	event := users.Event{At: now, Kind: users.EventPhoneRead, UserID: id, Actor: reader, Detail: text}
	if err := a.store.NoteOnce(ctx, event, now); err != nil {
		return "", fmt.Errorf("record the reading of a phone number: %w", err)
	}
	return number, nil
}

package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Limits of operators' queries. They keep a query short in a database of ten
// million users.
const (
	// SearchWindow is the number of users that one page of a search by part of
	// the nickname examines.
	SearchWindow = 100_000
	// CountLimit is the highest count that is returned.
	CountLimit = 100_000
)

// query adds the hashes of a phone number to a query, in each form that may be
// stored. "" adds none.
func (a *Service) query(q users.Query, phone string) users.Query {
	if phone == "" {
		return q
	}
	q.PhoneHashes = [][]byte{}
	for _, form := range users.PhoneForms(phone) {
		q.PhoneHashes = append(q.PhoneHashes, a.vault.Hashes(form)...)
	}
	return q
}

// Find lists the users that match a query, with their phone numbers in clear
// text. A phone number is searched in each form that may be stored; "" matches
// any.
func (a *Service) Find(ctx context.Context, q users.Query, phone string) ([]users.Person, error) {
	people, err := a.store.FindUsers(ctx, a.query(q, phone))
	if err != nil {
		return nil, fmt.Errorf("find users: %w", err)
	}
	for i := range people {
		people[i].OpenPhone(a.vault)
	}
	return people, nil
}

// Count counts the users that match a query. CountLimit means that many or more.
// It ignores the fields Before, From and Limit.
func (a *Service) Count(ctx context.Context, q users.Query, phone string) (int, error) {
	q = a.query(q, phone)
	q.Before, q.From, q.Limit = uuid.Nil, uuid.Nil, CountLimit
	n, err := a.store.CountUsers(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("count users: %w", err)
	}
	return n, nil
}

// Page lists at most limit users, as Find does. It also returns the Before of the
// next page, which is zero if there is none. A search by part of the nickname
// examines SearchWindow users a page, so a short or empty page may not be the
// last.
func (a *Service) Page(ctx context.Context, q users.Query, phone string, limit int) ([]users.Person, uuid.UUID, error) {
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

// CountEvents counts the events of a user. CountLimit means that many or more.
func (a *Service) CountEvents(ctx context.Context, userID uuid.UUID) (int, error) {
	n, err := a.store.CountEvents(ctx, userID, CountLimit)
	if err != nil {
		return 0, fmt.Errorf("count events: %w", err)
	}
	return n, nil
}

// OwnerOf returns the user of a session. Errors: auth.ErrNoSession,
// users.ErrUnavailable.
func (a *Service) OwnerOf(ctx context.Context, session uuid.UUID) (uuid.UUID, error) {
	owner, err := a.store.SessionOwner(ctx, session)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find the owner of a session: %w", err)
	}
	return owner, nil
}

// ReadPhone returns a user's phone number in clear text (E.164), or "" if there
// is none. It records an event with the key that read the number and the person
// on whose behalf, which may be "". Errors: users.ErrNotFound,
// users.ErrUnavailable.
func (a *Service) ReadPhone(ctx context.Context, id uuid.UUID, reader, onBehalfOf string) (string, error) {
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

package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// AdminStore is what operators need from a database, beyond what a Store does.
// Its methods may be called by any number of goroutines and processes. An
// outage comes back as users.ErrUnavailable, a user who is not there or was
// deleted as users.ErrNotFound. Each change and the event that records it take
// effect together or not at all, and every session that a change ends is told
// to all processes at once, as EndSession does.
type AdminStore interface {
	// The directory: FindUsers, PatchUser, NoteOnce.
	users.DirectoryStore

	// CountUsers counts the people who fit a query, up to its limit.
	CountUsers(ctx context.Context, q users.Query) (int, error)

	// NthUser returns the id of the nth row before an id in the order of
	// FindUsers (zero: from the newest), the deleted ones counted; zero where
	// there are fewer.
	NthUser(ctx context.Context, before uuid.UUID, n int) (uuid.UUID, error)

	// DisableUser bars a user from logging in and ends their live sessions,
	// which it returns. No login that is under way slips through: it opens its
	// session before, and that is ended, or it is refused. Repeating it
	// changes the reason alone.
	DisableUser(ctx context.Context, c users.Change) ([]uuid.UUID, error)

	// EnableUser lets a user log in again; one who is not disabled stays as
	// they are, and no event is recorded.
	EnableUser(ctx context.Context, c users.Change) error

	// EraseShared erases what the person of one identity has shared, as far as
	// e says, and records it, in one statement. The account and its sessions
	// stay. It returns whose it was; where e concerns no account, the error is
	// users.ErrNotFound and nothing changes.
	EraseShared(ctx context.Context, e users.Erasure) (uuid.UUID, error)

	// DeletePerson does what DeleteUser does to the person of one identity,
	// and returns whose it was as well. It finds the person and erases them
	// under the same locks. Where e concerns no account, the error is
	// users.ErrNotFound and nothing changes.
	DeletePerson(ctx context.Context, e users.Erasure) (uuid.UUID, []uuid.UUID, error)

	// DeleteUser erases a person: identities, profile, phone number, roles and
	// metadata, the descriptions of devices, and whatever the events say
	// beyond their kind, time and actor, the session included. The rows stay, so that counts do. It
	// returns the sessions that it ended. An identity that logs in later is a
	// new user.
	DeleteUser(ctx context.Context, c users.Change) ([]uuid.UUID, error)

	// EndSession and EndSessions are those of Store.
	EndSession(ctx context.Context, e Ending) (bool, error)
	EndSessions(ctx context.Context, e Ending) ([]uuid.UUID, error)

	// AllSessions lists a user's sessions, ended ones too until they are
	// purged, newest use first.
	AllSessions(ctx context.Context, userID uuid.UUID) ([]Session, error)

	// SessionOwner returns whose session it is. The error for one that is not
	// there is ErrNoSession.
	SessionOwner(ctx context.Context, id uuid.UUID) (uuid.UUID, error)

	// Events lists what happened to a user, newest first: at most limit
	// events whose ID is below before (0: from the newest).
	Events(ctx context.Context, userID uuid.UUID, before int64, limit int) ([]users.RecordedEvent, error)

	// CountEvents counts them, up to most.
	CountEvents(ctx context.Context, userID uuid.UUID, most int) (int, error)
}

// AdminVault opens phone numbers and makes the hashes by which they are found.
type AdminVault interface {
	users.Opener
	Hashes(value string) [][]byte
}

// Administration is what operators do. It may be used by any number of
// goroutines. Every error may be users.ErrUnavailable; where a user is named,
// users.ErrNotFound; and where a change is, *users.InputError.
type Administration struct {
	store       AdminStore
	vault       AdminVault
	now         func() time.Time
	revocations *Revocations
}

// NewAdministration returns an Administration. The revocations, which may be nil,
// learn at once of the sessions that it ends.
func NewAdministration(store AdminStore, vault AdminVault, now func() time.Time, revocations *Revocations) *Administration {
	return &Administration{store: store, vault: vault, now: now, revocations: revocations}
}

// Now returns the time of the database, by which the state of a session is told.
func (a *Administration) Now() time.Time { return a.now() }

// Person returns one person.
func (a *Administration) Person(ctx context.Context, id uuid.UUID) (users.Person, error) {
	if id == uuid.Nil {
		return users.Person{}, users.ErrNotFound
	}
	people, err := a.Find(ctx, users.Query{ID: id, Limit: 1}, "")
	if err != nil {
		return users.Person{}, err
	}
	if len(people) == 0 {
		return users.Person{}, users.ErrNotFound
	}
	return people[0], nil
}

// change fills in the clock and runs one change.
func (a *Administration) change(c users.Change, op string, do func(c users.Change) ([]uuid.UUID, error)) error {
	return a.ending(c, op, ReasonOperator, do)
}

// ending is change for one that ends sessions for another reason.
func (a *Administration) ending(c users.Change, op string, why Reason, do func(c users.Change) ([]uuid.UUID, error)) error {
	if err := c.Check(); err != nil {
		return err
	}
	if err := a.revocations.Ready(); err != nil {
		return fmt.Errorf("%s: %w", op, err) // the database's time is not known yet
	}
	c.Now = a.now().UTC().Truncate(time.Microsecond)
	ended, err := do(c)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	a.revocations.Add(c.Now, why, ended...)
	return nil
}

// Disable ends a user's sessions and lets them log in no more.
func (a *Administration) Disable(ctx context.Context, c users.Change) error {
	return a.change(c, "disable a user", func(c users.Change) ([]uuid.UUID, error) { return a.store.DisableUser(ctx, c) })
}

// Enable lets a disabled user log in again.
func (a *Administration) Enable(ctx context.Context, c users.Change) error {
	return a.change(c, "enable a user", func(c users.Change) ([]uuid.UUID, error) { return nil, a.store.EnableUser(ctx, c) })
}

// SetRoles replaces a user's roles, which access tokens carry from the next
// refresh on.
func (a *Administration) SetRoles(ctx context.Context, c users.Change, roles []string) error {
	if err := users.CheckRoles(roles); err != nil {
		return err
	}
	return a.change(c, "set roles", func(c users.Change) ([]uuid.UUID, error) {
		return nil, a.store.PatchUser(ctx, c, users.Patch{Roles: &roles})
	})
}

// SetMetadata replaces a user's metadata, a JSON object.
func (a *Administration) SetMetadata(ctx context.Context, c users.Change, metadata json.RawMessage) error {
	normal, err := users.NormalizeMetadata(metadata)
	if err != nil {
		return err
	}
	return a.change(c, "set metadata", func(c users.Change) ([]uuid.UUID, error) {
		return nil, a.store.PatchUser(ctx, c, users.Patch{Metadata: users.Replace(normal)})
	})
}

// Delete erases a person. There is no way back.
func (a *Administration) Delete(ctx context.Context, c users.Change) error {
	return a.ending(c, "delete a user", ReasonAccountClosed, func(c users.Change) ([]uuid.UUID, error) { return a.store.DeleteUser(ctx, c) })
}

// endingOf is the end of all of a user's sessions by an operator.
func endingOf(c users.Change) Ending {
	return Ending{
		UserID: c.UserID, Reason: ReasonOperator, Actor: c.Actor, Comment: c.Reason, OnBehalfOf: c.OnBehalfOf, Now: c.Now,
	}
}

// SignOut ends every session of a user.
func (a *Administration) SignOut(ctx context.Context, c users.Change) error {
	return a.change(c, "sign a user out", func(c users.Change) ([]uuid.UUID, error) {
		if _, err := a.Person(ctx, c.UserID); err != nil {
			return nil, err
		}
		return a.store.EndSessions(ctx, endingOf(c))
	})
}

// EndSession ends one session of any user; c.UserID is ignored. A
// session that has ended already is no error, one that is not there is
// ErrNoSession.
func (a *Administration) EndSession(ctx context.Context, c users.Change, id uuid.UUID) error {
	return a.change(c, "end a session", func(c users.Change) ([]uuid.UUID, error) {
		owner, err := a.store.SessionOwner(ctx, id)
		if err != nil {
			return nil, err
		}
		e := endingOf(c)
		e.UserID, e.SessionID = owner, id
		ended, err := a.store.EndSession(ctx, e)
		if err != nil || !ended {
			return nil, err
		}
		return []uuid.UUID{id}, nil
	})
}

// EndLostSession is EndSession, and ends also a session whose row the database
// has lost in a failover or a restore: access tokens of it may be alive.
func (a *Administration) EndLostSession(ctx context.Context, c users.Change, id uuid.UUID) error {
	err := a.EndSession(ctx, c, id)
	if !errors.Is(err, ErrNoSession) {
		return err
	}
	return a.change(c, "end a lost session", func(c users.Change) ([]uuid.UUID, error) {
		e := endingOf(c)
		e.UserID, e.Proven = uuid.Nil, id
		return a.store.EndSessions(ctx, e)
	})
}

// Sessions lists a user's sessions, ended ones too until they are purged,
// newest use first.
func (a *Administration) Sessions(ctx context.Context, userID uuid.UUID) ([]Session, error) {
	if _, err := a.Person(ctx, userID); err != nil {
		return nil, err
	}
	list, err := a.store.AllSessions(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("list all sessions: %w", err)
	}
	return list, nil
}

// Session returns one session of any user, until it is purged. The error for
// one that is not there is ErrNoSession.
func (a *Administration) Session(ctx context.Context, id uuid.UUID) (Session, error) {
	owner, err := a.store.SessionOwner(ctx, id)
	if err != nil {
		return Session{}, fmt.Errorf("find a session: %w", err)
	}
	list, err := a.store.AllSessions(ctx, owner)
	if err != nil {
		return Session{}, fmt.Errorf("find a session: %w", err)
	}
	for _, s := range list {
		if s.ID == id {
			return s, nil
		}
	}
	return Session{}, fmt.Errorf("find a session: %w", ErrNoSession)
}

// Events lists what happened to a user, newest first, from before the event of
// an ID on (0: from the newest). Events of a person who was erased are listed
// too: that they were erased is one of them. The error for a user of whom
// nothing is known is users.ErrNotFound.
func (a *Administration) Events(ctx context.Context, userID uuid.UUID, before int64, limit int) ([]users.RecordedEvent, error) {
	list, err := a.store.Events(ctx, userID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	if len(list) == 0 && before == 0 {
		if _, err := a.Person(ctx, userID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// State tells what a session is now: "live", "expired" or "ended".
func (s *Session) State(now time.Time) string {
	switch {
	case s.RevokedAt != nil:
		return "ended"
	case !s.ExpiresAt.After(now):
		return "expired"
	}
	return "live"
}

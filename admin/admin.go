// Package admin implements what operators and support do: finding people, changing and
// erasing them, ending their sessions, and reading what was recorded. It stands above
// auth and users and owns no rule of theirs. Each change names who made it and why and
// is recorded as an event in the same commit.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// Store is the part of a database that operators use, in addition to auth.Store.
// Its methods are safe for use by any number of goroutines and processes. They
// return users.ErrUnavailable for an outage and users.ErrNotFound for a user who
// does not exist or was deleted. A change and its event are committed together.
// All processes are notified of every session that a change ends, as for
// EndSession.
type Store interface {
	// The directory: FindUsers, PatchUser, NoteOnce.
	users.DirectoryStore

	// CountUsers counts the users that match a query, up to its limit.
	CountUsers(ctx context.Context, q users.Query) (int, error)

	// NthUser returns the id of the nth row after the given id in the order of
	// FindUsers, deleted users included. A zero id starts at the newest user. It
	// returns the zero id if there are fewer rows.
	NthUser(ctx context.Context, before uuid.UUID, n int) (uuid.UUID, error)

	// Merge is that of users.Store.
	Merge(ctx context.Context, m users.Merge) (into uuid.UUID, ended []uuid.UUID, err error)

	// DisableUser disables a user and ends their live sessions, which it returns.
	// A concurrent login either opens its session before, and that session is
	// ended, or is refused. Repeating the call changes only the reason.
	DisableUser(ctx context.Context, c users.Change) ([]uuid.UUID, error)

	// EnableUser enables a disabled user. For a user who is not disabled it
	// changes nothing and records no event.
	EnableUser(ctx context.Context, c users.Change) error

	// EraseShared erases the shared data that e names of the user of one identity
	// and records the event, in one statement. The account and its sessions stay.
	// It returns the user. If e matches no account, it changes nothing and returns
	// users.ErrNotFound.
	EraseShared(ctx context.Context, e users.Erasure) (uuid.UUID, error)

	// DeletePerson is DeleteUser for the user of one identity, and also returns
	// that user. It finds and erases the user under the same locks. If e matches
	// no account, it changes nothing and returns users.ErrNotFound.
	DeletePerson(ctx context.Context, e users.Erasure) (uuid.UUID, []uuid.UUID, error)

	// DeleteUser erases a person: identities, profile, phone number, roles and
	// metadata, the descriptions of devices, and whatever the events say
	// beyond their kind, time and actor, the session included. The rows stay, so that counts do. It
	// returns the sessions that it ended. An identity that logs in later is a
	// new user.
	DeleteUser(ctx context.Context, c users.Change) ([]uuid.UUID, error)

	// EndSession and EndSessions are those of auth.Store.
	EndSession(ctx context.Context, e auth.Ending) (bool, error)
	EndSessions(ctx context.Context, e auth.Ending) ([]uuid.UUID, error)

	// AllSessions lists a user's sessions, ended ones too until they are
	// purged, newest use first.
	AllSessions(ctx context.Context, userID uuid.UUID) ([]auth.Session, error)

	// SessionOwner returns the user of a session, or auth.ErrNoSession if there is no
	// such session.
	SessionOwner(ctx context.Context, id uuid.UUID) (uuid.UUID, error)

	// Events lists at most limit events of a user whose ID is below before,
	// newest first. A zero before starts at the newest event.
	Events(ctx context.Context, userID uuid.UUID, before int64, limit int) ([]users.RecordedEvent, error)

	// CountEvents counts the events of a user, up to most.
	CountEvents(ctx context.Context, userID uuid.UUID, most int) (int, error)
}

// Vault opens and seals phone numbers and computes the hashes that find them.
type Vault interface {
	users.Sealer
	Hashes(value string) [][]byte
}

// Service implements the operations of operators. It is safe for
// concurrent use. Every method may return users.ErrUnavailable. Methods that take
// a user may return users.ErrNotFound, and methods that take a change
// *users.InputError.
type Service struct {
	store       Store
	vault       Vault
	now         func() time.Time
	revocations *auth.Revocations
}

// New returns a Service. The sessions that it ends are
// added to the revocations, which may be nil.
func New(store Store, vault Vault, now func() time.Time, revocations *auth.Revocations) *Service {
	return &Service{store: store, vault: vault, now: now, revocations: revocations}
}

// Now returns the database's time, for [auth.Session.State].
func (a *Service) Now() time.Time { return a.now() }

// Person returns one person.
func (a *Service) Person(ctx context.Context, id uuid.UUID) (users.Person, error) {
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
func (a *Service) change(c users.Change, op string, do func(c users.Change) ([]uuid.UUID, error)) error {
	return a.ending(c, op, auth.ReasonOperator, do)
}

// ending is change for one that ends sessions for another reason.
func (a *Service) ending(c users.Change, op string, why auth.Reason, do func(c users.Change) ([]uuid.UUID, error)) error {
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

// Disable disables a user and ends their sessions.
func (a *Service) Disable(ctx context.Context, c users.Change) error {
	return a.change(c, "disable a user", func(c users.Change) ([]uuid.UUID, error) { return a.store.DisableUser(ctx, c) })
}

// Enable enables a disabled user.
func (a *Service) Enable(ctx context.Context, c users.Change) error {
	return a.change(c, "enable a user", func(c users.Change) ([]uuid.UUID, error) { return nil, a.store.EnableUser(ctx, c) })
}

// SetRoles replaces a user's roles. Access tokens carry them from the next
// refresh on.
func (a *Service) SetRoles(ctx context.Context, c users.Change, roles []string) error {
	if err := users.CheckRoles(roles); err != nil {
		return err
	}
	return a.change(c, "set roles", func(c users.Change) ([]uuid.UUID, error) {
		return nil, a.store.PatchUser(ctx, c, users.Patch{Roles: &roles})
	})
}

// SetMetadata replaces a user's metadata, a JSON object.
func (a *Service) SetMetadata(ctx context.Context, c users.Change, metadata json.RawMessage) error {
	normal, err := users.NormalizeMetadata(metadata)
	if err != nil {
		return err
	}
	return a.change(c, "set metadata", func(c users.Change) ([]uuid.UUID, error) {
		return nil, a.store.PatchUser(ctx, c, users.Patch{Metadata: users.Replace(normal)})
	})
}

// Delete erases a user. It cannot be undone.
func (a *Service) Delete(ctx context.Context, c users.Change) error {
	return a.ending(c, "delete a user", auth.ReasonAccountClosed, func(c users.Change) ([]uuid.UUID, error) { return a.store.DeleteUser(ctx, c) })
}

// CloseAccount erases a person at their own request, and ends their sessions.
// Errors: users.ErrNotFound, users.ErrUnavailable.
func (a *Service) CloseAccount(ctx context.Context, userID uuid.UUID) error {
	return a.Delete(ctx, users.Change{UserID: userID, Actor: users.ActorUser, Reason: "closed by the user"})
}

// Merge makes one user of two: c.UserID remains and gets the identities of from,
// and what it lacks. The sessions of from end, and from is no more.
func (a *Service) Merge(ctx context.Context, c users.Change, from uuid.UUID) error {
	if c.Reason == "" {
		c.Reason = "one person"
	}
	if from == c.UserID || from == uuid.Nil {
		return &users.InputError{Field: "from", Problem: "must be another user"}
	}
	return a.ending(c, "merge two users", auth.ReasonMerged, func(c users.Change) ([]uuid.UUID, error) {
		_, ended, err := a.store.Merge(ctx, users.Merge{
			Into: c.UserID, From: from, Reseal: users.ResealPhone(a.vault), Actor: c.Actor, Reason: c.Reason, OnBehalfOf: c.OnBehalfOf, Now: c.Now,
		})
		return ended, err
	})
}

// endingOf is the end of all of a user's sessions by an operator.
func endingOf(c users.Change) auth.Ending {
	return auth.Ending{
		UserID: c.UserID, Reason: auth.ReasonOperator, Actor: c.Actor, Comment: c.Reason, OnBehalfOf: c.OnBehalfOf, Now: c.Now,
	}
}

// SignOut ends every session of a user.
func (a *Service) SignOut(ctx context.Context, c users.Change) error {
	return a.change(c, "sign a user out", func(c users.Change) ([]uuid.UUID, error) {
		if _, err := a.Person(ctx, c.UserID); err != nil {
			return nil, err
		}
		return a.store.EndSessions(ctx, endingOf(c))
	})
}

// EndSession ends one session of any user; c.UserID is ignored. It returns nil if
// the session has already ended, and auth.ErrNoSession if it does not exist.
func (a *Service) EndSession(ctx context.Context, c users.Change, id uuid.UUID) error {
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

// EndLostSession is like EndSession but also revokes a session whose row the
// database has lost in a failover or a restore: its access tokens may still be
// valid.
func (a *Service) EndLostSession(ctx context.Context, c users.Change, id uuid.UUID) error {
	err := a.EndSession(ctx, c, id)
	if !errors.Is(err, auth.ErrNoSession) {
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
func (a *Service) Sessions(ctx context.Context, userID uuid.UUID) ([]auth.Session, error) {
	if _, err := a.Person(ctx, userID); err != nil {
		return nil, err
	}
	list, err := a.store.AllSessions(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("list all sessions: %w", err)
	}
	return list, nil
}

// Session returns one session of any user, until it is purged. It returns
// auth.ErrNoSession if the session does not exist.
func (a *Service) Session(ctx context.Context, id uuid.UUID) (auth.Session, error) {
	owner, err := a.store.SessionOwner(ctx, id)
	if err != nil {
		return auth.Session{}, fmt.Errorf("find a session: %w", err)
	}
	list, err := a.store.AllSessions(ctx, owner)
	if err != nil {
		return auth.Session{}, fmt.Errorf("find a session: %w", err)
	}
	for _, s := range list {
		if s.ID == id {
			return s, nil
		}
	}
	return auth.Session{}, fmt.Errorf("find a session: %w", auth.ErrNoSession)
}

// Events lists the events of a user whose ID is below before, newest first. A
// zero before starts at the newest event. The events of an erased user are listed
// too; the erasure is one of them. It returns users.ErrNotFound for an unknown
// user.
func (a *Service) Events(ctx context.Context, userID uuid.UUID, before int64, limit int) ([]users.RecordedEvent, error) {
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

package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Told names the person of whom an identity provider told, by how one app knows
// them.
type Told struct {
	AppID, OpenID string
	// At is when the provider made the message, to the second.
	At time.Time
	// Reason is what the event says of it.
	Reason string
}

func (a *Administration) erasure(t Told) users.Erasure {
	return users.Erasure{
		AppID: t.AppID, OpenID: t.OpenID, AsOf: t.At,
		Actor: users.ActorWeChat, Reason: t.Reason, Now: a.now().UTC().Truncate(time.Microsecond),
	}
}

// Withdrawn carries out that a person has taken back, in WeChat, what they had
// let an app know: nickname and avatar where profile is set, the phone number
// where phone is, and otherwise nothing, of which the event is recorded all the
// same. Sessions live on.
//
// Errors: users.ErrNotFound where the message concerns no account,
// *users.InputError where it names none, users.ErrUnavailable.
func (a *Administration) Withdrawn(ctx context.Context, t Told, profile, phone bool) (uuid.UUID, error) {
	e := a.erasure(t)
	e.Profile, e.Phone = profile, phone
	id, err := a.store.EraseShared(ctx, e)
	if err != nil {
		return uuid.Nil, fmt.Errorf("erase what a user shared: %w", err)
	}
	return id, nil
}

// AccountClosed carries out that a person has closed their account with an app
// in WeChat: the person is erased and their sessions end. Errors are those of
// Withdrawn.
func (a *Administration) AccountClosed(ctx context.Context, t Told) (uuid.UUID, error) {
	e := a.erasure(t)
	id, ended, err := a.store.DeletePerson(ctx, e)
	if err != nil {
		return uuid.Nil, fmt.Errorf("erase a person: %w", err)
	}
	a.revocations.Add(e.Now, ReasonAccountClosed, ended...)
	return id, nil
}

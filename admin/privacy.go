package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// Told identifies the user whom a message of the identity provider is about.
type Told struct {
	AppID, OpenID string
	// At is when the provider made the message, to the second.
	At time.Time
	// Reason is the reason in the recorded event.
	Reason string
}

func (a *Service) erasure(t Told) users.Erasure {
	return users.Erasure{
		AppID: t.AppID, OpenID: t.OpenID, AsOf: t.At,
		Actor: users.ActorWeChat, Reason: t.Reason, Now: a.now().UTC().Truncate(time.Microsecond),
	}
}

// Withdrawn erases what a user has withdrawn from an app in WeChat: nickname and
// avatar if profile is set, the phone number if phone is set. It records an event
// even if neither is set. The user's sessions stay.
//
// Errors: users.ErrNotFound if the message matches no account, *users.InputError
// if it names none, users.ErrUnavailable.
func (a *Service) Withdrawn(ctx context.Context, t Told, profile, phone bool) (uuid.UUID, error) {
	e := a.erasure(t)
	e.Profile, e.Phone = profile, phone
	id, err := a.store.EraseShared(ctx, e)
	if err != nil {
		return uuid.Nil, fmt.Errorf("erase what a user shared: %w", err)
	}
	return id, nil
}

// AccountClosed erases a user who has closed their account with an app in WeChat,
// and ends their sessions. Errors are those of Withdrawn.
func (a *Service) AccountClosed(ctx context.Context, t Told) (uuid.UUID, error) {
	e := a.erasure(t)
	id, ended, err := a.store.DeletePerson(ctx, e)
	if err != nil {
		return uuid.Nil, fmt.Errorf("erase a person: %w", err)
	}
	a.revocations.Add(e.Now, auth.ReasonAccountClosed, ended...)
	return id, nil
}

package auth

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// ActorWeChat is who acts in events that WeChat told of.
const ActorWeChat = "wechat"

// Withdrawn carries out that a person has taken back, in WeChat, what they had
// let an app know: what they shared is erased and their sessions end. They may
// sign in again and share anew. A person who is not known is no error, for
// WeChat repeats itself.
func (a *Administration) Withdrawn(ctx context.Context, appID, openID, what string) error {
	return a.onWeChatsWord(ctx, appID, openID, "authorization withdrawn in WeChat: "+what, "erase a profile", a.store.EraseProfile)
}

// AccountClosed carries out that a person has closed their account with an app
// in WeChat: the person is erased and their sessions end.
func (a *Administration) AccountClosed(ctx context.Context, appID, openID string) error {
	return a.onWeChatsWord(ctx, appID, openID, "account closed in WeChat", "erase a person", a.store.DeleteUser)
}

func (a *Administration) onWeChatsWord(ctx context.Context, appID, openID, why, op string,
	do func(context.Context, users.Change) ([]uuid.UUID, error),
) error {
	people, err := a.store.FindUsers(ctx, users.Query{AppID: appID, OpenID: openID, Limit: 1})
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if len(people) == 0 {
		return nil
	}
	return a.change(users.Change{UserID: people[0].ID, Actor: ActorWeChat, Reason: why}, op,
		func(c users.Change) ([]uuid.UUID, error) { return do(ctx, c) })
}

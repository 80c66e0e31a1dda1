package users_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

func TestAnIdentityBelongsToOneUser(t *testing.T) {
	a, b := uuid.MustParse("00000000-0000-7000-8000-00000000000a"), uuid.MustParse("00000000-0000-7000-8000-00000000000b")
	for name, c := range map[string]struct {
		found   users.Found
		holder  uuid.UUID
		unionID string
		want    users.Settlement
	}{
		"new, without a unionid": {
			want: users.Settlement{AddIdentity: true, Event: users.EventUserCreated},
		},
		"new, with a unionid that no user holds": {
			unionID: "u1",
			want:    users.Settlement{AddIdentity: true, Event: users.EventUserCreated},
		},
		"new, with the unionid of a user": {
			holder: a, unionID: "u1",
			want: users.Settlement{UserID: a, AddIdentity: true, Event: users.EventIdentityLinked},
		},
		"new, without a unionid, whatever holder is given": {
			holder: a,
			want:   users.Settlement{AddIdentity: true, Event: users.EventUserCreated},
		},
		"known, and nothing is new": {
			found: users.Found{UserID: a, UnionID: "u1"}, holder: a, unionID: "u1",
			want: users.Settlement{UserID: a},
		},
		"known, neither has a unionid": {
			found: users.Found{UserID: a},
			want:  users.Settlement{UserID: a},
		},
		"known, and the platform gives no unionid any more": {
			found: users.Found{UserID: a, UnionID: "u1"},
			want:  users.Settlement{UserID: a},
		},
		"known, with the unionid that it has, which another user held first": {
			found: users.Found{UserID: a, UnionID: "u1"}, holder: b, unionID: "u1",
			want: users.Settlement{UserID: a},
		},
		"known, gains a unionid that no user holds": {
			found: users.Found{UserID: a}, unionID: "u1",
			want: users.Settlement{UserID: a, SetUnionID: true, Event: users.EventIdentityLinked},
		},
		"known, gains a unionid that its own user holds": {
			found: users.Found{UserID: a}, holder: a, unionID: "u1",
			want: users.Settlement{UserID: a, SetUnionID: true, Event: users.EventIdentityLinked},
		},
		"known, gains the unionid of another user": {
			found: users.Found{UserID: a}, holder: b, unionID: "u1",
			want: users.Settlement{UserID: a, SetUnionID: true, Event: users.EventIdentityConflict, OtherUserID: b},
		},
		"known, in an account to which the app was moved": {
			found: users.Found{UserID: a, Elsewhere: true},
			want:  users.Settlement{UserID: a, Move: true},
		},
		"known, moved, and its unionid there is another user's": {
			found: users.Found{UserID: a, Elsewhere: true}, holder: b, unionID: "u1",
			want: users.Settlement{UserID: a, Move: true, SetUnionID: true, Event: users.EventIdentityConflict, OtherUserID: b},
		},
		"known, changes to a unionid that no user holds": {
			found: users.Found{UserID: a, UnionID: "u1"}, unionID: "u2",
			want: users.Settlement{UserID: a, SetUnionID: true, Event: users.EventIdentityLinked},
		},
		"known, changes to the unionid of another user": {
			found: users.Found{UserID: a, UnionID: "u1"}, holder: b, unionID: "u2",
			want: users.Settlement{UserID: a, SetUnionID: true, Event: users.EventIdentityConflict, OtherUserID: b},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := users.Settle(c.found, c.holder, c.unionID)
			require.Equal(t, c.want, got)
			require.Equal(t, c.want.Event == users.EventUserCreated, got.NewUser())
		})
	}
}

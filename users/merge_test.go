package users_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

func TestWhoRemainsKeepsWhatTheyHaveAndGetsWhatTheyLack(t *testing.T) {
	byOperator := users.Merge{}
	early := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	empty := users.User{LastLoginAt: early}
	full := users.User{
		Nickname: "n", AvatarURL: "https://a.example/x", SealedPhone: []byte("p"), Roles: []string{"a", "b"},
		Metadata: json.RawMessage(`{"City":1,"x":2}`), LastLoginAt: early.Add(time.Hour),
	}
	got := byOperator.Merged(empty, full)
	require.Equal(t, full.Nickname, got.Nickname)
	require.Equal(t, full.AvatarURL, got.AvatarURL)
	require.Equal(t, full.SealedPhone, got.SealedPhone)
	require.Equal(t, full.Roles, got.Roles)
	require.JSONEq(t, string(full.Metadata), string(got.Metadata))
	require.Equal(t, full.LastLoginAt, got.LastLoginAt)
	require.Equal(t, full, byOperator.Merged(full, empty))

	other := full
	other.Nickname, other.Roles, other.Metadata = "m", []string{"c", "a"}, json.RawMessage(`{"city":9,"y":3}`)
	got = byOperator.Merged(full, other)
	require.Equal(t, "n", got.Nickname)
	require.Equal(t, []string{"a", "b", "c"}, got.Roles)
	require.JSONEq(t, `{"City":1,"x":2,"y":3}`, string(got.Metadata), "no second spelling of a name")
	require.Equal(t, []string{"a", "b"}, full.Roles, "the arguments stay as they are")

	long := full
	long.Metadata = json.RawMessage(`{"long":"` + strings.Repeat("x", users.MaxMetadata-12) + `"}`)
	require.JSONEq(t, string(full.Metadata), string(byOperator.Merged(full, long).Metadata), "what would be too long is left")
}

func TestAPhoneNumberAddsNoRole(t *testing.T) {
	into := users.User{Roles: []string{"a"}}
	from := users.User{Nickname: "n", Roles: []string{"admin", "a"}, Metadata: json.RawMessage(`{"legacyId":"7"}`)}
	byPhone := users.Merge{From: uuid.Must(uuid.NewV7()), Hashes: [][]byte{[]byte("hash")}}
	got := byPhone.Merged(into, from)
	require.Equal(t, []string{"a"}, got.Roles)
	require.Equal(t, "n", got.Nickname)
	require.JSONEq(t, `{"legacyId":"7"}`, string(got.Metadata), "the data of the user who disappears stays findable")
	require.Equal(t, map[string]any{"from": byPhone.From, "identities": int64(1), "rolesNotAdded": []string{"admin"}},
		byPhone.EventDetail(into, from, got, 1))

	byOperator := users.Merge{From: byPhone.From}
	got = byOperator.Merged(into, from)
	require.Equal(t, []string{"a", "admin"}, got.Roles)
	require.Equal(t, map[string]any{"from": byPhone.From, "identities": int64(2), "rolesAdded": []string{"admin"}},
		byOperator.EventDetail(into, from, got, 2))

	for i := range users.MaxRoles {
		into.Roles = append(into.Roles, strconv.Itoa(i))
	}
	into.Roles = into.Roles[:users.MaxRoles]
	require.Equal(t, []string{"admin"}, byOperator.EventDetail(into, from, byOperator.Merged(into, from), 1)["rolesNotAdded"], "there is no room")
}

package users_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

func TestWhoRemainsKeepsWhatTheyHaveAndGetsWhatTheyLack(t *testing.T) {
	early := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	empty := users.User{LastLoginAt: early}
	full := users.User{
		Nickname: "n", AvatarURL: "https://a.example/x", SealedPhone: []byte("p"), Roles: []string{"a", "b"},
		Metadata: json.RawMessage(`{"City":1,"x":2}`), LastLoginAt: early.Add(time.Hour),
	}
	got := users.Merged(empty, full)
	require.Equal(t, full.Nickname, got.Nickname)
	require.Equal(t, full.AvatarURL, got.AvatarURL)
	require.Equal(t, full.SealedPhone, got.SealedPhone)
	require.Equal(t, full.Roles, got.Roles)
	require.JSONEq(t, string(full.Metadata), string(got.Metadata))
	require.Equal(t, full.LastLoginAt, got.LastLoginAt)
	require.Equal(t, full, users.Merged(full, empty))

	other := full
	other.Nickname, other.Roles, other.Metadata = "m", []string{"c", "a"}, json.RawMessage(`{"city":9,"y":3}`)
	got = users.Merged(full, other)
	require.Equal(t, "n", got.Nickname)
	require.Equal(t, []string{"a", "b", "c"}, got.Roles)
	require.JSONEq(t, `{"City":1,"x":2,"y":3}`, string(got.Metadata), "no second spelling of a name")
	require.Equal(t, []string{"a", "b"}, full.Roles, "the arguments stay as they are")

	long := full
	long.Metadata = json.RawMessage(`{"long":"` + strings.Repeat("x", users.MaxMetadata-12) + `"}`)
	require.JSONEq(t, string(full.Metadata), string(users.Merged(full, long).Metadata), "what would be too long is left")
}

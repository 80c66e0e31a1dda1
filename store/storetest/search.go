package storetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

func searchByPart(t *testing.T, w *adminWorld) {
	var ids []uuid.UUID // oldest first
	for _, name := range []string{"Anna Wei", "张伟·小明", "100%_ALICE", "", "مريم", "🐼 alice"} {
		id := w.login(t, "openid-of-"+name, "").User.ID
		if name != "" {
			w.nickname(t, id, name)
		}
		ids = append(ids, id)
	}
	part := func(q users.Query) (found []int) {
		for _, p := range w.find(t, q) {
			for n, id := range ids {
				if id == p.ID {
					found = append(found, n)
				}
			}
		}
		return found
	}
	for text, want := range map[string][]int{
		"alice": {5, 2}, "ALICE": {5, 2}, "小明": {1}, "%_": {2}, "_": {2}, "%": {2}, "مري": {4}, "🐼": {5}, "wei": {0}, "none": nil, "a\x00b": nil,
	} {
		require.Equal(t, want, part(users.Query{NicknamePart: text}), text)
	}
	require.Equal(t, []int{5}, part(users.Query{NicknamePart: "alice", From: ids[3]}))
	require.Equal(t, []int{5, 2}, part(users.Query{NicknamePart: "alice", From: ids[2]}), "the last one is looked at")
	require.Equal(t, []int{2}, part(users.Query{NicknamePart: "alice", Before: ids[5], From: ids[0]}))

	nth := func(before uuid.UUID, n int) uuid.UUID {
		id, err := w.NthUser(t.Context(), before, n)
		require.NoError(t, err)
		return id
	}
	require.Equal(t, ids[5], nth(uuid.Nil, 1))
	require.Equal(t, ids[4], nth(uuid.Nil, 2))
	require.Equal(t, ids[1], nth(ids[3], 2))
	require.Equal(t, ids[0], nth(uuid.Nil, 6))
	require.Zero(t, nth(uuid.Nil, 7))
	require.Zero(t, nth(ids[0], 1))
}

func searchCounts(t *testing.T, w *adminWorld) {
	first := w.login(t, "first", "").User.ID
	second := w.login(t, "second", "").User.ID
	w.nickname(t, first, "Alice")
	w.nickname(t, second, "Alicia")
	count := func(q users.Query) int {
		n, err := w.CountUsers(t.Context(), q)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 2, count(users.Query{Limit: 10}))
	require.Equal(t, 1, count(users.Query{Limit: 1}), "up to the limit")
	require.Equal(t, 2, count(users.Query{Nickname: "Ali", Limit: 10}))
	require.Equal(t, 1, count(users.Query{NicknamePart: "cia", Limit: 10}))
	require.Zero(t, count(users.Query{Nickname: "a\x00", Limit: 10}))
	_, err := w.CountUsers(t.Context(), users.Query{})
	var input *users.InputError
	require.ErrorAs(t, err, &input)

	events, err := w.CountEvents(t.Context(), first, 100)
	require.NoError(t, err)
	require.Equal(t, len(w.kinds(t, first)), events)
	require.NoError(t, w.setRoles(t, w.change(first, "why"), []string{"editor"}))
	more, err := w.CountEvents(t.Context(), first, 100)
	require.NoError(t, err)
	require.Equal(t, events+1, more)
	bounded, err := w.CountEvents(t.Context(), first, 1)
	require.NoError(t, err)
	require.Equal(t, 1, bounded)
	none, err := w.CountEvents(t.Context(), newID(t), 100)
	require.NoError(t, err)
	require.Zero(t, none)
}

package postgres_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/users"
)

// Every statement has to work in the modes that PgBouncer's transaction mode
// allows. Notifications do not pass it, which WatchRevocations says.
func TestEveryStatementWorksThroughPgBouncersTransactionMode(t *testing.T) {
	address := pgtest.Migrated(t)
	through := pgtest.Bouncer(t, address)
	for _, mode := range []string{"cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			u, err := url.Parse(through)
			require.NoError(t, err)
			q := u.Query()
			q.Set("default_query_exec_mode", mode)
			u.RawQuery = q.Encode()
			s := open(t, u.String(), lifetimes)

			openID := "o" + mode
			l := signIn(openID, start)
			l.UnionID = "u" + mode
			in, err := s.Login(t.Context(), l)
			require.NoError(t, err)
			require.True(t, in.NewUser)
			l = signIn(openID, start.Add(time.Minute))
			again, err := s.Login(t.Context(), l)
			require.NoError(t, err)
			require.Len(t, again.Ended, 1)
			p := auth.Presented{UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, IP: "203.0.113.1", UserAgent: "x", Now: start.Add(time.Hour)}
			for range 3 {
				e, err := s.Rotate(t.Context(), p)
				require.NoError(t, err)
				require.Equal(t, auth.OutcomeRotated, e.Outcome)
				require.Equal(t, time.UTC, e.RotatedAt.Location())
				p.Seq, p.Prev, p.Now = e.Last, e.Used, p.Now.Add(time.Hour)
			}
			nickname := "小明"
			user, err := s.UpdateProfile(t.Context(), in.User.ID, users.ProfilePatch{Nickname: &nickname})
			require.NoError(t, err)
			require.Equal(t, nickname, user.Nickname)
			_, err = s.BindPhone(t.Context(), users.PhoneBinding{
				UserID: in.User.ID, Sealed: []byte{0, 1}, Hashes: [][]byte{[]byte(mode), {0, 0xff}}, Now: start,
			})
			require.NoError(t, err)
			_, err = s.Identity(t.Context(), in.User.ID, l.AppID)
			require.NoError(t, err)
			list, err := s.Sessions(t.Context(), in.User.ID, p.Now)
			require.NoError(t, err)
			require.Len(t, list, 1)
			ended, err := s.EndSession(t.Context(), auth.Ending{UserID: in.User.ID, SessionID: uuid.New(), Reason: auth.ReasonLoggedOut, Now: p.Now})
			require.NoError(t, err)
			require.False(t, ended)
			ids, err := s.EndSessions(t.Context(), auth.Ending{UserID: in.User.ID, Reason: auth.ReasonSignedOut, Now: p.Now})
			require.NoError(t, err)
			require.Equal(t, []uuid.UUID{l.SessionID}, ids)
			revoked, err := s.RevokedSince(t.Context(), start, uuid.Nil, 100)
			require.NoError(t, err)
			require.Len(t, revoked, 2)
			n, err := s.Purge(t.Context(), p.Now.Add(1000*time.Hour), p.Now.Add(1000*time.Hour))
			require.NoError(t, err)
			require.Equal(t, 2, n)
			require.NoError(t, s.Writable(t.Context()))
			require.NoError(t, s.SchemaCurrent(t.Context()))
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.WatchRevocations(ctx, func() { t.Error("woken") }), context.DeadlineExceeded)
			// The server's connections are others' too: they are left as they were.
			others := connect(t, through+"&default_query_exec_mode=exec")
			for query, want := range map[string]string{
				`SHOW enable_indexscan`: "on", `SHOW lock_timeout`: "0", `SHOW idle_in_transaction_session_timeout`: "0",
				`SELECT count(*) FROM pg_listening_channels()`: "0",
			} {
				var got string
				require.NoError(t, others.QueryRowContext(t.Context(), query).Scan(&got))
				require.Equal(t, want, got, query)
			}
		})
	}
}

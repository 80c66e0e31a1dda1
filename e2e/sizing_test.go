//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/store/postgres"
	"github.com/wugan/wugan/users"
)

// TestARowTakesTheBytesThatTheDocumentSays fills a database as life does, by
// logins and refreshes, and measures what docs/en/sizing.md names.
func TestARowTakesTheBytesThatTheDocumentSays(t *testing.T) {
	cluster := pgtest.NewCluster(t)
	name, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	s, err := postgres.Open(t.Context(), cluster.URL(name), auth.Lifetimes{
		AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour, Grace: 10 * time.Second, MaxAge: 2160 * time.Hour, MaxSessions: 20,
	})
	require.NoError(t, err)
	defer s.Close()
	key, err := seal.NewKey(make([]byte, seal.KeySize))
	require.NoError(t, err)
	box := seal.NewBox(key)

	const people, devices, refreshesEach, clients = 5_000, 2, 10, 32
	now := time.Now().UTC().Truncate(time.Microsecond)
	agent := "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50 NetType/WIFI Language/zh_CN"
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			ctx := context.WithoutCancel(t.Context())
			for n := c; n < people; n += clients {
				openID, unionID := fmt.Sprintf("oGZUI0%022d", n), fmt.Sprintf("ocMvos%022d", n)
				sealed, err := box.Seal([]byte("tiihtNczf5v6AKRyjwEUhQ=="), users.SessionKeyAssociatedData(app, openID))
				if err != nil {
					t.Error(err)
					return
				}
				for range devices {
					id := uuid.Must(uuid.NewV7())
					in, err := s.Login(ctx, auth.Login{
						Provider: "wechat", Account: "default", AppID: app, OpenID: openID, UnionID: unionID, SealedSessionKey: sealed, NewUserID: uuid.Must(uuid.NewV7()), SessionID: id,
						Device: auth.Device{ID: uuid.NewString(), Name: "iPhone 15 Pro", UserAgent: agent, IP: "203.0.113.77"}, Now: now,
					})
					if err != nil {
						t.Error(err)
						return
					}
					for seq := range int64(refreshesEach) {
						e, err := s.Rotate(ctx, auth.Presented{
							UserID: in.User.ID, SessionID: id, AppID: app, Seq: seq + 1, Prev: seq, IP: "203.0.113.77", UserAgent: agent, Now: now,
						})
						if err != nil || e.Outcome != auth.OutcomeRotated {
							t.Errorf("%v %s", err, e.Outcome)
							return
						}
					}
				}
				nickname, avatar := "用户"+strconv.Itoa(n), "https://thirdwx.qlogo.cn/mmopen/vi_32/"+strings.Repeat("a", 90)+"/132"
				if _, err := s.UpdateProfile(ctx, holder(t, s, openID), users.ProfilePatch{Nickname: &nickname, AvatarURL: &avatar}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()

	conn, err := pgx.Connect(t.Context(), cluster.Superuser(name))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	// Packed: what lies between the rows depends on how fast they came.
	_, err = conn.Exec(t.Context(), "VACUUM FULL ANALYZE")
	require.NoError(t, err)
	document, err := os.ReadFile(filepath.Join(root, "docs", "en", "sizing.md"))
	require.NoError(t, err)
	measured := map[string]int64{}
	for _, table := range []string{"users", "identities", "sessions", "events"} {
		var rows, heap, indexes int64
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf(
			"SELECT count(*), pg_table_size('%[1]s'), pg_indexes_size('%[1]s') FROM %[1]s", table)).Scan(&rows, &heap, &indexes))
		t.Logf("%s: %d rows, %d bytes a row and %d in indexes, %d in all", table, rows, heap/rows, indexes/rows, (heap+indexes)/rows)
		measured[table] = (heap + indexes) / rows
	}
	var hot, all int64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relname = 'sessions'").Scan(&hot, &all))
	t.Logf("%d of %d updates of sessions in place (HOT)", hot, all)
	for table, bytes := range measured {
		said := regexp.MustCompile("\\| `" + table + "` \\|[^|]*\\| (\\d+) \\|").FindSubmatch(document)
		require.NotNil(t, said, "docs/en/sizing.md has no line for %s", table)
		document, err := strconv.ParseInt(string(said[1]), 10, 64)
		require.NoError(t, err)
		require.InEpsilon(t, document, bytes, 0.3, "docs/en/sizing.md says otherwise of %s", table)
	}
}

// holder finds the user of an identity.
func holder(t *testing.T, s *postgres.Store, openID string) uuid.UUID {
	people, err := s.FindUsers(context.WithoutCancel(t.Context()), users.Query{AppID: app, OpenID: openID, Limit: 1})
	if err != nil || len(people) != 1 {
		t.Errorf("%d people, %v", len(people), err)
		return uuid.Nil
	}
	return people[0].ID
}

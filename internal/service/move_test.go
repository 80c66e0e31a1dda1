package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/users"
)

// givePhone gives a user a number, as getPhoneNumber would.
func (p *pod) givePhone(userID, number string) {
	p.w.t.Helper()
	id := uuid.MustParse(userID)
	key, err := seal.ParseKey(p.w.dataKey)
	require.NoError(p.w.t, err)
	box := seal.NewBox(key)
	sealed, err := box.Seal([]byte(number), users.PhoneAssociatedData(id))
	require.NoError(p.w.t, err)
	_, err = p.service.db.BindPhone(context.Background(), users.PhoneBinding{UserID: id, Sealed: sealed, Hashes: box.Hashes(number), Now: p.w.clock.Now()})
	require.NoError(p.w.t, err)
}

func TestEverySessionLivesOnWithItsTokensAfterTheMoveToPostgreSQL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wugan.db")
	small := newWorld(t, "sqlite:"+path)
	p := small.pod(withOperatorKeys)
	held := map[string]tokens{}
	for i := range 30 {
		name := fmt.Sprint("person", i)
		s := p.signIn(name, map[string]any{"deviceId": "d", "deviceName": "手机"})
		for range i % 3 {
			s = pair(p.refresh(s.refresh))
		}
		held[name] = s
	}
	// One who lost the last answer, one who was logged out, one disabled, one gone.
	lost := p.signIn("lost")
	require.Equal(t, 200, p.refresh(lost.refresh).status)
	out := p.signIn("out")
	require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", "", map[string]any{"refreshToken": out.refresh}).status)
	barred := p.signIn("barred")
	require.Equal(t, 200, p.admin("POST", "/users/"+p.userOf(barred.access)+"/disable", because).status)
	gone := p.signIn("gone")
	goneID := p.userOf(gone.access)
	require.Equal(t, 204, p.admin("DELETE", "/users/"+goneID+"?reason=asked", nil).status)
	id := p.userOf(held["person1"].access)
	p.givePhone(id, "13800000000")
	require.Equal(t, 200, p.admin("PUT", "/users/"+id+"/roles", map[string]any{"roles": []string{"editor"}, "reason": "hired"}).status)
	require.Equal(t, 200, p.admin("PUT", "/users/"+id+"/metadata", map[string]any{"metadata": map[string]any{"tier": "gold"}, "reason": "paid"}).status)
	person := p.admin("GET", "/users/"+id, nil)
	events := p.admin("GET", "/users/"+id+"/events", nil)
	p.server.Close()

	// The same keys and secrets, another database.
	big := *small
	big.database = pgtest.Migrated(t)
	var said strings.Builder
	require.NoError(t, Copy(t.Context(), big.settings(), path, &said))
	require.Contains(t, said.String(), "copied 34 users, 33 identities, 34 sessions and ")
	q := big.pod(withOperatorKeys)
	require.JSONEq(t, string(person.body), string(q.admin("GET", "/users/"+id, nil).body))
	require.JSONEq(t, string(events.body), string(q.admin("GET", "/users/"+id+"/events", nil).body))
	for name, s := range held {
		require.Equal(t, 200, q.me(s.access).status, name)
		next := q.refresh(s.refresh)
		require.Equal(t, 200, next.status, "%s: %s", name, next.body)
	}
	require.Len(t, q.admin("GET", "/users?phone=13800000000", nil).json()["users"], 1)
	big.clock.move(time.Minute) // past the grace
	require.Equal(t, 200, q.refresh(lost.refresh).status)
	require.Equal(t, "session_revoked", q.refresh(out.refresh).code())
	require.Equal(t, "session_revoked", q.me(out.access).code())
	require.Equal(t, "user_disabled", q.refresh(barred.refresh).code())
	require.Equal(t, "session_revoked", q.refresh(gone.refresh).code())
	// A copy is noticed as before: an old token of a session that has moved on.
	victim := q.signIn("person2")
	next := pair(q.refresh(victim.refresh))
	require.Equal(t, 200, q.refresh(next.refresh).status)
	require.Equal(t, "refresh_reused", q.refresh(victim.refresh).code())
	require.Equal(t, false, q.login("person3").json()["newUser"])

	require.ErrorContains(t, Copy(t.Context(), big.settings(), path, &said), "only an empty one can be filled")
	require.Error(t, Copy(t.Context(), big.settings(), path+".none", &said))
	require.NoFileExists(t, path+".none")
}

func TestTheDataKeyChangesWhileTheServiceRuns(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		fresh, err := newDataKey(rand.Read)
		require.NoError(t, err)
		old := w.dataKey
		p := w.pod(withOperatorKeys)
		alice := p.signIn("alice")
		id := p.userOf(alice.access)
		p.givePhone(id, "13800000000")

		// Step by step as docs/en/operate.md says; at each step a pod of the step
		// before is still there.
		pods := []*pod{p, w.pod(withOperatorKeys, func(c *config.Config) { c.DataKeyOld = secret.New(fresh) })}
		check := func() {
			t.Helper()
			for _, p := range pods {
				require.Equal(t, "138****0000", p.login("alice").json()["user"].(map[string]any)["phone"])
				require.Len(t, p.admin("GET", "/users?phone=13800000000", nil).json()["users"], 1)
			}
		}
		check()
		w.dataKey = fresh
		pods = []*pod{pods[1], w.pod(withOperatorKeys, func(c *config.Config) { c.DataKeyOld = secret.New(old) })}
		check()

		// Logins go on meanwhile.
		var stop atomic.Bool
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				if a := pods[n%2].login("alice"); a.status != http.StatusOK {
					t.Errorf("a login beside the rekeying: %s", a.body)
				}
			}
		})
		rekey := func(old string) (said string, err error) {
			c := w.settings()
			c.DataKeyOld = secret.New(old)
			var out strings.Builder
			err = Rekey(t.Context(), c, &out)
			return out.String(), err
		}
		_, err = rekey("")
		require.ErrorContains(t, err, "open with none of the keys", "the phone number's key is missing")
		said, err := rekey(old)
		require.NoError(t, err)
		require.Contains(t, said, "sealed anew")
		stop.Store(true)
		wg.Wait()
		pods = pods[1:] // who still sealed with the old key is gone
		_, err = rekey(old)
		require.NoError(t, err)
		said, err = rekey(old)
		require.NoError(t, err)
		require.Contains(t, said, " 0 sealed anew", "nothing is left to do")

		// Without the old key everything opens.
		pods = []*pod{w.pod(withOperatorKeys)}
		check()
		admin, db, err := Administer(t.Context(), w.settings())
		require.NoError(t, err)
		defer db.Close()
		found, err := admin.Find(t.Context(), users.Query{Limit: 2}, "13800000000")
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, id, found[0].ID.String())
	})
}

func TestAnOldDataKeyThatIsNoneIsNamed(t *testing.T) {
	c := newSQLiteWorld(t).settings()
	c.DataKeyOld = secret.New("not a key")
	_, err := newBox(c)
	require.ErrorContains(t, err, "WUGAN_DATA_KEY_OLD: expected")
	require.NotContains(t, err.Error(), "not a key")
}

// docs/en/operate.md says what to do, and that nothing but phone numbers is lost.
func TestALostDataKeyCostsPhoneNumbersAndNoSession(t *testing.T) {
	document, err := os.ReadFile("../../docs/en/operate.md")
	require.NoError(t, err)
	_, statement, _ := strings.Cut(string(document), "Set a new key and clear them:\n\n```sql\n")
	statement, _, found := strings.Cut(statement, "```")
	require.True(t, found)

	w := newWorld(t, pgtest.Migrated(t))
	p := w.pod()
	alice := p.signIn("alice")
	p.givePhone(p.userOf(alice.access), "13800000000")
	w.dataKey, err = newDataKey(rand.Read)
	require.NoError(t, err)
	p = w.pod()
	a := p.login("alice")
	require.Equal(t, 200, a.status, "a lost key keeps nobody out")
	require.Equal(t, "****", a.json()["user"].(map[string]any)["phone"])
	conn, err := pgx.Connect(t.Context(), w.database)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, err)
	a = p.login("alice")
	require.Equal(t, 200, a.status)
	require.Equal(t, false, a.json()["newUser"])
	require.Empty(t, a.json()["user"].(map[string]any)["phone"])
	require.Equal(t, 200, p.refresh(alice.refresh).status, "no session is lost")
}

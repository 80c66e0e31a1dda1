package service

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/internal/userimport"
	"github.com/wugan/wugan/users"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestABackupIsTakenBesideTheServiceAndRestoredWithoutIt(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	c := w.settings()
	p := w.pod()
	alice := p.signIn("alice")
	backup := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, Backup(t.Context(), c, backup))
	require.Error(t, Backup(t.Context(), c, backup), "nothing is written over")
	bob := p.signIn("bob")
	p.stop() // a process does not notice that it has the file open itself; see cmd/wugan
	require.NoError(t, Restore(t.Context(), c, backup))
	p = w.pod()
	require.Equal(t, 200, p.me(alice.access).status)
	require.NotEqual(t, 200, p.me(bob.access).status, "bob came after the backup")
	p.stop()

	missing := Restore(t.Context(), c, filepath.Join(t.TempDir(), "none.db"))
	require.Error(t, missing)
	require.NotContains(t, missing.Error(), "none.db")
	c.DatabaseURL = secret.New(pgtest.Empty(t))
	require.ErrorContains(t, Backup(t.Context(), c, backup), "pg_dump")
	require.ErrorContains(t, Restore(t.Context(), c, backup), "pg_restore")
}

func TestAFileThatIsNoDatabaseIsNamedByItsSettingAlone(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	c := w.settings()
	_, err := OpenExisting(t.Context(), c)
	require.ErrorContains(t, err, "WUGAN_DATABASE_URL: expected a database that is there")

	path := filepath.Join(t.TempDir(), "hunter2.db")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 500)), 0o600))
	c.DatabaseURL = secret.New("sqlite:" + path)
	_, err = OpenExisting(t.Context(), c)
	require.ErrorContains(t, err, "WUGAN_DATABASE_URL: expected sqlite:PATH")
	require.NotContains(t, err.Error(), "hunter2")
	_, err = New(t.Context(), c, Options{}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "WUGAN_DATABASE_URL: expected sqlite:PATH")
	require.NotContains(t, err.Error(), "hunter2")

	c.DatabaseURL = secret.New(pgtest.Empty(t))
	_, err = OpenExisting(t.Context(), c)
	require.Error(t, err, "it was not migrated")
	_, _, err = Administer(t.Context(), c)
	require.Error(t, err)
	c.DatabaseURL = secret.New("postgres://127.0.0.1:1/none?sslmode=disable")
	_, err = OpenExisting(t.Context(), c)
	require.ErrorIs(t, err, users.ErrUnavailable)
}

func TestAnOperatorWithoutTheDataKeyDoesEverythingButPhoneNumbers(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		require.Equal(t, 200, p.bindPhone(mine.access, w.phoneCode("alice")).status)
		id := uuid.MustParse(p.userOf(mine.access))
		c := w.settings()
		with, db, err := Administer(t.Context(), c)
		require.NoError(t, err)
		defer db.Close()
		person, err := with.Person(t.Context(), id)
		require.NoError(t, err)
		require.NotEqual(t, "****", person.Phone.String())

		c.DataKey = secret.String{}
		without, other, err := Administer(t.Context(), c)
		require.NoError(t, err)
		defer other.Close()
		person, err = without.Person(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "****", person.Phone.String(), "it cannot be opened")
		box := optionalBox{}
		require.Empty(t, box.Hashes("+8613800001111"))
		_, err = box.Seal([]byte("+8613800001111"), "a user")
		require.ErrorContains(t, err, "WUGAN_DATA_KEY: expected")

		c.DataKey = secret.New("short")
		_, _, err = Administer(t.Context(), c)
		require.ErrorContains(t, err, "WUGAN_DATA_KEY: expected")
	})
}

func TestImportedPeopleAreThoseWhoLogIn(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		file := strings.NewReader("appId,openid,nickname,phone\n" +
			appID + "," + fakewechat.OpenID(appID, "alice") + ",小明,13800001111\n" +
			appID + "," + fakewechat.OpenID(appID, "bob") + ",,\n")
		var problems []string
		job := userimport.Job{
			Problem:  func(_ int, problem string) { problems = append(problems, problem) },
			Progress: func(int, int) {},
		}
		trial := job
		trial.DryRun = true
		r, err := ImportUsers(t.Context(), w.settings(), trial, file)
		require.NoError(t, err)
		require.Equal(t, userimport.Result{Lines: 2, Created: 2}, r)
		for _, want := range []userimport.Result{{Lines: 2, Created: 2}, {Lines: 2, Known: 2}} {
			_, err = file.Seek(0, io.SeekStart)
			require.NoError(t, err)
			r, err = ImportUsers(t.Context(), w.settings(), job, file)
			require.NoError(t, err)
			require.Equal(t, want, r)
		}
		require.Empty(t, problems)
		a := p.login("alice")
		require.Equal(t, false, a.json()["newUser"])
		user, _ := a.json()["user"].(map[string]any)
		require.Equal(t, "小明", user["nickname"])

		c := w.settings()
		c.DataKey = secret.String{}
		_, err = file.Seek(0, io.SeekStart)
		require.NoError(t, err)
		r, err = ImportUsers(t.Context(), c, job, file)
		require.NoError(t, err)
		require.Equal(t, 1, r.Problems, "a phone number needs the key")
		require.Equal(t, 2, r.Withheld)
		c.WechatApps = secret.New("nonsense")
		_, err = ImportUsers(t.Context(), c, job, file)
		require.ErrorContains(t, err, "WUGAN_WECHAT_APPS: expected")
		c = w.settings()
		c.DataKey = secret.New("short")
		_, err = ImportUsers(t.Context(), c, job, file)
		require.ErrorContains(t, err, "WUGAN_DATA_KEY: expected")
		c = w.settings()
		c.DatabaseURL = secret.New("sqlite:" + filepath.Join(t.TempDir(), "none.db"))
		_, err = ImportUsers(t.Context(), c, job, file)
		require.ErrorContains(t, err, "WUGAN_DATABASE_URL: expected")
	})
}

// The loop of the running service, of which one pass is looked at.
func TestDeadSessionsAndOldEventsGoByThemselves(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(withOperatorKeys)
		mine := p.signIn("alice")
		id := p.userOf(mine.access)
		require.Equal(t, 204, p.do("POST", "/api/v1/auth/logout", mine.access, nil).status)
		w.clock.move(60 * 24 * time.Hour)
		p.signIn("bob")
		left := func() (sessions, events int) {
			list, _ := p.admin("GET", "/users/"+id+"/sessions?all=true", nil).json()["sessions"].([]any)
			told, _ := p.admin("GET", "/users/"+id+"/events", nil).json()["events"].([]any)
			return len(list), len(told)
		}
		sessions, told := left()
		require.Equal(t, 1, sessions)
		require.NotZero(t, told)
		c := w.settings()
		c.EventsKeep = 30 * 24 * time.Hour
		log, err := newLogger(c, w.log)
		require.NoError(t, err)
		p.service.purgeAndLog(t.Context(), keepingOf(c), log)
		p.service.purgeEvents(t.Context(), keepingOf(c).events, log)
		sessions, told = left()
		require.Zero(t, sessions)
		require.Zero(t, told)
		require.Contains(t, w.log.String(), "dead sessions removed")
		require.Contains(t, w.log.String(), "old events removed")
		p.service.purgeEvents(t.Context(), 0, log) // 0 keeps them for ever
	})
}

func TestACheckGoesOnWhereSomethingIsWrong(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		w.pod().stop() // it made the schema
		wrong := func(c config.Config) (names []string) {
			for _, f := range Check(t.Context(), c, nil, true) {
				if !f.OK {
					names = append(names, f.Name)
				}
				require.NotContains(t, f.Detail, appSecret)
			}
			return names
		}
		good := w.settings()
		good.Addr = "127.0.0.1:1" // where nothing runs
		require.Empty(t, wrong(good))
		require.Equal(t, []Finding{{Name: "settings", OK: false, Detail: io.ErrUnexpectedEOF.Error()}},
			Check(t.Context(), good, io.ErrUnexpectedEOF, true))

		bad := good
		bad.Issuer, bad.WechatPush = "", secret.New("hunter2")
		bad.DataKey = secret.New("short")
		bad.AccessKeys = filepath.Join(t.TempDir(), "none.jwks")
		bad.DatabaseURL = secret.New("sqlite:" + filepath.Join(t.TempDir(), "none.db"))
		w.wechat.AddApp(otherApp, "another-secret-of-the-app-0123456789", "platform")
		require.Equal(t, []string{"needed to serve", "signing keys", "data key", "message push", "database", "platform of " + otherApp}, wrong(bad))

		late := good
		late.TLSCert, late.TLSKey, _ = writeCertificate(t, t.TempDir(), "auth.example.com", 1)
		require.NotContains(t, wrong(late), "certificate")
		late.TLSKey = filepath.Join(t.TempDir(), "none.key")
		require.Contains(t, wrong(late), "certificate")
	})
}

package service

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/users"
)

// claims reads a token without a check.
func claims(t *testing.T, token string) (c struct{ Iat, Exp int64 }) {
	t.Helper()
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &c))
	return c
}

func TestPodsWithDifferentClocksGiveOneTokenOneSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Migrated(t))
	ahead, behind := w.podAhead(11*time.Second), w.podAhead(0)
	mine := behind.signIn("alice")
	for range 5 {
		answers := make([]answer, 2)
		var wg sync.WaitGroup
		for i, p := range []*pod{behind, ahead} {
			wg.Go(func() {
				a, err := p.try("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": mine.refresh})
				if err == nil {
					answers[i] = a
				}
			})
		}
		wg.Wait()
		for _, a := range answers {
			require.Equal(t, 200, a.status, "%s", a.body)
			require.Equal(t, answers[0].text("refreshToken"), a.text("refreshToken"), "within the grace, by the one clock that counts")
			c := claims(t, a.text("accessToken"))
			require.InDelta(t, time.Now().Unix(), c.Iat, 2)
			require.EqualValues(t, 4*3600, c.Exp-c.Iat)
		}
		mine = pair(answers[0])
	}
}

func TestAPodWhoseClockIsWrongEndsNoLivingSession(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{8 * 24 * time.Hour, -8 * time.Hour, 61 * time.Second} {
		w := newWorld(t, pgtest.Migrated(t))
		right, wrong := w.podAhead(0), w.podAhead(ahead)
		mine := right.signIn("alice")
		require.ErrorContains(t, wrong.service.mayPurge(), "clock", "%s ahead", ahead)
		require.NoError(t, right.service.mayPurge())
		c := w.settings()
		_, err := purgeOnce(t.Context(), wrong.service.db, keeping{accessTTL: c.AccessTTL}, nil, wrong.service.clock.Now())
		require.NoError(t, err)
		for _, p := range []*pod{right, wrong} {
			require.Equal(t, 200, p.me(mine.access).status)
			next := p.refresh(mine.refresh)
			require.Equal(t, 200, next.status, "%s", next.body)
			mine = pair(next)
		}
		require.Contains(t, w.log.String(), "clock differs")
		require.Regexp(t, `wugan_clock_skew_seconds -?[0-9.e+]+`, wrong.scrape())
	}
}

func TestALogoutOnAPodThatIsBehindReachesTheOthersAtOnce(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-320 * time.Second, -8 * 24 * time.Hour, 5 * time.Hour} {
		w := newWorld(t, pgtest.Migrated(t))
		right, wrong := w.podAhead(0), w.podAhead(ahead)
		for _, pods := range [][2]*pod{{wrong, right}, {right, wrong}} {
			mine := pods[0].signIn("alice")
			require.Equal(t, 200, pods[1].me(mine.access).status)
			require.Equal(t, 204, pods[0].do("POST", "/api/v1/auth/logout", mine.access, nil).status)
			require.Eventually(t, func() bool { return pods[1].me(mine.access).code() == "session_revoked" }, 2*time.Second, 20*time.Millisecond)
		}
	}
}

// Before the database was read, the machine's clock must not judge a token.
func TestUntilTheTimeIsKnownNothingIsIssuedOrJudged(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	name, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	w := newWorld(t, cluster.URL(name))
	mine := w.podAhead(0).signIn("alice")
	require.NoError(t, cluster.Stop(t.Context()))
	fresh := w.startingWith(Options{Wall: func() time.Time { return time.Now().Add(8 * 24 * time.Hour) }}, withOperatorKeys)
	code := w.code(appID, "alice")
	for _, a := range []answer{
		fresh.refresh(mine.refresh), fresh.do("POST", "/api/v1/auth/logout", "", map[string]any{"refreshToken": mine.refresh}),
		fresh.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": appID, "code": code}),
	} {
		expect(t, a, 503, "database_unavailable")
	}
	require.NoError(t, cluster.Start(t.Context()))
	fresh.awaitReady()
	require.Equal(t, 200, fresh.refresh(mine.refresh).status)
	require.Equal(t, 200, fresh.do("POST", "/api/v1/auth/login", "", map[string]any{"appId": appID, "code": code}).status, "the code was not spent")
}

func TestAFileFromAnotherTimeIsNotPurgedForADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	w.clock.move(-48 * time.Hour)
	w.pod().signIn("alice")
	w.clock.move(48 * time.Hour)

	p := w.pod()
	require.ErrorContains(t, p.service.mayPurge(), "wugan sessions purge")
	require.Contains(t, w.log.String(), "nothing is purged for a day")
	p.service.holdUntil.Store(new(time.Now())) // a day has passed
	require.NoError(t, p.service.mayPurge())
	p.signIn("bob")
	require.NoError(t, w.pod().service.mayPurge(), "somebody has signed in since")

	// What an operator does by the command: dead sessions go, living ones stay.
	c := w.settings()
	n, err := PurgeNow(t.Context(), p.service.db, c)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestACommandTakesTheTimeOfTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Migrated(t))
	p := w.podAhead(0)
	for _, ahead := range []time.Duration{-8 * time.Hour, 8 * 24 * time.Hour} {
		mine := p.signIn("alice")
		c := w.settings()
		admin, db, err := administer(t.Context(), c, auth.NewClock(func() time.Time { return time.Now().Add(ahead) }, slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		require.NoError(t, admin.EndSession(t.Context(), users.Change{Actor: "li.wei", Reason: "ticket 4711"}, uuid.MustParse(p.sessionOf(mine.access))))
		require.NoError(t, db.Close())
		require.Eventually(t, func() bool { return p.me(mine.access).code() == "session_revoked" }, 2*time.Second, 20*time.Millisecond)
		require.Equal(t, "session_revoked", p.refresh(mine.refresh).code())
	}
}

// finding is what wugan check says of one thing; nil where it says nothing.
func finding(list []Finding, name string) *Finding {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

func TestACheckAsksTheRunningServiceForItsClock(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod()
	check := func() []Finding {
		c := w.settings()
		c.Addr = strings.TrimPrefix(p.server.URL, "http://")
		return Check(t.Context(), c, nil, false)
	}
	of := func(name string) Finding {
		f := finding(check(), name)
		require.NotNil(t, f, name)
		return *f
	}
	require.Equal(t, Finding{"running service", true, "ready"}, of("running service"))
	require.True(t, of("clock of the service").OK)
	require.Nil(t, finding(check(), "purge"))

	// The machine's clock was ten minutes behind at the start, and then set.
	w.clock.move(-10 * time.Minute)
	f := of("clock of the service")
	require.False(t, f.OK)
	require.Contains(t, f.Detail, "10m0s ahead of that of the service")
	require.Contains(t, f.Detail, "restart the service")
	w.clock.move(10*time.Minute + 8*time.Hour)
	require.Contains(t, of("clock of the service").Detail, "8h0m0s behind that of the service")
	p.signIn("alice")
	require.Contains(t, of("clock and file").Detail, "8h0m0s behind the newest time in the file")
	w.clock.move(-8 * time.Hour)
	require.True(t, of("clock of the service").OK)

	until := time.Now().Add(time.Hour)
	p.service.holdUntil.Store(&until)
	f = of("purge")
	require.False(t, f.OK)
	require.Contains(t, f.Detail, "nothing is purged until "+until.UTC().Format(time.RFC3339))

	p.server.Close()
	require.Equal(t, Finding{"running service", true, "none answers on WUGAN_ADDR"}, of("running service"))
	foreign := httptest.NewServer(http.NotFoundHandler())
	defer foreign.Close()
	c := w.settings()
	c.Addr = strings.TrimPrefix(foreign.URL, "http://")
	require.Contains(t, finding(Check(t.Context(), c, nil, false), "running service").Detail, "another program")
}

func TestACheckSaysThatTheRunningServiceIsDegraded(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	name, err := cluster.CreateMigrated(t.Context())
	require.NoError(t, err)
	w := newWorld(t, cluster.URL(name))
	p := w.podAhead(0)
	c := w.settings()
	c.Addr = strings.TrimPrefix(p.server.URL, "http://")
	list := Check(t.Context(), c, nil, false)
	require.True(t, finding(list, "running service").OK)
	require.True(t, finding(list, "clock").OK)
	require.Nil(t, finding(list, "clock of the service"), "it is that of the database")
	require.NoError(t, cluster.Stop(t.Context()))
	require.Eventually(t, func() bool { return p.readiness() == "degraded" }, 5*time.Second, 20*time.Millisecond)
	list = Check(t.Context(), c, nil, false)
	require.False(t, finding(list, "database").OK)
	require.Contains(t, finding(list, "running service").Detail, "degraded")
}

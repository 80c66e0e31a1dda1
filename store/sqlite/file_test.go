package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

var lifetimes = auth.Lifetimes{
	AccessTTL: 4 * time.Hour, RefreshTTL: 7 * 24 * time.Hour, Grace: 10 * time.Second, MaxAge: 90 * 24 * time.Hour, MaxSessions: 20,
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func signIn(openID string) auth.Login {
	return auth.Login{
		Provider: "wechat", Account: "default", AppID: "wx0000000000000001", OpenID: openID, SealedSessionKey: []byte("sealed"),
		NewUserID: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7()), Now: start,
	}
}

func enter(t testing.TB, s *sqlite.Store, openID string) auth.Presented {
	t.Helper()
	l := signIn(openID)
	in, err := s.Login(t.Context(), l)
	require.NoError(t, err)
	return auth.Presented{UserID: in.User.ID, SessionID: l.SessionID, AppID: l.AppID, Seq: 1, Now: start}
}

func TestTheFileIsReadableByItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fresh.db")
	s := open(t, path, lifetimes)
	require.NoError(t, s.Ping(t.Context()))
	path2 := migrated(t)
	enter(t, open(t, path2, lifetimes), "o1")
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(path2)} {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.NotEmpty(t, entries)
		for _, e := range entries { // the -wal and -shm files, too
			info, err := e.Info()
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), e.Name())
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path2))
	require.NoError(t, err)
	require.Len(t, entries, 3, "the write-ahead log is in use")
}

func TestAFileThatCannotBeADatabaseFailsTheStart(t *testing.T) {
	for name, path := range map[string]string{
		"memory":       ":memory:",
		"nothing":      "",
		"no directory": filepath.Join(t.TempDir(), "missing", "x.db"),
		"a directory":  t.TempDir(),
	} {
		_, err := sqlite.Open(t.Context(), path, lifetimes)
		require.Error(t, err, name)
	}
	path := filepath.Join(t.TempDir(), "photo.db")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600))
	_, err := sqlite.Open(t.Context(), path, lifetimes)
	require.ErrorContains(t, err, "not a database")
}

func TestAWriterWhoHoldsTheFileTooLongIsAnOutage(t *testing.T) {
	t.Parallel()
	path := migrated(t)
	s := open(t, path, lifetimes)
	p := enter(t, s, "o1")
	other, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_txlock=immediate")
	require.NoError(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Writable(ctx), users.ErrUnavailable)
	_, err = s.EndSession(ctx, auth.Ending{UserID: p.UserID, SessionID: p.SessionID, Now: start})
	require.ErrorIs(t, err, users.ErrUnavailable)
	// Groups have a patience of their own, whatever the callers' is.
	began := time.Now()
	var errExchange, errLogin error
	var both sync.WaitGroup
	both.Go(func() { _, errExchange = s.Rotate(t.Context(), p) })
	both.Go(func() { _, errLogin = s.Login(t.Context(), signIn("o1")) })
	both.Wait()
	require.ErrorIs(t, errExchange, users.ErrUnavailable)
	require.ErrorIs(t, errLogin, users.ErrUnavailable)
	require.Less(t, time.Since(began), 8*time.Second)

	// Readers go on.
	list, err := s.Sessions(t.Context(), p.UserID, start)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, s.Ping(t.Context()))

	require.NoError(t, tx.Rollback())
	e, err := s.Rotate(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, auth.OutcomeRotated, e.Outcome, "what failed had changed nothing")
	require.NoError(t, s.Writable(t.Context()))
}

func TestADiskThatIsFullIsAnOutage(t *testing.T) {
	path := migrated(t)
	s := open(t, path, lifetimes)
	p := enter(t, s, "o1")
	sqlite.LimitPages(t, s)
	var err error
	for i := range 10_000 {
		if _, err = s.Login(t.Context(), signIn("o"+strconv.Itoa(i))); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, users.ErrUnavailable)
	require.ErrorContains(t, err, "full")
	e, err := s.Rotate(t.Context(), p)
	require.NoError(t, err, "what needs no room goes on")
	require.Equal(t, auth.OutcomeRotated, e.Outcome)
}

func TestAMissingSchemaAndAClosedStoreAreOutages(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "empty.db"), lifetimes)
	require.NoError(t, err)
	check := func() {
		t.Helper()
		_, err = s.Login(t.Context(), signIn("o1"))
		require.ErrorIs(t, err, users.ErrUnavailable)
		_, err = s.Rotate(t.Context(), auth.Presented{Now: start})
		require.ErrorIs(t, err, users.ErrUnavailable)
		_, err = s.User(t.Context(), uuid.New())
		require.ErrorIs(t, err, users.ErrUnavailable)
		_, err = s.RevokedSince(t.Context(), start, uuid.Nil, 100)
		require.ErrorIs(t, err, users.ErrUnavailable)
		_, err = s.Purge(t.Context(), start, start)
		require.ErrorIs(t, err, users.ErrUnavailable)
	}
	check()
	require.NoError(t, s.Close())
	check()
	require.ErrorIs(t, s.Ping(t.Context()), users.ErrUnavailable)
	require.ErrorIs(t, s.Writable(t.Context()), users.ErrUnavailable)
	require.ErrorIs(t, s.WatchRevocations(t.Context(), func() {}), users.ErrUnavailable)
}

func TestACommitThatWasAnsweredIsOnTheDisk(t *testing.T) {
	s := open(t, migrated(t), lifetimes)
	require.Equal(t, map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "0",
	}, sqlite.Pragmas(t, s))
}

// childEnv makes the test binary act as another process on the file.
const childEnv = "WUGAN_TEST_SQLITE_CHILD"

// TestTwoProcessesShareAFile runs this test binary again as the other process,
// as the command line is beside the server.
func TestTwoProcessesShareAFile(t *testing.T) {
	if path := os.Getenv(childEnv); path != "" {
		child(t, path)
		return
	}
	path := migrated(t)
	s := open(t, path, lifetimes)
	p := enter(t, s, "shared")

	woken := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watching := make(chan error, 1)
	go func() {
		watching <- s.WatchRevocations(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()

	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwoProcessesShareAFile$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	answers := make(chan string, 1000)
	go func() {
		defer close(answers)
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "child: "); ok {
				answers <- text
			}
		}
	}()
	require.Equal(t, "began", <-answers)

	// Both write as fast as they can.
	for i := range 200 {
		_, err := s.Login(t.Context(), signIn("parent"+strconv.Itoa(i)))
		require.NoError(t, err)
		p.Now = p.Now.Add(time.Minute)
		e, err := s.Rotate(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, auth.OutcomeRotated, e.Outcome)
		p.Seq, p.Prev = e.Last, e.Used
	}
	require.Equal(t, "200 logins", <-answers)

	// What the other process ends is noticed.
	for len(woken) > 0 {
		<-woken
	}
	_, err = fmt.Fprintln(in, "go on")
	require.NoError(t, err)
	require.Equal(t, "ended", <-answers)
	select {
	case <-woken:
	case <-time.After(time.Second):
		t.Fatal("not woken within a second")
	}
	e, err := s.Rotate(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, auth.OutcomeRevoked, e.Outcome)
	for range answers { // until its end
	}
	require.NoError(t, cmd.Wait())
	cancel()
	require.Error(t, <-watching)
}

func child(t *testing.T, path string) {
	t.Helper()
	s := open(t, path, lifetimes)
	fmt.Println("child: began")
	for i := range 200 {
		_, err := s.Login(t.Context(), signIn("child"+strconv.Itoa(i)))
		require.NoError(t, err)
	}
	fmt.Println("child: 200 logins")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n') // the parent is ready to be woken
	require.NoError(t, err)
	in, err := s.Login(t.Context(), signIn("shared"))
	require.NoError(t, err)
	ended, err := s.EndSessions(t.Context(), auth.Ending{UserID: in.User.ID, Reason: auth.ReasonOperator, Actor: "cli", Now: start.Add(time.Hour)})
	require.NoError(t, err)
	require.Len(t, ended, 2)
	fmt.Println("child: ended")
}

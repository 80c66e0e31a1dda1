package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

const (
	firstApp  = "wx4f4bc4dec97d474b"
	secondApp = "wx0123456789abcdef"
)

// lobby is a Service on a SQLite file, with what a test changes or reads about it.
type lobby struct {
	*auth.Service
	t        *testing.T
	store    *sqlite.Store
	people   *users.Service
	verifier *verify.Verifier
	mu       sync.Mutex
	offset   time.Duration
	outcomes []string
}

func (l *lobby) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Add(l.offset)
}

func (l *lobby) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offset += d
}

// ExchangeCode takes the code NAME or NAME/PHONE: the second is a number that the
// provider says unasked.
func (*lobby) ExchangeCode(_ context.Context, _, code string) (auth.ProvenIdentity, error) {
	name, phone, _ := strings.Cut(code, "/")
	if name == "spent" {
		return auth.ProvenIdentity{}, &users.ProviderError{Reason: users.CodeUsed, Provider: "wechat"}
	}
	p := auth.ProvenIdentity{Provider: "wechat", Account: "default", OpenID: name, UnionID: "union-" + name, SessionKey: secret.New("key-of-" + name)}
	if phone != "" {
		p.Phone = users.GivenPhone{Number: users.Phone(phone), Country: "86"}
	}
	return p, nil
}

func (*lobby) PhoneNumber(_ context.Context, _, _, code string) (users.GivenPhone, error) {
	if code == "spent" {
		return users.GivenPhone{}, &users.ProviderError{Reason: users.CodeUsed}
	}
	return users.GivenPhone{Number: users.Phone(code), Country: "86"}, nil
}

func (*lobby) SessionKeyValid(context.Context, string, string, string) (bool, error) {
	return true, nil
}

func (*lobby) Decrypt(string, string, string, string) (json.RawMessage, error) {
	return nil, errors.ErrUnsupported
}

func (l *lobby) LoggedIn(app, outcome string) { l.outcomes = append(l.outcomes, app+" "+outcome) }
func (l *lobby) Refreshed(app string, o auth.Outcome) {
	l.outcomes = append(l.outcomes, app+" "+string(o))
}

func (l *lobby) Repeated(app string, o auth.Outcome) {
	l.outcomes = append(l.outcomes, app+" again "+string(o))
}

func newLobby(t *testing.T, change ...func(*auth.Config)) *lobby {
	t.Helper()
	l := &lobby{t: t}
	path := filepath.Join(t.TempDir(), "wugan.db")
	runner, err := migrations.Open(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	_, err = runner.Up(t.Context())
	require.NoError(t, err)
	require.NoError(t, runner.Close())
	c := auth.Config{
		Issuer: "https://auth.example.com", Audience: "https://api.example.com", Apps: []string{firstApp, secondApp}, DefaultApp: firstApp,
		Lifetimes:  auth.Lifetimes{AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour, Grace: 10 * time.Second, MaxSessions: 5},
		AccessKeys: auth.NewKeyring(newSet(t, newKey(t, verify.ES256, time.Time{}))), RefreshKeys: auth.NewKeyring(newSet(t, newKey(t, verify.HS256, time.Time{}))),
		Exchanger: l, Now: l.now, Observer: l,
	}
	for _, f := range change {
		f(&c)
	}
	l.store, err = sqlite.Open(t.Context(), path, c.Lifetimes)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.store.Close()) })
	key, err := seal.ParseKey("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=")
	require.NoError(t, err)
	box := seal.NewBox(key)
	c.Revocations = auth.NewRevocations(c.Lifetimes.AccessTTL, auth.TrustedClock(l.now), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.Revocations.Run(ctx, l.store) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	<-c.Revocations.Known()
	l.people = users.New(l.store, l, box, 0, l.now)
	c.Store, c.Tickets, c.Vault, c.People = l.store, l.store, box, l.people
	l.Service, err = auth.New(c)
	require.NoError(t, err)
	l.verifier = verify.New(c.Issuer, c.Audience, c.AccessKeys, verify.WithRevocations(c.Revocations), verify.WithClock(l.now))
	return l
}

// login logs in a name that must succeed.
func (l *lobby) login(code string, d auth.Device) auth.LoginResult {
	l.t.Helper()
	result, err := l.Login(l.t.Context(), auth.LoginRequest{Code: code, Device: d})
	require.NoError(l.t, err)
	return result
}

// claims verifies an access token.
func (l *lobby) claims(t auth.Tokens) (*verify.Claims, error) {
	return l.verifier.Verify(l.t.Context(), t.AccessToken.Reveal())
}

// gone requires that a session's access token is refused for a reason.
func (l *lobby) gone(t auth.Tokens, want auth.Reason) {
	l.t.Helper()
	_, err := l.claims(t)
	var ended *verify.RevokedError
	require.ErrorAs(l.t, err, &ended)
	require.Equal(l.t, string(want), ended.Reason)
}

func TestALoginFindsOrCreatesTheUserAndOpensASession(t *testing.T) {
	t.Parallel()
	l := newLobby(t, func(c *auth.Config) {
		c.IdentityClaims, c.MetadataClaims = []string{"openid", "unionid"}, []string{"tier"}
	})
	first := l.login("alice", auth.Device{})
	require.True(t, first.NewUser)
	require.Equal(t, firstApp, first.AppID, "where the request names none")
	again := l.login("alice", auth.Device{})
	require.False(t, again.NewUser)
	require.Equal(t, first.User.ID, again.User.ID)
	require.NotEqual(t, first.Tokens.SessionID, again.Tokens.SessionID)

	claims, err := l.claims(first.Tokens)
	require.NoError(t, err)
	require.Equal(t, first.User.ID.String(), claims.Subject)
	require.Equal(t, first.Tokens.SessionID.String(), claims.SessionID)
	require.Equal(t, map[string]any{"openid": "alice", "unionid": "union-alice"}, claims.Extra)
	require.Equal(t, 4*time.Hour, first.Tokens.ExpiresIn)
	require.Equal(t, 168*time.Hour, first.Tokens.RefreshExpiresIn)

	for _, c := range []struct {
		request auth.LoginRequest
		want    error
	}{
		{auth.LoginRequest{Code: "alice", AppID: "wx0"}, auth.ErrUnknownApp},
		{auth.LoginRequest{Code: ""}, nil},
		{auth.LoginRequest{Code: "eve", Admit: func(app, name string) error {
			require.Equal(t, firstApp+" eve", app+" "+name)
			return auth.ErrTooManyLogins
		}}, auth.ErrTooManyLogins},
	} {
		_, err = l.Login(t.Context(), c.request)
		require.Error(t, err)
		if c.want != nil {
			require.ErrorIs(t, err, c.want)
		}
	}
	_, err = l.Login(t.Context(), auth.LoginRequest{Code: "spent", AppID: secondApp})
	var provider *users.ProviderError
	require.ErrorAs(t, err, &provider)
	require.Equal(t, []string{
		firstApp + " new_user", firstApp + " known_user", " unknown_app", firstApp + " error", firstApp + " rate_limited", secondApp + " code_used",
	}, l.outcomes, "each outcome is counted once")
}

func TestADeviceHasOneSessionAndAUserSoManyOfThem(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	phone := auth.Device{ID: "phone", Name: "iPhone"}
	first := l.login("alice", phone)
	second := l.login("alice", phone)
	l.gone(first.Tokens, auth.ReasonReplaced)
	for range 5 {
		l.pass(time.Second)
		l.login("alice", auth.Device{})
	}
	l.gone(second.Tokens, auth.ReasonEvicted)
	list, err := l.Sessions(t.Context(), first.User.ID)
	require.NoError(t, err)
	require.Len(t, list, 5)
	now := l.now()
	require.Equal(t, "live", list[0].State(now))
	require.Equal(t, "expired", list[0].State(now.Add(200*time.Hour)))
	list[0].RevokedAt = &now
	require.Equal(t, "ended", list[0].State(now))
}

func TestARefreshTokenIsRotatedAndACopyEndsTheSession(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	first := l.login("alice", auth.Device{}).Tokens
	refresh := func(t auth.Tokens) (auth.Tokens, error) {
		return l.Refresh(l.t.Context(), auth.RefreshRequest{RefreshToken: t.RefreshToken.Reveal(), AppID: firstApp})
	}
	second, err := refresh(first)
	require.NoError(t, err)
	repeated, err := refresh(first)
	require.NoError(t, err)
	require.Equal(t, second.RefreshToken.Reveal(), repeated.RefreshToken.Reveal(), "a lost response is repeated")
	third, err := refresh(second)
	require.NoError(t, err)

	_, err = l.Refresh(t.Context(), auth.RefreshRequest{RefreshToken: third.RefreshToken.Reveal(), AppID: secondApp})
	require.ErrorIs(t, err, auth.ErrRefreshInvalid, "another app's")
	for _, text := range []string{"", "x", third.AccessToken.Reveal()} {
		_, err = l.Refresh(t.Context(), auth.RefreshRequest{RefreshToken: text})
		require.ErrorIs(t, err, auth.ErrRefreshInvalid)
	}

	l.pass(time.Minute)
	named, err := refresh(first)
	require.ErrorIs(t, err, auth.ErrRefreshReused)
	require.Equal(t, first.SessionID, named.SessionID, "for the log")
	require.Empty(t, named.RefreshToken.Reveal())
	_, err = refresh(third)
	require.ErrorIs(t, err, auth.ErrSessionRevoked, "its owner has lost the session, too")
	_, err = l.claims(third)
	require.ErrorIs(t, err, verify.ErrRevoked)

	late := l.login("bob", auth.Device{}).Tokens
	l.pass(169 * time.Hour)
	_, err = refresh(late)
	require.ErrorIs(t, err, auth.ErrRefreshExpired)
	_, err = l.Logout(t.Context(), late.RefreshToken.Reveal())
	require.NoError(t, err, "its session has ended")
}

func TestSessionsEndForTheReasonThatEndedThem(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	one, two, three := l.login("alice", auth.Device{}), l.login("alice", auth.Device{}), l.login("alice", auth.Device{})
	id := one.User.ID
	named, err := l.Logout(t.Context(), one.Tokens.RefreshToken.Reveal())
	require.NoError(t, err)
	require.Equal(t, one.Tokens.SessionID, named.SessionID)
	l.gone(one.Tokens, auth.ReasonLoggedOut)
	_, err = l.Refresh(t.Context(), auth.RefreshRequest{RefreshToken: one.Tokens.RefreshToken.Reveal()})
	var revoked *auth.RevokedError
	require.ErrorAs(t, err, &revoked)
	require.Equal(t, auth.ReasonLoggedOut, revoked.Reason)

	require.ErrorIs(t, l.EndSession(t.Context(), id, two.Tokens.SessionID, uuid.New()), auth.ErrNoSession)
	require.ErrorIs(t, l.EndSession(t.Context(), uuid.New(), two.Tokens.SessionID, two.Tokens.SessionID), auth.ErrNoSession)
	require.NoError(t, l.EndSession(t.Context(), id, two.Tokens.SessionID, three.Tokens.SessionID))
	l.gone(three.Tokens, auth.ReasonSignedOut)
	require.NoError(t, l.EndSession(t.Context(), id, two.Tokens.SessionID, two.Tokens.SessionID))
	l.gone(two.Tokens, auth.ReasonLoggedOut)

	four := l.login("alice", auth.Device{})
	require.NoError(t, l.LogoutAll(t.Context(), id, four.Tokens.SessionID))
	l.gone(four.Tokens, auth.ReasonSignedOut)
	list, err := l.Sessions(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestATicketIsForOneLogin(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	alice := l.login("alice", auth.Device{})
	issue := func(audience string) string {
		ticket, err := l.IssueTicket(t.Context(), alice.User.ID, alice.Tokens.SessionID, firstApp, audience)
		require.NoError(t, err)
		return ticket.Reveal()
	}
	redeem := func(r auth.TicketRequest) error {
		_, err := l.LoginByTicket(t.Context(), r)
		return err
	}
	ticket := issue("")
	result, err := l.LoginByTicket(t.Context(), auth.TicketRequest{Ticket: ticket, AppID: secondApp})
	require.NoError(t, err)
	require.Equal(t, alice.User.ID, result.User.ID)
	require.Equal(t, secondApp, result.AppID)
	require.ErrorIs(t, redeem(auth.TicketRequest{Ticket: ticket}), auth.ErrTicketInvalid)
	require.ErrorIs(t, redeem(auth.TicketRequest{Ticket: issue("h5"), Audience: "another"}), auth.ErrTicketInvalid)
	require.NoError(t, redeem(auth.TicketRequest{Ticket: issue("h5"), Audience: "h5"}))
	require.ErrorIs(t, redeem(auth.TicketRequest{Ticket: issue(""), AppID: "wx0"}), auth.ErrUnknownApp)
	late := issue("")
	l.pass(auth.TicketTTL + time.Second)
	require.ErrorIs(t, redeem(auth.TicketRequest{Ticket: late}), auth.ErrTicketInvalid)
	orphan := issue("")
	require.NoError(t, l.LogoutAll(t.Context(), alice.User.ID, alice.Tokens.SessionID))
	require.ErrorIs(t, redeem(auth.TicketRequest{Ticket: orphan}), auth.ErrTicketInvalid, "its session has ended")
}

func TestIdentitiesAreLinkedByALoginCode(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	alice, bob := l.login("alice", auth.Device{}), l.login("bob", auth.Device{})
	id := alice.User.ID
	require.NoError(t, l.Link(t.Context(), id, secondApp, "alice-elsewhere"))
	require.NoError(t, l.Link(t.Context(), id, secondApp, "alice-elsewhere"), "one that the user has already")
	require.ErrorIs(t, l.Link(t.Context(), id, firstApp, "bob"), users.ErrIdentityTaken)
	require.ErrorIs(t, l.Link(t.Context(), id, "wx0", "x"), auth.ErrUnknownApp)
	require.Error(t, l.Link(t.Context(), id, firstApp, ""))
	var provider *users.ProviderError
	require.ErrorAs(t, l.Link(t.Context(), id, firstApp, "spent"), &provider)

	there, err := l.Login(t.Context(), auth.LoginRequest{Code: "alice-elsewhere", AppID: secondApp})
	require.NoError(t, err)
	require.Equal(t, id, there.User.ID)
	require.NoError(t, l.Confirm(t.Context(), id, secondApp, "alice-elsewhere"))
	require.ErrorIs(t, l.Confirm(t.Context(), id, firstApp, "bob"), auth.ErrAnotherPerson)
	require.ErrorIs(t, l.Confirm(t.Context(), id, firstApp, "a stranger"), auth.ErrAnotherPerson)
	require.ErrorAs(t, l.Confirm(t.Context(), id, firstApp, "spent"), &provider)

	require.NoError(t, l.Unlink(t.Context(), id, secondApp))
	l.gone(there.Tokens, auth.ReasonSignedOut)
	require.ErrorIs(t, l.Unlink(t.Context(), bob.User.ID, firstApp), users.ErrLastIdentity)
}

func TestAPhoneNumberComesWithTheLogin(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	login := func(code, phoneCode string) (auth.LoginResult, error) {
		return l.Login(t.Context(), auth.LoginRequest{Code: code, PhoneCode: phoneCode})
	}
	alice, err := login("alice", "13800001111")
	require.NoError(t, err)
	require.Equal(t, users.Phone("13800001111"), alice.User.Phone)
	_, err = login("bob", "13800001111")
	require.ErrorIs(t, err, users.ErrPhoneTaken, "asked for: it decides")
	bob, err := login("bob/13800001111", "")
	require.NoError(t, err, "said unasked: it does not")
	require.Empty(t, bob.User.Phone)
	list, err := l.Sessions(t.Context(), bob.User.ID)
	require.NoError(t, err)
	require.Len(t, list, 1, "the login that failed left none")
	_, err = login("carol", "spent")
	var provider *users.ProviderError
	require.ErrorAs(t, err, &provider)
	require.Equal(t, users.PhoneCodeInvalid, provider.Reason)

	// Where numbers join people, the newcomer becomes who holds the number.
	l.people.JoinByPhone(func(time.Time, ...uuid.UUID) {})
	joined, err := l.Login(t.Context(), auth.LoginRequest{Code: "alice-elsewhere", AppID: secondApp, PhoneCode: "13800001111"})
	require.NoError(t, err)
	require.Equal(t, alice.User.ID, joined.User.ID)
	_, err = l.claims(joined.Tokens)
	require.NoError(t, err)
	again, err := l.Resume(t.Context(), alice.User.ID, secondApp, auth.Device{Name: "tablet"})
	require.NoError(t, err)
	require.Equal(t, alice.User.ID, again.User.ID)
	_, err = l.Resume(t.Context(), uuid.New(), secondApp, auth.Device{})
	require.ErrorIs(t, err, users.ErrNotFound)
}

func TestADisabledUserNeitherLogsInNorRefreshes(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	alice := l.login("alice", auth.Device{})
	ticket, err := l.IssueTicket(t.Context(), alice.User.ID, alice.Tokens.SessionID, firstApp, "")
	require.NoError(t, err)
	_, err = l.store.DisableUser(t.Context(), users.Change{UserID: alice.User.ID, Actor: "test", Reason: "test", Now: l.now()})
	require.NoError(t, err)
	_, err = l.Login(t.Context(), auth.LoginRequest{Code: "alice"})
	require.ErrorIs(t, err, auth.ErrUserDisabled)
	_, err = l.Refresh(t.Context(), auth.RefreshRequest{RefreshToken: alice.Tokens.RefreshToken.Reveal()})
	require.ErrorIs(t, err, auth.ErrUserDisabled)
	_, err = l.LoginByTicket(t.Context(), auth.TicketRequest{Ticket: ticket.Reveal()})
	require.Error(t, err)
}

func TestTheReasonsOfEarlierReleasesAreUnderstood(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]auth.Reason{
		"logout": auth.ReasonLoggedOut, "logout_all": auth.ReasonSignedOut, "surplus": auth.ReasonEvicted, "user_disabled": auth.ReasonOperator,
		"user_deleted": auth.ReasonAccountClosed, "evicted": auth.ReasonEvicted, "": "", "ticket 4711": auth.ReasonOperator,
	} {
		var got auth.Reason
		require.NoError(t, got.Scan(text))
		require.Equal(t, want, got, text)
	}
	require.Empty(t, auth.ReasonReused.Told(), "the client logs in silently")
	require.Equal(t, "evicted", auth.ReasonEvicted.Told())
	detail, err := auth.Ending{Reason: auth.ReasonOperator, Comment: "why", OnBehalfOf: "li"}.Detail()
	require.NoError(t, err)
	require.JSONEq(t, `{"reason":"operator","comment":"why","onBehalfOf":"li"}`, string(detail))
}

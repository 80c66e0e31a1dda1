package users_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/sqlitetest"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

const (
	app   = "wx4f4bc4dec97d474b"
	other = "wx0123456789abcdef"
	// dataKey and nextKey seal at rest.
	dataKey = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="
	nextKey = "dXY0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3g="
)

// home is the services of users on a SQLite file.
type home struct {
	*users.Service
	directory *users.Directory
	t         *testing.T
	store     *sqlite.Store
	box       *seal.Box
	platform  *platform
}

// platform stands in for all platforms.
type platform struct{ calls int }

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, box: box(t, dataKey), platform: &platform{}}
	h.store = sqlitetest.Open(t, auth.Lifetimes{AccessTTL: time.Hour, RefreshTTL: 24 * time.Hour})
	h.Service = users.New(h.store, h.platform, h.box, 2, time.Now)
	h.directory = users.NewDirectory(h.store, h.platform, h.box, time.Now)
	return h
}

func box(t *testing.T, current string, earlier ...string) *seal.Box {
	t.Helper()
	var keys []seal.Key
	for _, text := range append([]string{current}, earlier...) {
		key, err := seal.ParseKey(text)
		require.NoError(t, err)
		keys = append(keys, key)
	}
	return seal.NewBox(keys[0], keys[1:]...)
}

// PhoneNumber takes a number for its own code.
func (p *platform) PhoneNumber(_ context.Context, _, _, code string) (users.GivenPhone, error) {
	p.calls++
	if code == "spent" {
		return users.GivenPhone{}, &users.ProviderError{Reason: users.CodeUsed, Provider: "wechat"}
	}
	country := "86"
	if code[0] == '9' {
		country = "44"
	}
	return users.GivenPhone{Number: users.Phone(code), Country: country}, nil
}

func (*platform) SessionKeyValid(_ context.Context, _, openID, key string) (bool, error) {
	if openID == "nobody" {
		return false, &users.ProviderError{Reason: users.ProviderOutage}
	}
	return key == "key-of-"+openID, nil
}

func (*platform) Decrypt(_, key, encrypted, _ string) (json.RawMessage, error) {
	if key == "" {
		return nil, &users.ProviderError{Reason: users.DecryptFailed}
	}
	return json.RawMessage(encrypted), nil
}

func (*platform) SignData(_, key, data string) (string, error) { return key + " signs " + data, nil }

func (*platform) PlatformToken(_ context.Context, appID string) (secret.String, time.Duration, error) {
	if appID != app {
		return secret.String{}, 0, &users.ProviderError{Reason: users.NotOffered}
	}
	return secret.New("token"), time.Hour, nil
}

// login returns the user of a name in an app.
func (h *home) login(appID, name string) uuid.UUID {
	h.t.Helper()
	sealed, err := h.box.Seal([]byte("key-of-"+name), users.SessionKeyAssociatedData(appID, name))
	require.NoError(h.t, err)
	in, err := h.store.Login(h.t.Context(), auth.Login{
		Provider: "wechat", Account: "default", AppID: appID, OpenID: name, SealedSessionKey: sealed,
		NewUserID: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7()), Now: time.Now().UTC().Truncate(time.Microsecond),
	})
	require.NoError(h.t, err)
	return in.User.ID
}

// kinds lists the kinds of a user's events, newest first.
func (h *home) kinds(id uuid.UUID) (out []users.EventKind) {
	h.t.Helper()
	list, err := h.store.Events(h.t.Context(), id, 0, 100)
	require.NoError(h.t, err)
	for _, e := range list {
		out = append(out, e.Kind)
	}
	return out
}

func TestAUserHasAProfileAndIdentities(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	id := h.login(app, "alice")
	nickname := "爱丽丝"
	u, err := h.UpdateProfile(t.Context(), id, users.ProfilePatch{Nickname: &nickname})
	require.NoError(t, err)
	require.Equal(t, nickname, u.Nickname)
	u, err = h.User(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, nickname, u.Nickname)
	list, err := h.Identities(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, list, 1)
	i, err := h.Identity(t.Context(), id, app)
	require.NoError(t, err)
	require.Equal(t, "alice", i.OpenID)
	owner, err := h.Owner(t.Context(), app, "alice")
	require.NoError(t, err)
	require.Equal(t, id, owner)
	for _, err := range []error{
		second(h.User(t.Context(), uuid.New())), second(h.Identity(t.Context(), id, other)), second(h.Owner(t.Context(), app, "bob")),
		second(h.UpdateProfile(t.Context(), uuid.New(), users.ProfilePatch{Nickname: &nickname})), second(h.BindPhone(t.Context(), id, other, "13800001111")),
	} {
		require.ErrorIs(t, err, users.ErrNotFound)
	}
}

func second[T any](_ T, err error) error { return err }

func TestOnlyExchangesThatCostAreCounted(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	id := h.login(app, "alice")
	u, err := h.BindPhone(t.Context(), id, app, "13800001111")
	require.NoError(t, err)
	require.Equal(t, users.Phone("13800001111"), u.Phone)
	var provider *users.ProviderError
	for range 3 {
		_, err = h.BindPhone(t.Context(), id, app, "spent")
		require.ErrorAs(t, err, &provider)
	}
	u, err = h.BindPhone(t.Context(), id, app, "9123456789")
	require.NoError(t, err)
	require.Equal(t, users.Phone("+449123456789"), u.Phone, "with the country code where it is not China's")
	_, err = h.BindPhone(t.Context(), id, app, "13800002222")
	require.ErrorIs(t, err, users.ErrPhoneLimit, "two a day")
	require.Equal(t, 5, h.platform.calls, "beyond the limit the platform is not asked")

	bob := h.login(app, "bob")
	_, err = h.BindPhone(t.Context(), bob, app, "9123456789")
	require.ErrorIs(t, err, users.ErrPhoneTaken)
	given, err := h.PhoneOfLogin(t.Context(), app, "a newcomer", "13800003333")
	require.NoError(t, err)
	require.True(t, given.Is("13800003333"))
	_, err = h.PhoneOfLogin(t.Context(), app, "bob", "spent")
	require.ErrorAs(t, err, &provider)
	require.Equal(t, users.PhoneCodeInvalid, provider.Reason)
}

func TestAVerifiedNumberJoinsUsersOfDifferentApps(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	var ended []uuid.UUID
	h.JoinByPhone(func(at time.Time, sessions ...uuid.UUID) {
		require.False(t, at.IsZero())
		ended = append(ended, sessions...)
	})
	alice := h.login(app, "alice")
	_, err := h.BindPhone(t.Context(), alice, app, "13800001111")
	require.NoError(t, err)
	elsewhere := h.login(other, "alice")
	u, err := h.BindPhone(t.Context(), elsewhere, other, "13800001111")
	require.NoError(t, err)
	require.Equal(t, alice, u.ID)
	require.Len(t, ended, 1, "the newcomer's session, which the caller is told of")
	_, err = h.User(t.Context(), elsewhere)
	require.ErrorIs(t, err, users.ErrNotFound)
	bob := h.login(app, "bob")
	_, err = h.BindPhone(t.Context(), bob, app, "13800001111")
	require.ErrorIs(t, err, users.ErrPhoneTaken, "both have an identity of the same app")
}

func TestASessionKeyServesItsUserAndStaysInside(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	id := h.login(app, "alice")
	valid, err := h.CheckSessionKey(t.Context(), id, app)
	require.NoError(t, err)
	require.True(t, valid)
	valid, err = h.CheckSessionKey(t.Context(), id, other)
	require.NoError(t, err)
	require.False(t, valid, "none is stored")
	_, err = h.CheckSessionKey(t.Context(), h.login(app, "nobody"), app)
	var provider *users.ProviderError
	require.ErrorAs(t, err, &provider)

	data, err := h.Decrypt(t.Context(), id, app, `{"gid":"g","openId":"o","union_id":"u","UserId":"w","open_userid":"x"}`, "")
	require.NoError(t, err)
	require.Equal(t, map[string]json.RawMessage{"gid": json.RawMessage(`"g"`)}, data)
	for _, err := range []error{second(h.Decrypt(t.Context(), id, app, `[]`, "")), second(h.Decrypt(t.Context(), id, other, `{}`, ""))} {
		require.ErrorAs(t, err, &provider)
		require.Equal(t, users.DecryptFailed, provider.Reason)
	}
}

func TestABusinessServiceReadsPeopleOnRecord(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	id := h.login(app, "alice")
	_, err := h.BindPhone(t.Context(), id, app, "13800001111")
	require.NoError(t, err)
	for range 2 {
		p, err := h.directory.Person(t.Context(), "shop", id)
		require.NoError(t, err)
		require.Equal(t, "+8613800001111", p.Phone.E164())
	}
	people, err := h.directory.Find(t.Context(), "billing", users.Query{}, "+86 138 0000 1111")
	require.NoError(t, err)
	require.Len(t, people, 1)
	read := 0
	for _, kind := range h.kinds(id) {
		if kind == users.EventPhoneRead {
			read++
		}
	}
	require.Equal(t, 2, read, "once a day for each reader")
	_, err = h.directory.Person(t.Context(), "shop", uuid.New())
	require.ErrorIs(t, err, users.ErrNotFound)

	roles := []string{"vip"}
	require.NoError(t, h.directory.Change(t.Context(), "shop", id, json.RawMessage(`{"a":1,"b":2}`), &roles))
	require.NoError(t, h.directory.Change(t.Context(), "shop", id, json.RawMessage(`{"a":null}`), nil))
	p, err := h.directory.Person(t.Context(), "shop", id)
	require.NoError(t, err)
	require.JSONEq(t, `{"b":2}`, string(p.Metadata))
	require.Equal(t, roles, p.Roles)
	var input *users.InputError
	require.ErrorAs(t, h.directory.Change(t.Context(), "shop", id, nil, &[]string{"a b"}), &input)
	require.ErrorAs(t, h.directory.Change(t.Context(), "shop", id, json.RawMessage(`[]`), nil), &input)
	require.ErrorIs(t, h.directory.Change(t.Context(), "shop", uuid.New(), nil, &roles), users.ErrNotFound)

	signature, err := h.directory.Sign(t.Context(), "shop", id, app, "x")
	require.NoError(t, err)
	require.Equal(t, "key-of-alice signs x", signature)
	require.Contains(t, h.kinds(id), users.EventDataSigned)
	_, err = h.directory.Sign(t.Context(), "shop", id, other, "x")
	require.ErrorIs(t, err, users.ErrNoSessionKey)
	_, err = h.directory.Sign(t.Context(), "shop", uuid.New(), app, "x")
	require.ErrorIs(t, err, users.ErrNotFound)
	token, expires, err := h.directory.PlatformToken(t.Context(), app)
	require.NoError(t, err)
	require.Equal(t, "token", token.Reveal())
	require.WithinDuration(t, time.Now().Add(time.Hour), expires, time.Minute)
	_, _, err = h.directory.PlatformToken(t.Context(), other)
	require.Error(t, err)
}

func TestALostDataKeyLocksNoUserOut(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	id := h.login(app, "alice")
	_, err := h.BindPhone(t.Context(), id, app, "13800001111")
	require.NoError(t, err)
	other := users.New(h.store, h.platform, box(t, nextKey), 0, time.Now)
	u, err := other.User(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "****", u.Phone.Masked())
	require.Empty(t, u.Phone.E164())
}

func TestEveryValueIsSealedAgainWithTheNewKey(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, name := range []string{"alice", "bob"} {
		h.login(app, name)
	}
	id := h.login(app, "alice")
	_, err := h.BindPhone(t.Context(), id, app, "13800001111")
	require.NoError(t, err)

	lost, err := users.Rekey(t.Context(), h.store, box(t, nextKey))
	require.NoError(t, err)
	require.Equal(t, users.Rekeyed{Seen: 3, Lost: 3}, lost, "without the earlier key nothing is changed")
	both := box(t, nextKey, dataKey)
	done, err := users.Rekey(t.Context(), h.store, both)
	require.NoError(t, err)
	require.Equal(t, users.Rekeyed{Seen: 3, Sealed: 3}, done)
	again, err := users.Rekey(t.Context(), h.store, both)
	require.NoError(t, err)
	require.Equal(t, users.Rekeyed{Seen: 3}, again)
	alone := users.New(h.store, h.platform, box(t, nextKey), 0, time.Now)
	u, err := alone.User(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, users.Phone("13800001111"), u.Phone, "the earlier key can go")
	directory := users.NewDirectory(h.store, h.platform, box(t, nextKey), time.Now)
	people, err := directory.Find(t.Context(), "shop", users.Query{}, "13800001111")
	require.NoError(t, err)
	require.Len(t, people, 1)
}

func TestAPhoneNumberIsNeverPrintedWhole(t *testing.T) {
	t.Parallel()
	for phone, masked := range map[users.Phone]string{"": "", "12345678": "****", "13800001111": "138****1111", "+449123456789": "+44****6789"} {
		text, err := json.Marshal(phone)
		require.NoError(t, err)
		require.Equal(t, masked, phone.Masked())
		require.Equal(t, fmt.Sprintf("%s %s %q", masked, masked, masked), fmt.Sprintf("%v %#v %s", phone, phone, text))
	}
}

func TestAnErasureSaysWhomItIsAboutAndWhatItErased(t *testing.T) {
	t.Parallel()
	whole := users.Erasure{AppID: app, OpenID: "alice", AsOf: time.Unix(7, 5), Actor: users.ActorWeChat, Reason: "push"}
	require.NoError(t, whole.Check())
	require.Equal(t, time.Unix(8, 0), whole.Before(), "an account of the same second is included")
	for name, spoil := range map[string]func(*users.Erasure){
		"no app": func(e *users.Erasure) { e.AppID = "" }, "no person": func(e *users.Erasure) { e.OpenID = "" },
		"no time": func(e *users.Erasure) { e.AsOf = time.Time{} }, "no actor": func(e *users.Erasure) { e.Actor = "" },
	} {
		e := whole
		spoil(&e)
		var input *users.InputError
		require.ErrorAs(t, e.Check(), &input, name)
		require.NotEmpty(t, input.Error())
	}
	require.Equal(t, users.EventAuthorizationWithdrawn, whole.Kind())
	require.JSONEq(t, `{"reason":"push","erased":[]}`, string(whole.Detail()))
	whole.Profile, whole.Phone = true, true
	require.Equal(t, users.EventProfileErased, whole.Kind())
	require.JSONEq(t, `{"reason":"push","erased":["nickname","avatarUrl","phone"]}`, string(whole.Detail()))
}

func TestAnImportedNumberHasOneForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]users.Phone{
		"13800001111": "13800001111", "+86 138-0000-1111": "13800001111", "0086 (138) 00001111": "13800001111", "+44 9123456789": "+449123456789",
		"": "", "1380000111": "", "23800001111": "", "+0123456": "", "+44x": "", "138 0000 1111 1": "",
	} {
		got, ok := users.ParsePhone(text)
		require.Equal(t, want != "", ok, text)
		require.Equal(t, want, got, text)
	}
}

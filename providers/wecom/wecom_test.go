package wecom_test

import (
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/providers/wecom"
	"github.com/wugan/wugan/providers/wecom/fakewecom"
)

const (
	appID      = "wx00000000000000e1"
	corpID     = "ww0000000000000001"
	corpSecret = "wecom-secret-0123456789"
	otherApp   = "wx00000000000000e2"
	otherCorp  = "ww0000000000000002"

	tokenPath   = "/cgi-bin/gettoken"
	sessionPath = "/cgi-bin/miniprogram/jscode2session"
)

// pair is a provider and the stand-in that it talks to over HTTP.
type pair struct {
	fake     *fakewecom.Server
	provider providers.Provider
	clock    *standin.Clock
	address  string
}

func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{clock: &standin.Clock{}}
	p.fake = fakewecom.New(standin.Options{Now: p.clock.Now, DevCodes: true})
	p.fake.SetApp(fakewecom.App{ID: appID, CorpID: corpID, Secret: corpSecret})
	p.fake.SetApp(fakewecom.App{ID: otherApp, CorpID: otherCorp, Secret: corpSecret})
	server := httptest.NewServer(p.fake.Handler())
	t.Cleanup(server.Close)
	p.address = server.URL
	p.provider = p.another(t, corpID, corpSecret)
	return p
}

// another is a provider of other settings, or of another process.
func (p pair) another(t *testing.T, corp, corpSecret string) providers.Provider {
	t.Helper()
	made, err := providers.Registry{wecom.Registration}.New(providers.App{
		ID: appID, Provider: "wecom", Secret: secret.New(corpSecret), APIURL: p.address,
		Members: map[string]secret.String{"corpId": secret.New(corp)},
	}, providers.Config{Now: p.clock.Now, BusyPause: time.Millisecond, BreakerFailures: 1000})
	require.NoError(t, err)
	return made
}

func (p pair) count(path string) (n int) {
	for _, one := range p.fake.Calls() {
		if one == path {
			n++
		}
	}
	return n
}

func TestACodeOfWeComNamesAMemberOnce(t *testing.T) {
	p := newPair(t)
	code := p.fake.Login(appID, "zhangsan")
	i, err := p.provider.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, corpID+"/zhangsan", i.Subject)
	require.Empty(t, i.UnionID)
	require.Equal(t, fakewecom.SessionKey(appID, "zhangsan"), i.SessionKey.Reveal())

	late := p.fake.Login(appID, "zhangsan")
	for what, bad := range map[string]string{
		"used": code, "of wx.login": p.fake.PlainLogin(appID, "zhangsan"), "of another app": p.fake.Login(otherApp, "zhangsan"), "unknown": "x",
	} {
		_, err = p.provider.Exchange(t.Context(), bad)
		require.ErrorIs(t, err, providers.ErrInvalidCode, what)
	}
	p.clock.Move(5 * time.Minute)
	_, err = p.provider.Exchange(t.Context(), late)
	require.ErrorIs(t, err, providers.ErrInvalidCode, "expired")
	require.Equal(t, 1, p.count(tokenPath), "the token is kept")
}

func TestTheSameUseridInAnotherEnterpriseIsAnotherPerson(t *testing.T) {
	p := newPair(t)
	here, err := p.provider.Exchange(t.Context(), p.fake.Login(appID, "zhangsan"))
	require.NoError(t, err)
	// The operator moves the mini program to another enterprise.
	p.fake.SetApp(fakewecom.App{ID: appID, CorpID: otherCorp + "x", Secret: corpSecret})
	there, err := p.another(t, otherCorp+"x", corpSecret).Exchange(t.Context(), p.fake.Login(appID, "zhangsan"))
	require.NoError(t, err)
	require.NotEqual(t, here.Subject, there.Subject)
}

func TestAMemberOfAnotherEnterpriseIsNotBelieved(t *testing.T) {
	p := newPair(t)
	for _, body := range []string{
		`{"errcode":0,"corpid":"` + otherCorp + `","userid":"zhangsan","session_key":"k"}`,
		`{"errcode":0,"userid":"zhangsan","session_key":"k"}`,
		`{"errcode":0,"corpid":"` + corpID + `","userid":"","session_key":"k"}`,
		`{"errcode":0,"corpid":"` + corpID + `","userid":"zhangsan"}`,
		`{"errcode":0,"corpid":"` + corpID + `","userid":"zhang san","session_key":"k"}`,
		`{"errcode":0,"corpid":"` + corpID + `","userid":"` + strings.Repeat("z", 128) + `","session_key":"k"}`,
	} {
		p.fake.SetFault(standin.Fault{Path: sessionPath, Status: 200, Body: body, Count: 1})
		_, err := p.provider.Exchange(t.Context(), p.fake.Login(appID, "zhangsan"))
		require.ErrorIs(t, err, providers.ErrUnexpected, body)
	}
}

func TestATokenThatHasEndedIsFetchedAgainOnce(t *testing.T) {
	p := newPair(t)
	_, err := p.provider.Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.NoError(t, err)
	p.fake.EndTokens() // 40014
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.NoError(t, err)
	require.Equal(t, 2, p.count(tokenPath))

	p.clock.Move(2*time.Hour + time.Second)
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.NoError(t, err)
	require.Equal(t, 3, p.count(tokenPath))

	p.fake.SetFault(standin.Fault{Path: sessionPath, Status: 200, Body: `{"errcode":42001}`})
	before := p.count(sessionPath)
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.ErrorIs(t, err, providers.ErrUnavailable, "a third token would not help")
	require.Equal(t, before+2, p.count(sessionPath))
}

func TestTwoProcessesShareWeComsToken(t *testing.T) {
	p := newPair(t)
	other := p.another(t, corpID, corpSecret)
	for range 3 {
		for _, one := range []providers.Provider{p.provider, other} {
			_, err := one.Exchange(t.Context(), p.fake.Login(appID, "a"))
			require.NoError(t, err)
		}
	}
	require.Equal(t, 2, p.count(tokenPath))
	require.Equal(t, 6, p.count(sessionPath))
}

func TestErrorsOfWeComHaveTheirMeaning(t *testing.T) {
	p := newPair(t)
	for body, want := range map[string]error{
		`{"errcode":40029,"errmsg":"invalid code"}`: providers.ErrInvalidCode,
		`{"errcode":41008}`:                         providers.ErrInvalidCode,
		`{"errcode":40001}`:                         providers.ErrRejectedApp,
		`{"errcode":40013}`:                         providers.ErrRejectedApp,
		`{"errcode":40056}`:                         providers.ErrRejectedApp,
		`{"errcode":40091}`:                         providers.ErrRejectedApp,
		`{"errcode":48002}`:                         providers.ErrRejectedApp,
		`{"errcode":60020}`:                         providers.ErrRejectedApp,
		`{"errcode":301002}`:                        providers.ErrRejectedApp,
		`{"errcode":45009}`:                         providers.ErrRateLimited,
		`{"errcode":45033}`:                         providers.ErrRateLimited,
		`{"errcode":40163}`:                         providers.ErrUnexpected,
		`{"errcode":50001}`:                         providers.ErrUnexpected,
		`{"errcode":[]}`:                            providers.ErrUnexpected,
		`<html>`:                                    providers.ErrUnavailable,
	} {
		p.fake.SetFault(standin.Fault{Path: sessionPath, Status: 200, Body: body, Count: 1})
		code := p.fake.Login(appID, "a")
		_, err := p.provider.Exchange(t.Context(), code)
		require.ErrorIs(t, err, want, body)
		require.NotContains(t, err.Error(), code)
	}
	// Busy is tried once more, and the code is good then.
	p.fake.SetFault(standin.Fault{Path: sessionPath, Status: 200, Body: `{"errcode":-1}`, Count: 1})
	_, err := p.provider.Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.NoError(t, err)
}

func TestAWrongSecretCorpidOrAddressIsTheOperators(t *testing.T) {
	p := newPair(t)
	_, err := p.another(t, corpID, "not the secret").Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.ErrorIs(t, err, providers.ErrRejectedApp)
	require.NotContains(t, err.Error(), "not the secret")
	_, err = p.another(t, appID, corpSecret).Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.ErrorIs(t, err, providers.ErrRejectedApp, "the mini program's appid in the place of the corpid")
	p.fake.SetApp(fakewecom.App{ID: appID, CorpID: corpID, Secret: corpSecret, FromOutside: true})
	_, err = p.provider.Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.ErrorIs(t, err, providers.ErrRejectedApp)

	p.fake.SetFault(standin.Fault{Path: tokenPath, Status: 200, Body: `{"errcode":0,"access_token":"","expires_in":7200}`, Count: 1})
	_, err = p.another(t, corpID, corpSecret).Exchange(t.Context(), p.fake.Login(appID, "a"))
	require.ErrorIs(t, err, providers.ErrUnexpected, "a success without a token")

	_, err = providers.Registry{wecom.Registration}.New(providers.App{ID: appID, Provider: "wecom", Secret: secret.New("s")}, providers.Config{})
	require.ErrorContains(t, err, "corpId")
}

func TestDataOfWeComIsMarkedWithTheMiniProgram(t *testing.T) {
	p := newPair(t)
	reader := p.provider.(providers.Decrypter)
	key := secret.New(fakewecom.SessionKey(appID, "a"))
	data := p.fake.Encrypt(appID, "a", map[string]any{"name": "张三"})
	plain, err := reader.Decrypt(key, data.Data, data.IV)
	require.NoError(t, err)
	require.Contains(t, string(plain), "张三")
	for _, mark := range []string{corpID, otherApp, ""} {
		data := standin.EncryptMarked(mark, key.Reveal(), p.fake.Now(), nil)
		_, err = reader.Decrypt(key, data.Data, data.IV)
		require.Equal(t, providers.ErrDecrypt, err, mark)
	}
	raw, _ := base64.StdEncoding.DecodeString(data.Data)
	_, err = reader.Decrypt(key, base64.StdEncoding.EncodeToString(raw[:16]), data.IV)
	require.Equal(t, providers.ErrDecrypt, err)
}

func TestADevCodeLogsInAsOftenAsItIsUsed(t *testing.T) {
	p := newPair(t)
	for range 2 {
		i, err := p.provider.Exchange(t.Context(), "dev:alice")
		require.NoError(t, err)
		require.Equal(t, corpID+"/alice", i.Subject)
	}
}

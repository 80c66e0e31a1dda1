// Package wecom signs people in by the server API of mini programs of WeCom
// (企业微信), and reads the encrypted data that WeCom hands to the client.
//
// Sources: developer.work.weixin.qq.com, documents 96959 and 92423; error codes of
// a public SDK. WeCom has no openid and no unionid: a person is a userid within a
// corpid. Error codes that are not listed here count as an outage, never as a
// refusal.
package wecom

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
)

const (
	name         = "wecom"
	host         = "https://qyapi.weixin.qq.com"
	memberCorpID = "corpId"
)

// Registration is the provider of WeCom mini programs. The secret is that of the
// WeCom app to which the mini program is tied.
var Registration = providers.Registration{
	Name: name, Required: []string{memberCorpID},
	Codes: []string{
		"-1", "40001", "40013", "40014", "40029", "40056", "40091", "41008", "42001", "45009", "45033", "48002", "60020", "301002",
	},
	New: newProvider,
}

var (
	apiToken = providers.API{
		Name: "gettoken", Method: http.MethodGet, Host: host, Path: "/cgi-bin/gettoken", Judge: providers.JudgeErrcode(kind),
	}
	apiSession = providers.API{
		Name: "jscode2session", Method: http.MethodGet, Host: host, Path: "/cgi-bin/miniprogram/jscode2session",
		WithToken: true, Once: true, Judge: providers.JudgeErrcode(kind),
	}
)

// provider is one mini program of one enterprise.
type provider struct {
	appID  string
	corpID string
	secret secret.String
	caller *providers.Caller
	token  *providers.AppToken
}

var _ interface {
	providers.Provider
	providers.Decrypter
} = (*provider)(nil)

func newProvider(app providers.App, cfg providers.Config) (providers.Provider, error) {
	caller, err := providers.NewCaller(name, app.APIURL, []providers.API{apiToken, apiSession}, cfg)
	if err != nil {
		return nil, err
	}
	p := &provider{appID: app.ID, corpID: app.Member(memberCorpID).Reveal(), secret: app.Secret, caller: caller}
	p.token = caller.NewAppToken(apiToken, p.fetchToken)
	return p, nil
}

func (p *provider) fetchToken(ctx context.Context) (string, time.Duration, error) {
	f, err := p.caller.Call(ctx, providers.Request{API: apiToken, Query: url.Values{
		"corpid": {p.corpID}, "corpsecret": {p.secret.Reveal()},
	}})
	if err != nil {
		return "", 0, err
	}
	// Two hours, by the documentation; more is not believed.
	seconds, _ := f.Integer("expires_in")
	return f.Text("access_token"), time.Duration(min(seconds, 7200)) * time.Second, nil
}

// Exchange implements providers.Provider with a code of wx.qy.login. One of
// wx.login is ErrInvalidCode, and so is a used one. The subject is
// "corpid/userid": a userid alone is another person in another enterprise.
func (p *provider) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	if err := p.caller.CheckCode(apiSession, code); err != nil {
		return providers.Identity{}, err
	}
	f, err := p.caller.CallWithToken(ctx, p.token, func(token string) providers.Request {
		return providers.Request{API: apiSession, Query: url.Values{
			"access_token": {token}, "js_code": {code}, "grant_type": {"authorization_code"},
		}}
	})
	if err != nil {
		return providers.Identity{}, err
	}
	userID, key := f.Text("userid"), f.Text("session_key")
	if userID == "" || !providers.PlausibleID(key) {
		return providers.Identity{}, p.caller.Lacks(apiSession, "userid or session_key")
	}
	if f.Text("corpid") != p.corpID {
		return providers.Identity{}, p.caller.Lacks(apiSession, "the corpid of this app")
	}
	i := providers.Identity{Subject: p.corpID + "/" + userID, SessionKey: secret.New(key)}
	if !providers.PlausibleID(i.Subject) {
		return providers.Identity{}, p.caller.Lacks(apiSession, "a userid that can be kept")
	}
	return i, nil
}

// Decrypt implements providers.Decrypter. The watermark names the mini program,
// not the enterprise.
func (p *provider) Decrypt(key secret.String, encryptedData, iv string) (json.RawMessage, error) {
	return providers.DecryptMarked(p.appID, key, encryptedData, iv)
}

func kind(a providers.API, code int) providers.Kind {
	switch code {
	case 40029, 41008:
		return providers.KindInvalidCode
	case 40014, 42001: // an expired token has been seen as either
		if a.WithToken {
			return providers.KindAppToken
		}
	case 40001, 40091, // secret
		40013,  // corpid
		40056,  // agentid
		60020,  // this server's address is not on the list
		48002,  // no right to the call
		301002: // not this app's
		return providers.KindRejectedApp
	case 45009, 45033:
		return providers.KindRateLimited
	case -1: // "try again, three times at most"
		return providers.KindBusy
	}
	return providers.KindUnexpected
}

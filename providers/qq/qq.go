// Package qq signs people in by the server API of QQ mini programs, and reads the
// encrypted data that QQ hands to the client.
//
// Sources: public clients that quote q.qq.com's page on login. QQ has no phone
// numbers and no check of session keys. Error codes that are not listed here
// count as an outage, never as a refusal.
package qq

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
)

const name = "qq"

// Registration is the provider of QQ mini programs.
var Registration = providers.Registration{
	Name:  name,
	Codes: []string{"-1", "40029", "45011", "-101222100"},
	New: func(app providers.App, cfg providers.Config) (providers.Provider, error) {
		caller, err := providers.NewCaller(name, app.APIURL, []providers.API{apiSession}, cfg)
		if err != nil {
			return nil, err
		}
		return &provider{appID: app.ID, secret: app.Secret, caller: caller}, nil
	},
}

var apiSession = providers.API{
	Name: "jscode2session", Method: http.MethodGet, Host: "https://api.q.qq.com", Path: "/sns/jscode2session",
	Once: true, Judge: providers.JudgeErrcode(kind),
}

// provider is one mini program.
type provider struct {
	appID  string
	secret secret.String
	caller *providers.Caller
}

var _ interface {
	providers.Provider
	providers.Decrypter
} = (*provider)(nil)

// Exchange implements providers.Provider with a code of qq.login. QQ does not tell
// used, expired and foreign codes apart: all are ErrInvalidCode.
func (p *provider) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	if err := p.caller.CheckCode(apiSession, code); err != nil {
		return providers.Identity{}, err
	}
	f, err := p.caller.Call(ctx, providers.Request{API: apiSession, Query: url.Values{
		"appid":      {p.appID},
		"secret":     {p.secret.Reveal()},
		"js_code":    {code},
		"grant_type": {"authorization_code"},
	}})
	if err != nil {
		return providers.Identity{}, err
	}
	i := providers.Identity{Subject: f.Text("openid"), UnionID: f.Text("unionid"), SessionKey: secret.New(f.Text("session_key"))}
	// A failure has these members too, empty.
	if !providers.PlausibleID(i.Subject) || !providers.PlausibleID(i.SessionKey.Reveal()) || i.UnionID != "" && !providers.PlausibleID(i.UnionID) {
		return providers.Identity{}, p.caller.Lacks(apiSession, "openid or session_key")
	}
	return i, nil
}

// Decrypt implements providers.Decrypter. The watermark names the appid.
func (p *provider) Decrypt(key secret.String, encryptedData, iv string) (json.RawMessage, error) {
	return providers.DecryptMarked(p.appID, key, encryptedData, iv)
}

func kind(_ providers.API, code int) providers.Kind {
	switch code {
	case 40029:
		return providers.KindInvalidCode
	case 45011:
		return providers.KindRateLimited
	case -101222100: // appid or secret
		return providers.KindRejectedApp
	case -1:
		// Busy. Whether it has used the code up is not documented, so nothing is
		// sent twice.
		return providers.KindUnavailable
	}
	return providers.KindUnexpected // -1009 among them, which has been seen and is not documented
}

package wechat

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/wugan/wugan/providers"
)

// OAuthName is the provider's, for pages in WeChat's own browser (Official
// Account) and websites by QR code (website application).
const OAuthName = "wechat-oauth"

// OAuthRegistration is the provider of web pages. Both kinds of page make the
// same call (developers.weixin.qq.com, Official Account web authorization and
// website application).
var OAuthRegistration = providers.Registration{
	Name: OAuthName, Codes: codes, Optional: []string{memberToken, memberAESKey},
	New: func(app providers.App, cfg providers.Config) (providers.Provider, error) {
		push, err := newPushReader(app, cfg)
		if err != nil {
			return nil, err
		}
		caller, err := providers.NewCaller(OAuthName, app.APIURL, []providers.API{apiOAuth}, cfg)
		if err != nil {
			return nil, fmt.Errorf("apiURL: %w", err)
		}
		return &oauthProvider{pushReader: push, app: app, caller: caller}, nil
	},
}

var apiOAuth = api("oauth2_access_token", http.MethodGet, "/sns/oauth2/access_token", false, true)

// oauthProvider is one Official Account or website application.
type oauthProvider struct {
	pushReader
	app    providers.App
	caller *providers.Caller
}

// Exchange implements providers.Provider. The account of a snapshot page
// (is_snapshotuser) is no person's and must not become a user: ErrNoIdentity. The
// user's OAuth token that comes along is not kept.
func (p *oauthProvider) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	if err := p.caller.CheckCode(apiOAuth, code); err != nil {
		return providers.Identity{}, err
	}
	f, err := p.caller.Call(ctx, providers.Request{API: apiOAuth, Query: url.Values{
		"appid": {p.app.ID}, "secret": {p.app.Secret.Reveal()}, "code": {code}, "grant_type": {"authorization_code"},
	}})
	if err != nil {
		return providers.Identity{}, err
	}
	if snapshot, ok := f.Number("is_snapshotuser"); !ok || snapshot != 0 {
		return providers.Identity{}, p.caller.Refuse(apiOAuth, providers.KindNoIdentity, "the account of a snapshot page")
	}
	i := providers.Identity{Subject: f.Text("openid"), UnionID: f.Text("unionid")}
	if !providers.PlausibleID(i.Subject) || i.UnionID != "" && !providers.PlausibleID(i.UnionID) {
		return providers.Identity{}, p.caller.Lacks(apiOAuth, "openid")
	}
	return i, nil
}

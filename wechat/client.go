package wechat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/wugan/wugan/providers"
)

// Name is the provider's, for mini programs and mini games.
const Name = "wechat"

// DefaultBaseURL is WeChat's own address.
const DefaultBaseURL = "https://api.weixin.qq.com"

// App is one mini program.
type App struct {
	// ID is the appid: "wx" and 16 hexadecimal digits.
	ID string
	// Secret is the AppSecret.
	Secret Secret
}

// Config configures a [Client]. Only Apps is required.
type Config struct {
	// BaseURL is where WeChat is; [DefaultBaseURL] when empty. It has no
	// query, no fragment and no user name.
	BaseURL string
	// Apps are the mini programs.
	Apps []App
	// Config is the common configuration of all platforms' clients.
	providers.Config
}

// phoneNumberName names the one call whose errcodes have meanings of their own.
const phoneNumberName = "getuserphonenumber"

// The calls that this package makes.
var (
	apiCodeToSession = api("jscode2session", http.MethodGet, "/sns/jscode2session", false, true)
	apiStableToken   = api("stable_token", http.MethodPost, "/cgi-bin/stable_token", false, false)
	apiPhoneNumber   = api(phoneNumberName, http.MethodPost, "/wxa/business/getuserphonenumber", true, true)
	apiCheckSession  = api("checksession", http.MethodGet, "/wxa/checksession", true, false)
	apiResetSession  = api("resetusersessionkey", http.MethodGet, "/wxa/resetusersessionkey", true, true)

	apis = []providers.API{apiCodeToSession, apiStableToken, apiPhoneNumber, apiCheckSession, apiResetSession}
)

func api(name, method, path string, withToken, once bool) providers.API {
	return providers.API{
		Name: name, Method: method, Host: DefaultBaseURL, Path: path, WithToken: withToken, Once: once, Judge: judge,
	}
}

// Client calls WeChat's server API. It is safe for use by many goroutines,
// and any number of processes may use the same app without a lock between
// them. Make one with [New].
type Client struct {
	caller *providers.Caller
	apps   map[string]App
	tokens map[string]*providers.AppToken
}

// New returns a client. It makes no call; the error names what in the Config is
// wrong and holds no secret.
func New(cfg Config) (*Client, error) {
	caller, err := providers.NewCaller(Name, cfg.BaseURL, apis, cfg.Config)
	if err != nil {
		return nil, fmt.Errorf("wechat: %w", err)
	}
	if len(cfg.Apps) == 0 {
		return nil, errors.New("wechat: no app is configured")
	}
	c := &Client{
		caller: caller,
		apps:   make(map[string]App, len(cfg.Apps)),
		tokens: make(map[string]*providers.AppToken, len(cfg.Apps)),
	}
	for i, app := range cfg.Apps {
		if app.ID == "" || app.Secret.Empty() {
			return nil, fmt.Errorf("wechat: app %d of %d lacks its appid or its secret", i+1, len(cfg.Apps))
		}
		if _, ok := c.apps[app.ID]; ok {
			return nil, fmt.Errorf("wechat: app %q is configured twice", app.ID)
		}
		c.apps[app.ID] = app
		c.tokens[app.ID] = caller.NewAppToken(apiStableToken, func(ctx context.Context) (string, time.Duration, error) {
			return c.fetchToken(ctx, app)
		})
	}
	return c, nil
}

// AppIDs returns the configured appids, sorted.
func (c *Client) AppIDs() []string {
	ids := make([]string, 0, len(c.apps))
	for id := range c.apps {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// HasApp reports whether an appid is configured.
func (c *Client) HasApp(appID string) bool {
	_, ok := c.apps[appID]
	return ok
}

// Session is the response to a login code.
type Session struct {
	// OpenID is the user in this app.
	OpenID string
	// UnionID is the user in all apps of one Open Platform account; "" for
	// an app that is bound to none.
	UnionID string
	// SessionKey is the key that was the user's newest when wx.login made
	// the code.
	SessionKey SessionKey
}

// CodeToSession exchanges a code of wx.login (code2Session). A code works once, within
// five minutes. A request with it is not sent twice, except for one retry after errcode
// -1.
//
// Errors: ErrUnknownApp, ErrInvalidCode (also for a code that is empty, over
// 256 characters or not printable: such a one is not sent), ErrCodeUsed,
// ErrUserBlocked, ErrRateLimited, ErrRejectedApp, ErrUnavailable.
func (c *Client) CodeToSession(ctx context.Context, appID, code string) (Session, error) {
	app, err := c.app(apiCodeToSession, appID)
	if err != nil {
		return Session{}, err
	}
	if err := c.caller.CheckCode(apiCodeToSession, code); err != nil {
		return Session{}, err
	}
	f, err := c.caller.Call(ctx, providers.Request{API: apiCodeToSession, Query: url.Values{
		"appid":      {app.ID},
		"secret":     {app.Secret.Reveal()},
		"js_code":    {code},
		"grant_type": {"authorization_code"},
	}})
	if err != nil {
		return Session{}, err
	}
	s := Session{OpenID: f.Text("openid"), UnionID: f.Text("unionid"), SessionKey: NewSessionKey(f.Text("session_key"))}
	if !providers.PlausibleID(s.OpenID) || !providers.PlausibleID(s.SessionKey.Reveal()) || (s.UnionID != "" && !providers.PlausibleID(s.UnionID)) {
		return Session{}, c.caller.Lacks(apiCodeToSession, "openid or session_key")
	}
	return s, nil
}

// Phone is a phone number that the user agreed to share.
type Phone struct {
	// Number is the number as WeChat displays it, with the country code of a foreign
	// number.
	Number string
	// PureNumber has no country code.
	PureNumber string
	// CountryCode has no plus sign: "86".
	CountryCode string
}

// PhoneNumber exchanges a code of the getPhoneNumber button. The code works once, within
// five minutes, and each success costs the app's owner money.
//
// With an openID, WeChat also checks that the code is of that person; "" omits the check.
// Errors are those of [Client.CodeToSession]; a code that was used, or is of another app
// or person, is ErrInvalidCode here.
func (c *Client) PhoneNumber(ctx context.Context, appID, openID, code string) (Phone, error) {
	if _, err := c.app(apiPhoneNumber, appID); err != nil {
		return Phone{}, err
	}
	if err := c.caller.CheckCode(apiPhoneNumber, code); err != nil {
		return Phone{}, err
	}
	body := map[string]string{"code": code}
	if openID != "" {
		body["openid"] = openID
	}
	f, err := c.callWithToken(ctx, appID, apiPhoneNumber, nil, providers.JSON(body))
	if err != nil {
		return Phone{}, err
	}
	info := f.Object("phone_info")
	p := Phone{Number: info.Text("phoneNumber"), PureNumber: info.Text("purePhoneNumber"), CountryCode: info.TextOrNumber("countryCode")}
	if p.PureNumber == "" {
		return Phone{}, c.caller.Lacks(apiPhoneNumber, "phone_info.purePhoneNumber")
	}
	// The number is bound to the app it was asked for; a response that names
	// another one is not for us.
	if id := info.Object("watermark").Text("appid"); id != appID {
		return Phone{}, c.caller.Lacks(apiPhoneNumber, "the watermark of this app")
	}
	return p, nil
}

// CheckSessionKey asks WeChat whether a session_key is the user's newest. It returns
// false, and no error, if it is not.
// Errors: ErrUnknownApp, ErrRejectedApp, ErrUnavailable.
func (c *Client) CheckSessionKey(ctx context.Context, appID, openID string, key SessionKey) (bool, error) {
	if _, err := c.app(apiCheckSession, appID); err != nil {
		return false, err
	}
	_, err := c.callWithToken(ctx, appID, apiCheckSession, sessionQuery(openID, key), nil)
	if errors.Is(err, providers.ErrStaleSessionKey) {
		return false, nil
	}
	return err == nil, err
}

// ResetSessionKey makes WeChat replace a session_key, and returns the new one.
// Errors: ErrStaleSessionKey when the given one is not the newest,
// ErrUnknownApp, ErrRejectedApp, ErrUnavailable.
func (c *Client) ResetSessionKey(ctx context.Context, appID, openID string, key SessionKey) (SessionKey, error) {
	if _, err := c.app(apiResetSession, appID); err != nil {
		return SessionKey{}, err
	}
	f, err := c.callWithToken(ctx, appID, apiResetSession, sessionQuery(openID, key), nil)
	if err != nil {
		return SessionKey{}, err
	}
	fresh := f.Text("session_key")
	if f.Text("openid") != openID || !providers.PlausibleID(fresh) {
		return SessionKey{}, c.caller.Lacks(apiResetSession, "this openid or a session_key")
	}
	return NewSessionKey(fresh), nil
}

func sessionQuery(openID string, key SessionKey) url.Values {
	return url.Values{
		"openid":     {openID},
		"signature":  {sessionSignature(key)},
		"sig_method": {"hmac_sha256"},
	}
}

func (c *Client) app(a providers.API, appID string) (App, error) {
	app, ok := c.apps[appID]
	if !ok {
		return App{}, c.caller.Refuse(a, providers.KindUnknownApp, "no such app is configured")
	}
	return app, nil
}

// AccessToken returns the app's access token, as [providers.AppToken.Get] does.
// Errors: ErrUnknownApp, ErrRejectedApp, ErrRateLimited, ErrUnavailable.
func (c *Client) AccessToken(ctx context.Context, appID string) (Secret, error) {
	if _, err := c.app(apiStableToken, appID); err != nil {
		return Secret{}, err
	}
	value, _, err := c.tokens[appID].Get(ctx)
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(value), nil
}

// maxTokenLife bounds what is believed of expires_in.
const maxTokenLife = 2 * time.Hour

func (c *Client) fetchToken(ctx context.Context, app App) (string, time.Duration, error) {
	f, err := c.caller.Call(ctx, providers.Request{API: apiStableToken, Body: providers.JSON(map[string]string{
		"grant_type": "client_credential",
		"appid":      app.ID,
		"secret":     app.Secret.Reveal(),
	})})
	if err != nil {
		return "", 0, err
	}
	seconds, ok := f.Integer("expires_in")
	if !ok || seconds <= 0 {
		return "", 0, c.caller.Lacks(apiStableToken, "access_token or expires_in")
	}
	return f.Text("access_token"), time.Duration(min(seconds, int64(maxTokenLife/time.Second))) * time.Second, nil
}

// callWithToken makes a call that carries the app's access token.
func (c *Client) callWithToken(ctx context.Context, appID string, a providers.API, query url.Values, body *providers.Body) (providers.Fields, error) {
	return c.caller.CallWithToken(ctx, c.tokens[appID], func(token string) providers.Request {
		q := url.Values{"access_token": {token}}
		for name, values := range query {
			q[name] = values
		}
		return providers.Request{API: a, Query: q, Body: body}
	})
}

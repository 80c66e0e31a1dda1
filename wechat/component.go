package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
)

// ComponentName is the provider's, for mini programs that have authorized a third-party
// platform.
const ComponentName = "wechat-component"

// The members of an app that name its third-party platform. Apps of one platform have
// the same ones.
const (
	memberComponentAppID  = "componentAppId"
	memberComponentSecret = "componentSecret"
)

// ComponentRegistration is the provider of mini programs of a third-party platform. It
// has no secret of the mini program: the call carries the platform's token, which the
// platform gets for the ticket that WeChat pushes (developers.weixin.qq.com, Open
// Platform, third-party platforms: component_verify_ticket and thirdpartyCode2Session).
//
// Phone numbers and checks of session keys need the mini program's own token, which
// takes an authorization flow of the platform; they are not offered.
var ComponentRegistration = providers.Registration{
	Name: ComponentName, NoSecret: true, Codes: codes,
	Required: []string{memberComponentAppID, memberComponentSecret, memberToken, memberAESKey},
	New: func(app providers.App, cfg providers.Config) (providers.Provider, error) {
		return newComponent(app, cfg)
	},
}

var (
	apiComponentToken   = api("api_component_token", http.MethodPost, "/cgi-bin/component/api_component_token", false, false)
	apiComponentSession = api("component_jscode2session", http.MethodGet, "/sns/component/jscode2session", true, true)
)

// ticketLife is how long a component_verify_ticket is valid. WeChat pushes another one
// every ten minutes.
const ticketLife = 12 * time.Hour

// component is one mini program of a third-party platform.
type component struct {
	app    providers.App
	id     string // the platform's appid
	secret secret.String
	push   *Push
	memory providers.Memory
	caller *providers.Caller
	token  *providers.AppToken

	mu   sync.Mutex
	last string // the token that this process used last
}

var _ interface {
	providers.Provider
	providers.Decrypter
	providers.DataSigner
	providers.PushReader
} = (*component)(nil)

func newComponent(app providers.App, cfg providers.Config) (*component, error) {
	c := &component{
		app: app, id: app.Member(memberComponentAppID).Reveal(), secret: app.Member(memberComponentSecret), memory: cfg.Memory,
	}
	if c.memory == nil {
		return nil, errors.New("a place for the tickets that WeChat pushes")
	}
	var err error
	c.push, err = NewPush(PushConfig{AppID: c.id, Token: app.Member(memberToken), EncodingAESKey: app.Member(memberAESKey), Now: cfg.Now})
	if err != nil {
		return nil, errors.New("encodingAESKey, 43 characters of base64")
	}
	c.caller, err = providers.NewCaller(ComponentName, app.APIURL, []providers.API{apiComponentToken, apiComponentSession}, cfg)
	if err != nil {
		return nil, fmt.Errorf("apiURL: %w", err)
	}
	c.token = c.caller.NewAppToken(apiComponentToken, c.fetchToken)
	return c, nil
}

// Exchange implements providers.Provider.
func (c *component) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	if err := c.caller.CheckCode(apiComponentSession, code); err != nil {
		return providers.Identity{}, err
	}
	f, err := c.caller.CallWithToken(ctx, c.token, func(token string) providers.Request {
		return providers.Request{API: apiComponentSession, Query: url.Values{
			"appid": {c.app.ID}, "js_code": {code}, "grant_type": {"authorization_code"},
			"component_appid": {c.id}, "component_access_token": {token},
		}}
	})
	if err != nil {
		return providers.Identity{}, err
	}
	i := providers.Identity{Subject: f.Text("openid"), UnionID: f.Text("unionid"), SessionKey: secret.New(f.Text("session_key"))}
	if !providers.PlausibleID(i.Subject) || !providers.PlausibleID(i.SessionKey.Reveal()) || i.UnionID != "" && !providers.PlausibleID(i.UnionID) {
		return providers.Identity{}, c.caller.Lacks(apiComponentSession, "openid or session_key")
	}
	return i, nil
}

func (c *component) ticketName() string { return "component_verify_ticket " + c.id }
func (c *component) tokenName() string  { return "component_access_token " + c.id }

// fetchToken returns the platform's token that another process or another app of the
// platform has fetched, or fetches one. All share it, for whether a new token ends the
// earlier one is not documented.
func (c *component) fetchToken(ctx context.Context) (string, time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.caller.Now()
	shared, expires, err := c.memory.Recall(ctx, c.tokenName())
	if err != nil {
		return "", 0, c.caller.Refuse(apiComponentToken, providers.KindUnavailable, "the shared token cannot be read")
	}
	// The one that was used last is asked for again because it was refused, or
	// because it expires.
	if value := shared.Reveal(); value != "" && value != c.last && expires.Sub(now) > time.Minute {
		c.last = value
		return value, expires.Sub(now), nil
	}
	ticket, at, err := c.memory.Recall(ctx, c.ticketName())
	switch {
	case err != nil:
		return "", 0, c.caller.Refuse(apiComponentToken, providers.KindUnavailable, "the ticket cannot be read")
	case ticket.Empty() || now.Sub(at) >= ticketLife:
		return "", 0, c.caller.Refuse(apiComponentToken, providers.KindUnexpected, "WeChat has pushed no component_verify_ticket for twelve hours")
	}
	f, err := c.caller.Call(ctx, providers.Request{API: apiComponentToken, Body: providers.JSON(map[string]string{
		"component_appid": c.id, "component_appsecret": c.secret.Reveal(), "component_verify_ticket": ticket.Reveal(),
	})})
	if err != nil {
		return "", 0, err
	}
	value := f.Text("component_access_token")
	seconds, ok := f.Integer("expires_in")
	if !ok || seconds <= 0 || value == "" {
		return "", 0, c.caller.Lacks(apiComponentToken, "component_access_token or expires_in")
	}
	life := time.Duration(min(seconds, int64(maxTokenLife/time.Second))) * time.Second
	c.last = value
	// Where the token cannot be kept, the others fetch one of their own.
	_ = c.memory.Keep(ctx, c.tokenName(), secret.New(value), now.Add(life))
	return value, life, nil
}

// PushID implements providers.PushReader: WeChat pushes to the platform and not to the
// mini program.
func (c *component) PushID() string { return c.id }

// ConfirmPush implements providers.PushReader.
func (c *component) ConfirmPush(query url.Values) (string, error) { return c.push.VerifyURL(query) }

// ReadPush implements providers.PushReader. It keeps the component_verify_ticket.
// Messages about the authorization of mini programs change nothing here.
func (c *component) ReadPush(ctx context.Context, query url.Values, body []byte) (providers.Push, error) {
	m, _, err := c.push.open(query, body)
	if err != nil {
		return providers.Push{}, err
	}
	made, err := strconv.ParseInt(m["CreateTime"], 10, 64)
	if err != nil || made <= 0 || m["AppId"] != c.id {
		return providers.Push{}, ErrPush
	}
	at := time.Unix(made, 0).UTC()
	if m["InfoType"] == "component_verify_ticket" {
		if m["ComponentVerifyTicket"] == "" {
			return providers.Push{}, ErrPush
		}
		if err := c.memory.Keep(ctx, c.ticketName(), secret.New(m["ComponentVerifyTicket"]), at); err != nil {
			return providers.Push{}, err
		}
	}
	return providers.Push{At: at}, nil
}

// Decrypt implements providers.Decrypter.
func (c *component) Decrypt(key secret.String, encryptedData, iv string) (json.RawMessage, error) {
	return Decrypt(c.app.ID, SessionKey{key}, encryptedData, iv)
}

// SignData implements providers.DataSigner.
func (c *component) SignData(key secret.String, data string) string {
	return SignData(data, SessionKey{key})
}

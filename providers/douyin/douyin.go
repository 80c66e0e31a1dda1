// Package douyin signs people in by the server API of Douyin's mini programs and
// their siblings (Toutiao and others).
//
// Sources: developer.open-douyin.com, code-2-session and tt.login. Used and
// expired codes are not told apart there; err_nos that are not listed here count
// as an outage, never as a refusal. The phone API's err_nos are known from a
// third party alone.
package douyin

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
)

const (
	name           = "douyin"
	memberPhoneKey = "phonePrivateKeyFile"

	loginHost = "https://developer.toutiao.com"
	openHost  = "https://open.douyin.com"
)

// Registration is the provider of Douyin's mini programs.
var Registration = providers.Registration{
	Name: name, Optional: []string{memberPhoneKey}, Codes: []string{"-1", "40014", "40015", "40017", "40018", "40019", "28005187"},
	New: func(app providers.App, cfg providers.Config) (providers.Provider, error) {
		return newProvider(app, cfg)
	},
}

var (
	apiSession = providers.API{Name: "jscode2session", Method: http.MethodPost, Host: loginHost, Path: "/api/apps/v2/jscode2session", Once: true, Judge: judge}
	apiToken   = providers.API{Name: "client_token", Method: http.MethodPost, Host: openHost, Path: "/oauth/client_token/", Judge: judgeToken}
	apiPhone   = providers.API{
		Name: "get_phonenumber_info", Method: http.MethodPost, Host: openHost, Path: "/api/apps/v1/get_phonenumber_info/", WithToken: true, Once: true, Judge: judgePhone,
	}
)

// provider is one mini program.
type provider struct {
	app      providers.App
	phoneKey *rsa.PrivateKey // nil where no phone numbers are wanted
	caller   *providers.Caller
	token    *providers.AppToken
}

var _ interface {
	providers.Provider
	providers.PhoneNumberer
	providers.Decrypter
} = (*provider)(nil)

func newProvider(app providers.App, cfg providers.Config) (*provider, error) {
	p := &provider{app: app}
	var err error
	if key := app.Member(memberPhoneKey); !key.Empty() {
		if p.phoneKey, err = providers.RSAPrivateKey(key); err != nil {
			return nil, fmt.Errorf("%s, %w", memberPhoneKey, err)
		}
	}
	if p.caller, err = providers.NewCaller(name, app.APIURL, []providers.API{apiSession, apiToken, apiPhone}, cfg); err != nil {
		return nil, err
	}
	p.token = p.caller.NewAppToken(apiToken, p.fetchToken)
	return p, nil
}

// Exchange implements providers.Provider. tt.login gives a guest an anonymousCode
// in the place of a code. So a code that is refused is asked about once more as
// such: if it is one, it names a device and not a person, and the error is
// ErrNoIdentity.
func (p *provider) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	if err := p.caller.CheckCode(apiSession, code); err != nil {
		return providers.Identity{}, err
	}
	f, err := p.session(ctx, "code", code)
	if errors.Is(err, providers.ErrInvalidCode) {
		if _, guest := p.session(ctx, "anonymous_code", code); guest == nil {
			return providers.Identity{}, p.caller.Refuse(apiSession, providers.KindNoIdentity, "the code of a guest")
		}
	}
	if err != nil {
		return providers.Identity{}, err
	}
	data := f.Object("data")
	i := providers.Identity{Subject: data.Text("openid"), UnionID: data.Text("unionid"), SessionKey: secret.New(data.Text("session_key"))}
	if i.Subject == "" && data.Text("anonymous_openid") != "" {
		return providers.Identity{}, p.caller.Refuse(apiSession, providers.KindNoIdentity, "the platform knows a device and no person")
	}
	if !providers.PlausibleID(i.Subject) || !providers.PlausibleID(i.SessionKey.Reveal()) || i.UnionID != "" && !providers.PlausibleID(i.UnionID) {
		return providers.Identity{}, p.caller.Lacks(apiSession, "openid or session_key")
	}
	return i, nil
}

func (p *provider) session(ctx context.Context, parameter, code string) (providers.Fields, error) {
	return p.caller.Call(ctx, providers.Request{API: apiSession, Body: providers.JSON(map[string]string{
		"appid": p.app.ID, "secret": p.app.Secret.Reveal(), parameter: code,
	})})
}

// meanings are the err_nos of jscode2session. 40014, a parameter that is missing,
// is a fault of ours.
var meanings = map[int]providers.Kind{
	-1:    providers.KindUnavailable, // whether the code is used up by then is not documented
	40015: providers.KindRejectedApp,
	40017: providers.KindRejectedApp,
	40018: providers.KindInvalidCode,
	40019: providers.KindInvalidCode,
}

func judge(_ providers.API, f providers.Fields, _ []byte) *providers.Error {
	return judgeBy(f, meanings)
}

// judgePhone knows one refusal: a code that has expired. A token that is refused
// cannot be told from other errors.
func judgePhone(_ providers.API, f providers.Fields, _ []byte) *providers.Error {
	return judgeBy(f, map[int]providers.Kind{28005187: providers.KindInvalidCode, -1: providers.KindUnavailable})
}

func judgeBy(f providers.Fields, meanings map[int]providers.Kind) *providers.Error {
	code, ok := f.Number("err_no")
	switch {
	case !ok || !f.Has("err_no"):
		return &providers.Error{Kind: providers.KindUnexpected, Reason: "no err_no"}
	case code == 0:
		return nil
	}
	kind, known := meanings[code]
	if !known {
		kind = providers.KindUnexpected
	}
	return &providers.Error{Kind: kind, Code: strconv.Itoa(code)}
}

// judgeToken: the response of client_token has its error within data.
func judgeToken(_ providers.API, f providers.Fields, _ []byte) *providers.Error {
	data := f.Object("data")
	code, ok := data.Number("error_code")
	if ok && code == 0 {
		return nil
	}
	return &providers.Error{Kind: providers.KindUnexpected, Code: providers.CleanCode(data.TextOrNumber("error_code"))}
}

func (p *provider) fetchToken(ctx context.Context) (string, time.Duration, error) {
	f, err := p.caller.Call(ctx, providers.Request{API: apiToken, Body: providers.JSON(map[string]string{
		"client_key": p.app.ID, "client_secret": p.app.Secret.Reveal(), "grant_type": "client_credential",
	})})
	if err != nil {
		return "", 0, err
	}
	data := f.Object("data")
	seconds, ok := data.Integer("expires_in")
	if !ok || seconds <= 0 {
		return "", 0, p.caller.Lacks(apiToken, "access_token or expires_in")
	}
	return data.Text("access_token"), time.Duration(min(seconds, 7200)) * time.Second, nil
}

// PhoneNumber implements providers.PhoneNumberer. The number comes encrypted under
// the app's own RSA key.
func (p *provider) PhoneNumber(ctx context.Context, _, code string) (providers.Phone, error) {
	if p.phoneKey == nil {
		return providers.Phone{}, p.caller.Refuse(apiPhone, providers.KindRejectedApp, "the app has no "+memberPhoneKey)
	}
	if err := p.caller.CheckCode(apiPhone, code); err != nil {
		return providers.Phone{}, err
	}
	f, err := p.caller.CallWithToken(ctx, p.token, func(token string) providers.Request {
		return providers.Request{API: apiPhone, Header: http.Header{"Access-Token": {token}}, Body: providers.JSON(map[string]string{"code": code})}
	})
	if err != nil {
		return providers.Phone{}, err
	}
	data, err := base64.StdEncoding.DecodeString(f.Text("data"))
	if err != nil {
		return providers.Phone{}, p.caller.Lacks(apiPhone, "data")
	}
	plain, err := rsa.DecryptPKCS1v15(rand.Reader, p.phoneKey, data) //nolint:staticcheck // Douyin's choice; it answers us alone, over TLS, so no one can ask it as an oracle
	var info providers.Fields
	if err != nil || json.Unmarshal(plain, &info) != nil {
		return providers.Phone{}, p.caller.Refuse(apiPhone, providers.KindRejectedApp, "the number is encrypted under another key than "+memberPhoneKey)
	}
	phone := providers.Phone{Number: info.Text("purePhoneNumber"), CountryCode: strings.TrimPrefix(info.TextOrNumber("countryCode"), "+")}
	if phone.Number == "" || info.Object("watermark").Text("appid") != p.app.ID {
		return providers.Phone{}, p.caller.Lacks(apiPhone, "purePhoneNumber with the watermark of this app")
	}
	return phone, nil
}

// Decrypt implements providers.Decrypter.
func (p *provider) Decrypt(key secret.String, encryptedData, iv string) (json.RawMessage, error) {
	return providers.DecryptMarked(p.app.ID, key, encryptedData, iv)
}

// Package custom signs people in by a back end of the operator's own: a
// text-message code, a password, a platform that has no package here. It POSTs
// {"appId", "code"} to the app's url, signed as Standard Webhooks are, and takes
// {"subject", "unionid"?, "phone"?} or a problem document (RFC 9457) with the
// code invalid_code, code_used or user_blocked. Everything else counts as an
// outage.
package custom

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/providers"
)

const (
	name      = "custom"
	memberURL = "url"
)

// Registration is the provider of back ends of the operator's own. The app's
// secret is whsec_ and base64 of 24 to 64 bytes.
var Registration = providers.Registration{
	Name: name, Required: []string{memberURL},
	Codes: []string{"invalid_code", "code_used", "user_blocked"},
	New: func(app providers.App, cfg providers.Config) (providers.Provider, error) {
		return newProvider(app, cfg)
	},
}

// provider is one app.
type provider struct {
	appID  string
	secret standardwebhooks.Secret
	caller *providers.Caller
	api    providers.API
}

func newProvider(app providers.App, cfg providers.Config) (*provider, error) {
	secret, err := standardwebhooks.ParseSecret(app.Secret.Reveal())
	if err != nil {
		return nil, errors.New("secret, whsec_ and base64 of 24 to 64 bytes")
	}
	address := app.Member(memberURL).Reveal()
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("url, such as https://example.com/login, without a user and a fragment")
	}
	p := &provider{
		appID: app.ID, secret: secret,
		api: providers.API{Name: "login", Method: http.MethodPost, Host: address, Once: true, Judge: judge},
	}
	p.caller, err = providers.NewCaller(name, "", []providers.API{p.api}, cfg)
	return p, err
}

// Exchange implements providers.Provider.
func (p *provider) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	if err := p.caller.CheckCode(p.api, code); err != nil {
		return providers.Identity{}, err
	}
	body := providers.JSON(map[string]string{"appId": p.appID, "code": code})
	header := http.Header{}
	p.secret.SetHeaders(header, "msg_"+rand.Text(), p.caller.Now(), body.Data)
	f, err := p.caller.Call(ctx, providers.Request{API: p.api, Header: header, Body: body})
	if err != nil {
		return providers.Identity{}, err
	}
	i := providers.Identity{Subject: f.Text("subject"), UnionID: f.Text("unionid")}
	if !providers.PlausibleID(i.Subject) || f.Has("unionid") && !providers.PlausibleID(i.UnionID) {
		return providers.Identity{}, p.caller.Lacks(p.api, "a subject")
	}
	if f.Has("phone") {
		var ok bool
		if i.Phone, ok = phoneOf(f.Text("phone")); !ok {
			return providers.Identity{}, p.caller.Lacks(p.api, "a phone number in the form +8613800001111")
		}
	}
	return i, nil
}

var phoneForm = regexp.MustCompile(`^\+?[0-9]{5,15}$`)

// phoneOf reads E.164, or the digits of a number of China's mainland.
func phoneOf(text string) (providers.Phone, bool) {
	if !phoneForm.MatchString(text) {
		return providers.Phone{}, false
	}
	if mainland, is := strings.CutPrefix(text, "+86"); is {
		return providers.Phone{Number: mainland, CountryCode: "86"}, true
	}
	return providers.Phone{Number: text}, true // with + it is whole as it is
}

// judge reads a problem document. A response without a subject and without one of
// our codes is an outage, whatever its status.
func judge(_ providers.API, f providers.Fields, _ []byte) *providers.Error {
	code := f.Text("code")
	switch code {
	case "invalid_code":
		return &providers.Error{Kind: providers.KindInvalidCode, Code: code}
	case "code_used":
		return &providers.Error{Kind: providers.KindCodeUsed, Code: code}
	case "user_blocked":
		return &providers.Error{Kind: providers.KindUserBlocked, Code: code}
	}
	if f.Has("subject") {
		return nil
	}
	return &providers.Error{Kind: providers.KindUnexpected, Code: providers.CleanCode(code), Reason: "neither a subject nor a known code"}
}

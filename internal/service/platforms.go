package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/alipay"
	"github.com/wugan/wugan/providers/alipay/fakealipay"
	"github.com/wugan/wugan/providers/baidu"
	"github.com/wugan/wugan/providers/baidu/fakebaidu"
	"github.com/wugan/wugan/providers/custom"
	"github.com/wugan/wugan/providers/custom/fakecustom"
	"github.com/wugan/wugan/providers/douyin"
	"github.com/wugan/wugan/providers/douyin/fakedouyin"
	"github.com/wugan/wugan/providers/qq"
	"github.com/wugan/wugan/providers/qq/fakeqq"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/providers/wecom"
	"github.com/wugan/wugan/providers/wecom/fakewecom"
	"github.com/wugan/wugan/users"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakecomponent"
	"github.com/wugan/wugan/wechat/fakeoauth"
)

// platform is a platform that this service knows.
type platform struct {
	providers.Registration
	// standIn makes its stand-in; nil for WeChat, which has a command of its own.
	standIn func(standin.Options) (standin.Server, error)
}

// platforms lists all platforms.
var platforms = []platform{
	{wechat.Registration, nil},
	{wechat.OAuthRegistration, fakeoauth.StandIn},
	{wechat.ComponentRegistration, fakecomponent.StandIn},
	{alipay.Registration, fakealipay.StandIn},
	{douyin.Registration, fakedouyin.StandIn},
	{custom.Registration, fakecustom.StandIn},
	{wecom.Registration, fakewecom.StandIn},
	{qq.Registration, fakeqq.StandIn},
	{baidu.Registration, fakebaidu.StandIn},
}

// knownPlatforms makes the providers of apps.
var knownPlatforms = func() (out providers.Registry) {
	for _, one := range platforms {
		out = append(out, one.Registration)
	}
	return out
}()

// apps are the apps that are configured. It lets the domain talk to their
// platforms in its own words. The apps may be replaced at any time; a call that is
// under way goes on with the one that it began with.
type apps struct {
	use providers.Config
	// devCodes lets codes of the form dev:NAME through, which only the stand-ins
	// know.
	devCodes bool
	current  atomic.Pointer[appSet]
}

// appSet holds the apps of one load of the settings.
type appSet struct {
	settings []config.App
	by       map[string]platformApp
}

type platformApp struct {
	providers.App
	provider  providers.Provider
	lifetimes auth.AppLifetimes
}

func newApps(use providers.Config, devCodes bool) *apps {
	return &apps{use: use, devCodes: devCodes}
}

// replace replaces all apps, or returns an error and changes nothing.
func (a *apps) replace(settings []config.App) error {
	next := &appSet{settings: settings, by: make(map[string]platformApp, len(settings))}
	for _, app := range settings {
		made, err := knownPlatforms.New(app.App, a.use)
		if err != nil {
			return app.Wrong("%s", err)
		}
		next.by[app.ID] = platformApp{app.App, made, app.Lifetimes}
	}
	a.current.Store(next)
	return nil
}

// ids returns the appids in the order of the settings.
func (a *apps) ids() []string { return appIDs(a.current.Load().settings) }

func (a *apps) of(appID string) (platformApp, error) {
	if app, ok := a.current.Load().by[appID]; ok {
		return app, nil
	}
	return platformApp{}, auth.ErrUnknownApp
}

// lifetimes returns the lifetimes of an app that has its own.
func (a *apps) lifetimes(appID string) auth.AppLifetimes { return a.current.Load().by[appID].lifetimes }

var _ auth.CodeExchanger = (*apps)(nil)

// ExchangeCode implements auth.CodeExchanger.
func (a *apps) ExchangeCode(ctx context.Context, appID, code string) (auth.ProvenIdentity, error) {
	app, err := a.of(appID)
	if err != nil {
		return auth.ProvenIdentity{}, err
	}
	if !a.devCodes && strings.HasPrefix(code, "dev:") {
		return auth.ProvenIdentity{}, &users.ProviderError{
			Reason: users.CodeInvalid, Provider: app.Provider, Err: errors.New("a code of a stand-in"),
		}
	}
	i, err := app.provider.Exchange(ctx, code)
	if err != nil {
		return auth.ProvenIdentity{}, app.failed(err)
	}
	return auth.ProvenIdentity{
		Provider: app.Provider, Account: app.Account, OpenID: i.Subject, UnionID: i.UnionID, SessionKey: i.SessionKey,
		Phone: users.GivenPhone{Number: users.Phone(i.Phone.Number), Country: i.Phone.CountryCode},
	}, nil
}

var _ users.Provider = (*apps)(nil)

// PhoneNumber implements users.Provider.
func (a *apps) PhoneNumber(ctx context.Context, appID, openID, code string) (users.GivenPhone, error) {
	app, can, err := capability[providers.PhoneNumberer](a, appID, "phone numbers")
	if err != nil {
		return users.GivenPhone{}, err
	}
	phone, err := can.PhoneNumber(ctx, openID, code)
	if err != nil {
		return users.GivenPhone{}, app.failed(err)
	}
	return users.GivenPhone{Number: users.Phone(phone.Number), Country: phone.CountryCode}, nil
}

// SessionKeyValid implements users.Provider.
func (a *apps) SessionKeyValid(ctx context.Context, appID, openID, key string) (bool, error) {
	app, can, err := capability[providers.SessionKeyChecker](a, appID, "checks of session keys")
	if err != nil {
		return false, err
	}
	valid, err := can.SessionKeyValid(ctx, openID, secret.New(key))
	return valid, app.failed(err)
}

// Decrypt implements users.Provider.
func (a *apps) Decrypt(appID, key, encryptedData, iv string) (json.RawMessage, error) {
	app, can, err := capability[providers.Decrypter](a, appID, "encrypted data")
	if err != nil {
		return nil, err
	}
	plain, err := can.Decrypt(secret.New(key), encryptedData, iv)
	return plain, app.failed(err)
}

var _ users.Platform = (*apps)(nil)

// SignData implements users.Platform.
func (a *apps) SignData(appID, key, data string) (string, error) {
	_, can, err := capability[providers.DataSigner](a, appID, "signatures under a session key")
	if err != nil {
		return "", err
	}
	return can.SignData(secret.New(key), data), nil
}

// PlatformToken implements users.Platform.
func (a *apps) PlatformToken(ctx context.Context, appID string) (secret.String, time.Duration, error) {
	app, can, err := capability[providers.AppTokenHolder](a, appID, "access token")
	if err != nil {
		return secret.String{}, 0, err
	}
	token, expires, err := can.AppToken(ctx)
	return token, time.Until(expires), app.failed(err)
}

// capability finds what the platform of an app can do beside exchanging codes.
func capability[C any](a *apps, appID, what string) (app platformApp, can C, err error) {
	if app, err = a.of(appID); err != nil {
		return app, can, err
	}
	can, ok := app.provider.(C)
	if !ok {
		err = &users.ProviderError{
			Reason: users.NotOffered, Provider: app.Provider, Err: fmt.Errorf("provider %s has no %s", app.Provider, what),
		}
	}
	return app, can, err
}

// reasons puts the errors of providers into the domain's words; what is not
// listed is an outage.
var reasons = []struct {
	err    error
	reason users.ProviderReason
}{
	{providers.ErrInvalidCode, users.CodeInvalid},
	{providers.ErrCodeUsed, users.CodeUsed},
	{providers.ErrNoIdentity, users.NoIdentity},
	{providers.ErrUserBlocked, users.PersonBlocked},
	{providers.ErrRateLimited, users.TooOften},
	{providers.ErrRejectedApp, users.AppRejected},
	{providers.ErrDecrypt, users.DecryptFailed},
}

// failed converts an error of the app's provider into one of the domain.
func (a platformApp) failed(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, providers.ErrUnknownApp) {
		return auth.ErrUnknownApp
	}
	out := &users.ProviderError{Reason: users.ProviderOutage, Provider: a.Provider, Err: err}
	for _, known := range reasons {
		if errors.Is(err, known.err) {
			out.Reason = known.reason
			break
		}
	}
	var detail *providers.Error
	if errors.As(err, &detail) {
		out.RetryAfter = detail.RetryAfter
	}
	return out
}

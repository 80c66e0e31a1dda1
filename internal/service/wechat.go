package service

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
	"github.com/wugan/wugan/wechat"
)

// provider lets the domain talk to WeChat in its own words.
type provider struct {
	client *wechat.Client
	// devCodes lets codes of the form dev:NAME through, which only the stand-in
	// knows.
	devCodes bool
}

var _ auth.CodeExchanger = provider{}

// ExchangeCode implements auth.CodeExchanger.
func (p provider) ExchangeCode(ctx context.Context, appID, code string) (auth.ProvenIdentity, error) {
	if !p.devCodes && strings.HasPrefix(code, "dev:") {
		return auth.ProvenIdentity{}, &users.ProviderError{
			Reason: users.CodeInvalid, Err: errors.New("a code of the stand-in for WeChat"),
		}
	}
	s, err := p.client.CodeToSession(ctx, appID, code)
	if err != nil {
		return auth.ProvenIdentity{}, providerError(err)
	}
	return auth.ProvenIdentity{OpenID: s.OpenID, UnionID: s.UnionID, SessionKey: s.SessionKey.Secret}, nil
}

var _ users.Provider = provider{}

// PhoneNumber implements users.Provider.
func (p provider) PhoneNumber(ctx context.Context, appID, openID, code string) (users.GivenPhone, error) {
	phone, err := p.client.PhoneNumber(ctx, appID, openID, code)
	if err != nil {
		return users.GivenPhone{}, providerError(err)
	}
	return users.GivenPhone{Number: users.Phone(phone.PureNumber), Country: phone.CountryCode}, nil
}

// SessionKeyValid implements users.Provider.
func (p provider) SessionKeyValid(ctx context.Context, appID, openID, key string) (bool, error) {
	valid, err := p.client.CheckSessionKey(ctx, appID, openID, wechat.NewSessionKey(key))
	return valid, providerError(err)
}

// Decrypt implements users.Provider.
func (provider) Decrypt(appID, key, encryptedData, iv string) (json.RawMessage, error) {
	plain, err := wechat.Decrypt(appID, wechat.NewSessionKey(key), encryptedData, iv)
	return plain, providerError(err)
}

// providerError puts an error of the WeChat client into the domain's words.
func providerError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, wechat.ErrUnknownApp) {
		return auth.ErrUnknownApp
	}
	out := &users.ProviderError{Reason: users.ProviderOutage, Err: err}
	for _, known := range []struct {
		err    error
		reason users.ProviderReason
	}{
		{wechat.ErrInvalidCode, users.CodeInvalid},
		{wechat.ErrCodeUsed, users.CodeUsed},
		{wechat.ErrUserBlocked, users.PersonBlocked},
		{wechat.ErrRateLimited, users.TooOften},
		{wechat.ErrRejectedApp, users.AppRejected},
		{wechat.ErrDecrypt, users.DecryptFailed},
	} {
		if errors.Is(err, known.err) {
			out.Reason = known.reason
			break
		}
	}
	var detail *wechat.Error
	if errors.As(err, &detail) {
		out.RetryAfter = detail.RetryAfter
	}
	return out
}

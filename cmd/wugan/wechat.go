package main

import (
	"context"
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
	return auth.ProvenIdentity{OpenID: s.OpenID, UnionID: s.UnionID, SessionKey: s.SessionKey.Reveal()}, nil
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

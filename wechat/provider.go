package wechat

import (
	"context"
	"encoding/json"
	"time"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
)

// Registration is the provider of mini programs and mini games.
var Registration = providers.Registration{
	Name: Name, Codes: codes, Optional: []string{memberToken, memberAESKey},
	New: func(app providers.App, cfg providers.Config) (providers.Provider, error) {
		push, err := newPushReader(app, cfg)
		if err != nil {
			return nil, err
		}
		client, err := New(Config{BaseURL: app.APIURL, Apps: []App{{ID: app.ID, Secret: app.Secret}}, Config: cfg})
		if err != nil {
			return nil, err
		}
		return &provider{pushReader: push, client: client, appID: app.ID}, nil
	},
}

// provider is one mini program.
type provider struct {
	pushReader
	client *Client
	appID  string
}

var _ interface {
	providers.Provider
	providers.PhoneNumberer
	providers.SessionKeyChecker
	providers.Decrypter
	providers.DataSigner
	providers.AppTokenHolder
	providers.PushReader
} = (*provider)(nil)

// Exchange implements providers.Provider.
func (p *provider) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	s, err := p.client.CodeToSession(ctx, p.appID, code)
	if err != nil {
		return providers.Identity{}, err
	}
	return providers.Identity{Subject: s.OpenID, UnionID: s.UnionID, SessionKey: s.SessionKey.Secret}, nil
}

// PhoneNumber implements providers.PhoneNumberer.
func (p *provider) PhoneNumber(ctx context.Context, subject, code string) (providers.Phone, error) {
	phone, err := p.client.PhoneNumber(ctx, p.appID, subject, code)
	if err != nil {
		return providers.Phone{}, err
	}
	return providers.Phone{Number: phone.PureNumber, CountryCode: phone.CountryCode}, nil
}

// SessionKeyValid implements providers.SessionKeyChecker.
func (p *provider) SessionKeyValid(ctx context.Context, subject string, key secret.String) (bool, error) {
	return p.client.CheckSessionKey(ctx, p.appID, subject, SessionKey{key})
}

// Decrypt implements providers.Decrypter.
func (p *provider) Decrypt(key secret.String, encryptedData, iv string) (json.RawMessage, error) {
	return Decrypt(p.appID, SessionKey{key}, encryptedData, iv)
}

// SignData implements providers.DataSigner.
func (p *provider) SignData(key secret.String, data string) string {
	return SignData(data, SessionKey{key})
}

// AppToken implements providers.AppTokenHolder with the stable access token.
func (p *provider) AppToken(ctx context.Context) (secret.String, time.Time, error) {
	value, expires, err := p.client.tokens[p.appID].Get(ctx)
	if err != nil {
		return secret.String{}, time.Time{}, err
	}
	return secret.New(value), expires, nil
}

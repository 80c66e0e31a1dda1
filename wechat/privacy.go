package wechat

import (
	"context"
	"errors"
	"net/url"

	"github.com/wugan/wugan/providers"
)

// The members of an app with a message push, as WeChat's console has them.
const (
	memberToken  = "token"
	memberAESKey = "encodingAESKey"
)

// pushReader is the privacy push of one app, which mini programs, Official Accounts and
// website applications have alike. It has no Push where none is configured.
type pushReader struct {
	appID string
	push  *Push
}

var _ providers.PushReader = pushReader{}

// newPushReader reads the members of an app. Plain mode is not offered: there the
// signature covers none of the body, and an attacker who has seen one address of a push
// could erase any user.
func newPushReader(app providers.App, cfg providers.Config) (pushReader, error) {
	token, key := app.Member(memberToken), app.Member(memberAESKey)
	if token.Empty() && key.Empty() {
		return pushReader{appID: app.ID}, nil
	}
	if token.Empty() || key.Empty() {
		return pushReader{}, errors.New("both token and encodingAESKey of WeChat's message push, or neither")
	}
	push, err := NewPush(PushConfig{AppID: app.ID, Token: token, EncodingAESKey: key, Now: cfg.Now})
	if err != nil {
		return pushReader{}, errors.New("encodingAESKey, 43 characters of base64")
	}
	return pushReader{app.ID, push}, nil
}

// PushID implements providers.PushReader.
func (r pushReader) PushID() string {
	if r.push == nil {
		return ""
	}
	return r.appID
}

// ConfirmPush implements providers.PushReader.
func (r pushReader) ConfirmPush(query url.Values) (string, error) { return r.push.VerifyURL(query) }

// ReadPush implements providers.PushReader.
func (r pushReader) ReadPush(_ context.Context, query url.Values, body []byte) (providers.Push, error) {
	return r.push.Privacy(query, body)
}

// Privacy verifies a message and returns what is to be done about it. An event of a
// plugin is not about data of the mini program: it is recorded and changes nothing.
func (p *Push) Privacy(query url.Values, body []byte) (providers.Push, error) {
	event, err := p.Parse(query, body)
	if err != nil {
		return providers.Push{}, err
	}
	out := providers.Push{Subject: event.OpenID, At: event.CreateTime}
	switch event.Event {
	case EventUserInfoModified:
		out.Kind, out.Profile, out.Reason = providers.PushWithdrawn, !event.InPlugin(), "WeChat removed a nickname or an avatar"
	case EventUserAuthorizationRevoke:
		out.Kind, out.Reason = providers.PushWithdrawn, "authorization withdrawn in WeChat: "+event.What()
		out.Profile, out.Phone = event.Withdrew()
	case EventUserAuthorizationCancellation:
		out.Kind, out.Reason = providers.PushClosed, "account closed in WeChat"
		if event.InPlugin() {
			out.Kind = providers.PushWithdrawn
		}
	}
	if event.InPlugin() {
		out.Reason += ", in a plugin"
	}
	return out, nil
}

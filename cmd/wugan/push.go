package main

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/wechat"
)

// pushes reads the message push of each app that has one.
type pushes map[string]*wechat.Push

var _ httpapi.Pushes = pushes{}

// pushForm is appid:token:EncodingAESKey. Plain mode is not offered: there the
// signature covers none of the body, and whoever has seen one address of a push
// could have anybody erased.
var pushForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}:[A-Za-z0-9]{3,32}:[A-Za-z0-9+/]{43}$`)

// pushes reads the settings of the message push.
func (c *config) pushes() (pushes, error) {
	out := pushes{}
	for _, field := range splitList(string(c.WechatPush)) {
		if !pushForm.MatchString(field) {
			return nil, wrong("WECHAT_PUSH", "expected appid:token:EncodingAESKey,… as WeChat's console has them, for the safe mode")
		}
		parts := strings.Split(field, ":")
		push, err := wechat.NewPush(wechat.PushConfig{
			AppID: parts[0], Token: wechat.NewSecret(parts[1]), EncodingAESKey: wechat.NewSecret(parts[2]),
		})
		if err != nil {
			return nil, wrong("WECHAT_PUSH", "expected the token and the EncodingAESKey of WeChat's console for %s", parts[0])
		}
		out[parts[0]] = push
	}
	return out, nil
}

// Confirm implements httpapi.Pushes.
func (p pushes) Confirm(appID string, query url.Values) (string, error) {
	push, ok := p[appID]
	if !ok {
		return "", httpapi.ErrNoPush
	}
	return push.VerifyURL(query)
}

// Read implements httpapi.Pushes.
func (p pushes) Read(appID string, query url.Values, body []byte) (httpapi.Push, error) {
	push, ok := p[appID]
	if !ok {
		return httpapi.Push{}, httpapi.ErrNoPush
	}
	event, err := push.Parse(query, body)
	if err != nil {
		return httpapi.Push{}, err
	}
	return meaning(event), nil
}

// meaning says what an event asks for. What concerns a plugin is not about data
// of the mini program: it is recorded and changes nothing.
func meaning(event wechat.Event) httpapi.Push {
	out := httpapi.Push{OpenID: event.OpenID, At: event.CreateTime}
	switch event.Event {
	case wechat.EventUserInfoModified:
		out.Kind, out.Profile, out.Reason = httpapi.PushWithdrawn, !event.InPlugin(), "WeChat removed a nickname or an avatar"
	case wechat.EventUserAuthorizationRevoke:
		out.Kind, out.Reason = httpapi.PushWithdrawn, "authorization withdrawn in WeChat: "+event.What()
		out.Profile, out.Phone = event.Withdrew()
	case wechat.EventUserAuthorizationCancellation:
		out.Kind, out.Reason = httpapi.PushClosed, "account closed in WeChat"
		if event.InPlugin() {
			out.Kind = httpapi.PushWithdrawn
		}
	}
	if event.InPlugin() {
		out.Reason += ", in a plugin"
	}
	return out
}

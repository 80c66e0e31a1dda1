package service

import (
	"net/url"

	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/wechat"
)

// pushes reads the message push of each app that has one.
type pushes map[string]*wechat.Push

var _ httpapi.Pushes = pushes{}

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

// meaning returns the action for an event. An event of a plugin is not about data
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

package service

import (
	"context"
	"errors"
	"net/url"

	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
)

// pushes reads the messages of the platforms. The readers are those of the apps, and
// those of WECHAT_PUSH by appid, whose apps may stand anywhere or nowhere.
type pushes struct {
	apps *apps
	more map[string]*wechat.Push
}

var _ httpapi.Pushes = pushes{}

// of returns the reader of an id in the address of a push. Apps with one id have the
// same settings for it, so any of them reads the message.
func (p pushes) of(id string) (providers.PushReader, bool) {
	for _, app := range p.apps.current.Load().by {
		if reader, is := app.provider.(providers.PushReader); is && reader.PushID() == id {
			return reader, true
		}
	}
	return nil, false
}

// Confirm implements httpapi.Pushes.
func (p pushes) Confirm(id string, query url.Values) (string, error) {
	var (
		echo string
		err  = httpapi.ErrNoPush
	)
	if reader, ok := p.of(id); ok {
		echo, err = reader.ConfirmPush(query)
	} else if push, ok := p.more[id]; ok {
		echo, err = push.VerifyURL(query)
	}
	if errors.Is(err, providers.ErrPush) {
		err = httpapi.ErrPush
	}
	return echo, err
}

// Read implements httpapi.Pushes.
func (p pushes) Read(ctx context.Context, id string, query url.Values, body []byte) (httpapi.Push, error) {
	push, err := p.read(ctx, id, query, body)
	switch {
	case errors.Is(err, providers.ErrPush):
		return httpapi.Push{}, httpapi.ErrPush
	case err != nil:
		return httpapi.Push{}, err
	}
	return httpapi.Push{
		Kind: kindsOfPush[push.Kind], OpenID: push.Subject, At: push.At, Profile: push.Profile, Phone: push.Phone, Reason: push.Reason,
	}, nil
}

func (p pushes) read(ctx context.Context, id string, query url.Values, body []byte) (providers.Push, error) {
	if reader, ok := p.of(id); ok {
		return reader.ReadPush(ctx, query, body)
	}
	if push, ok := p.more[id]; ok {
		return push.Privacy(query, body)
	}
	return providers.Push{}, httpapi.ErrNoPush
}

var kindsOfPush = map[providers.PushKind]httpapi.PushKind{
	providers.PushOther:     httpapi.PushOther,
	providers.PushWithdrawn: httpapi.PushWithdrawn,
	providers.PushClosed:    httpapi.PushClosed,
}

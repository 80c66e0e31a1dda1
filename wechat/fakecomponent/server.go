package fakecomponent

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

var (
	_ standin.Server    = (*Server)(nil)
	_ standin.Encrypter = (*Server)(nil)
	_ standin.Pusher    = (*Server)(nil)
)

// StandIn makes a stand-in for `wugan fake` and `wugan dev`.
func StandIn(opts standin.Options) (standin.Server, error) { return New(opts), nil }

// The members of an app.
const (
	memberID     = "componentAppId"
	memberSecret = "componentSecret"
	memberToken  = "token"
	memberAESKey = "encodingAESKey"
)

// NewApp implements standin.Server. Each app is of a third-party platform of its own.
func (s *Server) NewApp(id, base string) (providers.App, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it does not fail
	return s.AddApp(providers.App{
		ID: id, Provider: "wechat-component", Account: providers.DefaultAccount, Members: map[string]secret.String{
			memberID:     secret.New("wx" + standin.ID("wechat-component", id, "")[:16]),
			memberSecret: secret.New(rand.Text()),
			memberToken:  secret.New(rand.Text()),
			memberAESKey: secret.New(strings.TrimRight(base64.StdEncoding.EncodeToString(key), "=")),
		},
	}, base)
}

// AddApp implements standin.Server.
func (s *Server) AddApp(app providers.App, base string) (providers.App, error) {
	c := Component{
		ID: app.Member(memberID).Reveal(), Secret: app.Member(memberSecret).Reveal(),
		Token: app.Member(memberToken).Reveal(), EncodingAESKey: app.Member(memberAESKey).Reveal(),
	}
	s.SetComponent(c)
	s.SetApp(App{ID: app.ID, Component: c.ID, Platform: app.Account})
	app.APIURL = base
	return app, nil
}

// Code implements standin.Server.
func (s *Server) Code(kind standin.Kind, appID, user string) (string, error) {
	if kind != standin.Login {
		return "", standin.ErrNotOffered
	}
	return s.Login(appID, user), nil
}

// PushTo implements standin.Pusher: a ticket of each third-party platform.
func (s *Server) PushTo(ctx context.Context, base string) error {
	s.mu.Lock()
	ids := make([]string, 0, len(s.components))
	for id := range s.components {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		if err := s.PushTicket(ctx, id, base+"/api/v1/wechat/push/"+id); err != nil {
			return err
		}
	}
	return nil
}

package fakeqq

import (
	"crypto/rand"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

var (
	_ standin.Server    = (*Server)(nil)
	_ standin.Encrypter = (*Server)(nil)
)

// StandIn makes a stand-in for `wugan fake` and `wugan dev`.
func StandIn(opts standin.Options) (standin.Server, error) { return New(opts), nil }

// NewApp implements standin.Server.
func (s *Server) NewApp(id, base string) (providers.App, error) {
	app := providers.App{ID: id, Provider: "qq", Account: "qq", Secret: secret.New(rand.Text())}
	return s.AddApp(app, base)
}

// AddApp implements standin.Server.
func (s *Server) AddApp(app providers.App, base string) (providers.App, error) {
	s.SetApp(App{ID: app.ID, Secret: app.Secret.Reveal()})
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

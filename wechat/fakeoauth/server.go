package fakeoauth

import (
	"crypto/rand"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

var (
	_ standin.Server  = (*Server)(nil)
	_ standin.Visited = (*Server)(nil)
)

// StandIn makes a stand-in for `wugan fake` and `wugan dev`.
func StandIn(opts standin.Options) (standin.Server, error) { return New(opts), nil }

// NewApp implements standin.Server. The Open Platform account is the app's account in
// the settings.
func (s *Server) NewApp(id, base string) (providers.App, error) {
	app := providers.App{ID: id, Provider: "wechat-oauth", Account: providers.DefaultAccount, Secret: secret.New(rand.Text())}
	return s.AddApp(app, base)
}

// AddApp implements standin.Server.
func (s *Server) AddApp(app providers.App, base string) (providers.App, error) {
	s.SetApp(App{ID: app.ID, Secret: app.Secret.Reveal(), Platform: app.Account})
	app.APIURL = base
	return app, nil
}

// Code implements standin.Server: what the authorize page redirects with. The guest is
// the visitor of a snapshot page.
func (s *Server) Code(kind standin.Kind, appID, user string) (string, error) {
	switch kind {
	case standin.Login:
		return s.Login(appID, user), nil
	case standin.Guest:
		return s.SnapshotLogin(appID, user), nil
	case standin.PhoneNumber:
	}
	return "", standin.ErrNotOffered
}

package fakecustom

import (
	"crypto/rand"
	"encoding/base64"
	"errors"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

var _ standin.Server = (*Server)(nil)

// StandIn makes a stand-in for `wugan fake` and `wugan dev`. All its apps have one
// secret, for one back end serves them.
func StandIn(opts standin.Options) (standin.Server, error) {
	return New(opts, standardwebhooks.Secret{}), nil
}

// NewApp implements standin.Server.
func (s *Server) NewApp(id, base string) (providers.App, error) {
	s.mu.Lock()
	text := s.text
	s.mu.Unlock()
	if text == "" {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // it does not fail
		text = "whsec_" + base64.StdEncoding.EncodeToString(raw)
	}
	app := providers.App{
		ID: id, Provider: "custom", Account: "custom", Secret: secret.New(text),
	}
	return s.AddApp(app, base)
}

// AddApp implements standin.Server.
func (s *Server) AddApp(app providers.App, base string) (providers.App, error) {
	shared, err := standardwebhooks.ParseSecret(app.Secret.Reveal())
	if err != nil {
		return providers.App{}, errors.New("secret, whsec_ and base64 of 24 to 64 bytes")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text != "" && s.text != app.Secret.Reveal() {
		return providers.App{}, errors.New("one secret for all apps of the stand-in")
	}
	s.secret, s.text = shared, app.Secret.Reveal()
	app.Members = map[string]secret.String{"url": secret.New(base + "/login")}
	return app, nil
}

// Code implements standin.Server: the text message has arrived.
func (s *Server) Code(kind standin.Kind, appID, user string) (string, error) {
	if kind != standin.Login {
		return "", standin.ErrNotOffered
	}
	return s.Login(appID, user), nil
}

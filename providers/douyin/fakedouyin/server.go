package fakedouyin

import (
	"crypto/rand"
	"errors"

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

const phoneKeyMember = "phonePrivateKeyFile"

// NewApp implements standin.Server.
func (s *Server) NewApp(id, base string) (providers.App, error) {
	key, err := s.NewKey()
	if err != nil {
		return providers.App{}, err
	}
	app := providers.App{
		ID: id, Provider: "douyin", Account: "douyin", Secret: secret.New(rand.Text()),
		Members: map[string]secret.String{phoneKeyMember: standin.PrivatePEM(key)},
	}
	return s.AddApp(app, base)
}

// AddApp implements standin.Server.
func (s *Server) AddApp(app providers.App, base string) (providers.App, error) {
	a := App{ID: app.ID, Secret: app.Secret.Reveal()}
	if text := app.Member(phoneKeyMember); !text.Empty() {
		key, err := providers.RSAPrivateKey(text)
		if err != nil {
			return providers.App{}, errors.New(phoneKeyMember + ", " + err.Error())
		}
		a.PhoneKey = &key.PublicKey
	}
	s.SetApp(a)
	app.APIURL = base
	return app, nil
}

// Code implements standin.Server.
func (s *Server) Code(kind standin.Kind, appID, user string) (string, error) {
	switch kind {
	case standin.Login:
		return s.Login(appID, user), nil
	case standin.PhoneNumber:
		return s.PhoneCode(appID, user), nil
	case standin.Guest:
		return s.Guest(appID, user), nil
	}
	return "", standin.ErrNotOffered
}

// Encrypt is what tt.getUserInfo and its like hand to the client.
func (s *Server) Encrypt(appID, user string, payload map[string]any) standin.Encrypted {
	return standin.EncryptMarked(appID, SessionKey(appID, user), s.Now(), payload)
}

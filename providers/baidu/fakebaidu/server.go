package fakebaidu

import (
	"crypto/rand"
	"errors"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

// keyed is the stand-in by the ids of the settings; Baidu itself goes by the AppKey.
type keyed struct {
	*Server
}

var (
	_ standin.Server    = keyed{}
	_ standin.Encrypter = keyed{}
)

// StandIn makes a stand-in for `wugan fake` and `wugan dev`.
func StandIn(opts standin.Options) (standin.Server, error) { return keyed{New(opts)}, nil }

const appKeyMember = "appKey"

// NewApp implements standin.Server.
func (s keyed) NewApp(id, base string) (providers.App, error) {
	app := providers.App{
		ID: id, Provider: "baidu", Account: "baidu", Secret: secret.New(rand.Text()),
		Members: map[string]secret.String{appKeyMember: secret.New(rand.Text())},
	}
	return s.AddApp(app, base)
}

// AddApp implements standin.Server.
func (s keyed) AddApp(app providers.App, base string) (providers.App, error) {
	key := app.Member(appKeyMember).Reveal()
	if key == "" {
		return providers.App{}, errors.New("the member " + appKeyMember)
	}
	s.mu.Lock()
	s.ids[app.ID] = key
	s.mu.Unlock()
	s.SetApp(App{Key: key, Secret: app.Secret.Reveal()})
	app.APIURL = base
	return app, nil
}

func (s keyed) keyOf(appID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[appID]
}

// Code implements standin.Server.
func (s keyed) Code(kind standin.Kind, appID, user string) (string, error) {
	if kind != standin.Login {
		return "", standin.ErrNotOffered
	}
	return s.Login(s.keyOf(appID), user), nil
}

// Encrypt implements standin.Encrypter.
func (s keyed) Encrypt(appID, user string, payload map[string]any) standin.Encrypted {
	return s.Server.Encrypt(s.keyOf(appID), user, payload)
}

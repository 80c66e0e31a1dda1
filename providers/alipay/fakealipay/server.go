package fakealipay

import (
	"crypto/rand"
	"encoding/base64"
	"errors"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

var _ standin.Server = (*Server)(nil)

// StandIn makes a stand-in for `wugan fake` and `wugan dev`.
func StandIn(opts standin.Options) (standin.Server, error) {
	newKey := opts.PlatformKey
	if newKey == nil {
		newKey = standin.NewKey
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	return New(opts, key), nil
}

// NewApp implements standin.Server.
func (s *Server) NewApp(id, base string) (providers.App, error) {
	key, err := s.NewKey()
	if err != nil {
		return providers.App{}, err
	}
	aesKey := make([]byte, 16)
	_, _ = rand.Read(aesKey) // it does not fail
	app := providers.App{ID: id, Provider: "alipay", Account: "alipay", Members: map[string]secret.String{
		"privateKeyFile":      standin.PrivatePEM(key),
		"alipayPublicKeyFile": secret.New(standin.PublicText(&s.key.PublicKey)),
		"aesKey":              secret.New(base64.StdEncoding.EncodeToString(aesKey)),
	}}
	return s.AddApp(app, base)
}

// AddApp implements standin.Server.
func (s *Server) AddApp(app providers.App, base string) (providers.App, error) {
	private, err := providers.RSAPrivateKey(app.Member("privateKeyFile"))
	if err != nil {
		return providers.App{}, errors.New("privateKeyFile, " + err.Error())
	}
	certificates := Certificates{
		App:    []byte(app.Member("appCertFile").Reveal()),
		Alipay: []byte(app.Member("alipayCertFile").Reveal()),
		Root:   []byte(app.Member("alipayRootCertFile").Reveal()),
	}
	if len(certificates.App) == 0 {
		public, err := providers.RSAPublicKey(app.Member("alipayPublicKeyFile"))
		if err != nil || !public.Equal(&s.key.PublicKey) {
			return providers.App{}, errors.New("alipayPublicKeyFile, the public half of the stand-in's own key")
		}
	}
	aesKey, err := base64.StdEncoding.DecodeString(app.Member("aesKey").Reveal())
	if err != nil {
		return providers.App{}, errors.New("aesKey, base64 of 16 bytes")
	}
	s.SetApp(App{ID: app.ID, Public: &private.PublicKey, AESKey: aesKey, UserID: app.Member("subject").Reveal() == "user_id", Certificates: certificates})
	app.APIURL = base
	return app, nil
}

// Code implements standin.Server. The phone button hands out a text and no code.
func (s *Server) Code(kind standin.Kind, appID, user string) (string, error) {
	switch kind {
	case standin.Login:
		return s.Login(appID, user), nil
	case standin.PhoneNumber:
		s.mu.Lock()
		keyed := len(s.apps[appID].AESKey) > 0
		s.mu.Unlock()
		if !keyed {
			return "", errors.New("the app has no aesKey")
		}
		return s.PhoneText(appID, user), nil
	case standin.Guest:
	}
	return "", standin.ErrNotOffered
}

package service

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// The mini program of wugan dev, which only the embedded stand-in knows. The app of
// every other platform has the platform's name for its id.
const (
	devAppID     = "wx00000000000000de"
	devAppSecret = "00000000000000000000000000000000"
)

// devFakes are the stand-ins of wugan dev. The service talks to them over HTTP as it
// would to the platforms: to WeChat's on an address of its own, which can be shut,
// and to the others on one address, by the name of the platform.
type devFakes struct {
	wechat *fakewechat.Server
	others map[string]standin.Server // by app
	stop   func()
}

// startDevFakes starts the stand-ins and puts their apps into the settings, by a file
// in the folder data.
func startDevFakes(ctx context.Context, c *config.Config, data string) (*devFakes, error) {
	f := &devFakes{
		wechat: fakewechat.New(fakewechat.Options{DevCodes: true, UserRate: -1}),
		others: map[string]standin.Server{},
	}
	// The account is that of the settings: WeChat's web pages know the same persons.
	f.wechat.AddApp(devAppID, devAppSecret, providers.DefaultAccount)
	listener, err := f.wechat.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the mock server of WeChat: %w", err)
	}
	server := &http.Server{Handler: f.wechat.Handler(), ReadHeaderTimeout: headersWithin}
	go func() { _ = server.Serve(listener) }() // ends when stop closes it
	stopWeChat := func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(stop)
	}

	mux := http.NewServeMux()
	base, stopOthers, err := standin.Serve(ctx, "127.0.0.1:0", mux)
	if err != nil {
		stopWeChat()
		return nil, fmt.Errorf("start the mock servers: %w", err)
	}
	f.stop = func() { stopWeChat(); stopOthers() }

	apps := []providers.App{{ID: devAppID, Provider: wechat.Name, Secret: secret.New(devAppSecret), APIURL: "http://" + listener.Addr().String()}}
	// One key for all apps, and both at the same time, so that a first try does not
	// wait for several.
	opts := standin.Options{
		DevCodes:    true,
		PlatformKey: keptKey(filepath.Join(data, "platform.pem")), NewKey: keptKey(filepath.Join(data, "apps.pem")),
	}
	go func() { _, _ = opts.NewKey() }() // who needs it is told what went wrong
	for _, one := range platforms {
		if one.standIn == nil {
			continue
		}
		fake, err := one.standIn(opts)
		if err == nil {
			var app providers.App
			app, err = fake.NewApp(one.Name, base+"/"+one.Name)
			apps = append(apps, app)
		}
		if err != nil {
			f.stop()
			return nil, fmt.Errorf("start the mock server of %s: %w", one.Name, err)
		}
		f.others[one.Name] = fake
		mux.Handle("/"+one.Name+"/", http.StripPrefix("/"+one.Name, fake.Handler()))
	}
	path, err := writeApps(data, apps)
	if err != nil {
		f.stop()
		return nil, err
	}
	c.ReplaceApps(secret.String{})
	c.AppsFile = path
	return f, nil
}

// beside answers what plays the clients on people's phones, under /dev/, and WeChat's
// pages in a browser, under /connect/. service answers the rest.
func (f *devFakes) beside(service http.Handler) http.Handler {
	phones := http.NewServeMux()
	standin.HandleClients(phones, func(appID string) (standin.Coder, bool) {
		if appID == devAppID {
			return devWeChat{f.wechat}, true
		}
		server, ok := f.others[appID]
		return server, ok
	})
	phones = under("/dev", phones)
	pages := f.others[wechat.OAuthName].Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/dev/"):
			phones.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/connect/"):
			pages.ServeHTTP(w, r)
		default:
			service.ServeHTTP(w, r)
		}
	})
}

func under(prefix string, h http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, h))
	return mux
}

// devWeChat plays the client in WeChat.
type devWeChat struct{ *fakewechat.Server }

var (
	_ standin.Coder     = devWeChat{}
	_ standin.Encrypter = devWeChat{}
)

// Code implements standin.Coder.
func (d devWeChat) Code(kind standin.Kind, appID, user string) (string, error) {
	switch kind {
	case standin.Login:
		return d.Login(appID, user)
	case standin.PhoneNumber:
		return d.PhoneCode(appID, user)
	case standin.Guest:
	}
	return "", standin.ErrNotOffered
}

// Encrypt implements standin.Encrypter.
func (d devWeChat) Encrypt(appID, user string, payload map[string]any) standin.Encrypted {
	made, err := d.Server.Encrypt(appID, user, payload)
	if err != nil {
		return standin.Encrypted{} // the app is known, and the payload came as JSON
	}
	return standin.Encrypted{Data: made.EncryptedData, IV: made.IV}
}

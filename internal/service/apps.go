package service

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/users"
	"github.com/wugan/wugan/wechat"
)

// platform is what the domain asks of the identity provider of an app.
type platform interface {
	auth.CodeExchanger
	users.Provider
}

// makePlatform makes the platforms of one provider's apps, by appid. It refuses
// members that the provider does not know. It calls nobody.
type makePlatform func(apps []config.App, use platformUse) (map[string]platform, error)

// platformUse is what every provider may use.
type platformUse struct {
	devCodes bool
	wechat   wechat.Config // what its clients have in common
}

// platforms are the providers, by the name that APPS_FILE calls them. A provider is
// a line here and a function.
var platforms = map[string]makePlatform{
	config.WeChat: wechatPlatforms,
}

// wechatPlatforms makes a client for each address that WeChat is asked at.
func wechatPlatforms(apps []config.App, use platformUse) (map[string]platform, error) {
	at := map[string][]wechat.App{}
	for _, app := range apps {
		if err := app.Only(); err != nil {
			return nil, err
		}
		if app.Secret.Empty() {
			return nil, app.Wrong("secret or secretFile, the AppSecret")
		}
		at[app.APIURL] = append(at[app.APIURL], wechat.App{ID: app.ID, Secret: app.Secret})
	}
	out := make(map[string]platform, len(apps))
	for address, list := range at {
		settings := use.wechat
		settings.BaseURL, settings.Apps = address, list
		client, err := wechat.New(settings)
		if err != nil {
			return nil, err
		}
		for _, app := range list {
			out[app.ID] = provider{client: client, devCodes: use.devCodes}
		}
	}
	return out, nil
}

// apps sends each call to the platform of its app. The apps may be replaced at any
// time; a call that is under way goes on with the platform that it began with.
type apps struct {
	use     platformUse
	current atomic.Pointer[appSet]
}

// appSet is one reading of the settings.
type appSet struct {
	settings []config.App
	by       map[string]platform
}

var _ platform = (*apps)(nil)

// replace takes other apps into use, all of them or, with an error, none.
func (a *apps) replace(settings []config.App) error {
	byProvider := map[string][]config.App{}
	for _, app := range settings {
		if platforms[app.Provider] == nil {
			return app.Wrong("one of the providers %v", slices.Sorted(maps.Keys(platforms)))
		}
		byProvider[app.Provider] = append(byProvider[app.Provider], app)
	}
	next := &appSet{settings: settings, by: make(map[string]platform, len(settings))}
	for name, list := range byProvider {
		made, err := platforms[name](list, a.use)
		if err != nil {
			return err
		}
		maps.Copy(next.by, made)
	}
	a.current.Store(next)
	return nil
}

// ids are the appids in the order of the settings.
func (a *apps) ids() []string {
	settings := a.current.Load().settings
	out := make([]string, len(settings))
	for i, app := range settings {
		out[i] = app.ID
	}
	return out
}

func (a *apps) of(appID string) (platform, error) {
	if p := a.current.Load().by[appID]; p != nil {
		return p, nil
	}
	return nil, auth.ErrUnknownApp
}

// ExchangeCode implements auth.CodeExchanger.
func (a *apps) ExchangeCode(ctx context.Context, appID, code string) (auth.ProvenIdentity, error) {
	p, err := a.of(appID)
	if err != nil {
		return auth.ProvenIdentity{}, err
	}
	return p.ExchangeCode(ctx, appID, code)
}

// PhoneNumber implements users.Provider.
func (a *apps) PhoneNumber(ctx context.Context, appID, openID, code string) (users.GivenPhone, error) {
	p, err := a.of(appID)
	if err != nil {
		return users.GivenPhone{}, err
	}
	return p.PhoneNumber(ctx, appID, openID, code)
}

// SessionKeyValid implements users.Provider.
func (a *apps) SessionKeyValid(ctx context.Context, appID, openID, key string) (bool, error) {
	p, err := a.of(appID)
	if err != nil {
		return false, err
	}
	return p.SessionKeyValid(ctx, appID, openID, key)
}

// Decrypt implements users.Provider.
func (a *apps) Decrypt(appID, key, encryptedData, iv string) (json.RawMessage, error) {
	p, err := a.of(appID)
	if err != nil {
		return nil, err
	}
	return p.Decrypt(appID, key, encryptedData, iv)
}

// watchApps reads the apps again on SIGHUP and when they change, and calls changed
// when there are others than before. Apps that are wrong leave the earlier ones in
// use, with one error line for each mistake.
func (s *Service) watchApps(ctx context.Context, c config.Config, log *slog.Logger, changed func() error) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	reported := ""
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hup:
			asked = true
		case <-tick.C:
		}
		read, err := s.readApps(c, changed)
		switch {
		case err == nil && (read || asked):
			log.InfoContext(ctx, "apps read again", "apps", s.apps.ids())
			reported = ""
		case err == nil:
			reported = ""
		case asked || err.Error() != reported:
			reported = err.Error()
			log.ErrorContext(ctx, "the apps were changed but cannot be used; the earlier ones stay in use", "error", err)
		}
	}
}

// readApps takes the apps of the settings into use if they are others than those in
// use, and reports whether they were.
func (s *Service) readApps(c config.Config, changed func() error) (bool, error) {
	settings, err := c.Apps()
	if err != nil {
		return false, err
	}
	before := s.apps.current.Load()
	if reflect.DeepEqual(settings, before.settings) { // which compares the texts of secrets
		return false, nil
	}
	ids := s.apps.ids()
	if err := s.apps.replace(settings); err != nil {
		return false, err
	}
	if slices.Equal(ids, s.apps.ids()) {
		return true, nil // a secret, or where a platform is
	}
	if err := changed(); err != nil {
		s.apps.current.Store(before)
		return false, fmt.Errorf("the service with other apps: %w", err)
	}
	return true, nil
}

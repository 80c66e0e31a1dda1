package service

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
)

// watchApps reloads the apps on SIGHUP and when their files change, and calls changed
// if they differ from the current ones. If they are invalid, the current ones stay in
// use, with one error line for each mistake.
func (s *Service) watchApps(ctx context.Context, c config.Config, log *slog.Logger, changed func() error) {
	reported := ""
	lookAgain(ctx, func(asked bool) {
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
	})
}

// readApps replaces the apps by those of the settings if they differ from those in
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
	s.revocations.Lengthen(c.LongestAccessTTL(settings))
	if err := s.apps.replace(settings); err != nil {
		return false, err
	}
	warnOfLifetimes(c, settings, s.log)
	if slices.Equal(ids, s.apps.ids()) {
		return true, nil // a secret, a lifetime, or where a platform is
	}
	if err := changed(); err != nil {
		s.apps.current.Store(before)
		return false, fmt.Errorf("the service with other apps: %w", err)
	}
	return true, nil
}

// lifetimesOf returns the lifetimes of an app's tokens.
func lifetimesOf(c config.Config, app config.App) auth.Lifetimes {
	of := c.Lifetimes()
	of.OfApp = func(string) auth.AppLifetimes { return app.Lifetimes }
	return of.Of(app.ID)
}

// renewable returns an error if a refresh token expires before its access token or
// with it: the service takes such lifetimes, as tests do, but a client that refreshes
// when the access token ends comes too late.
func renewable(of auth.Lifetimes) error {
	if of.RefreshTTL > of.AccessTTL {
		return nil
	}
	return fmt.Errorf("refresh tokens expire after %s and access tokens after %s: a client that refreshes when the access token ends comes too late, and its user has to log in again", of.RefreshTTL, of.AccessTTL)
}

// warnOfLifetimes writes a line for each app whose tokens cannot be renewed in time.
func warnOfLifetimes(c config.Config, apps []config.App, log *slog.Logger) {
	for _, app := range apps {
		if err := renewable(lifetimesOf(c, app)); err != nil {
			log.Warn("the lifetimes of the tokens log users out", "app", app.ID, "error", err)
		}
	}
}

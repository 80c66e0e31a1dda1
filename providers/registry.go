package providers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wugan/wugan/internal/secret"
)

// DefaultAccount is the account of an app that names none.
const DefaultAccount = "default"

// App is one configured app.
type App struct {
	// ID is what clients send as appId.
	ID string
	// Provider is the name of the Registration.
	Provider string
	// Account groups apps whose unionids mean the same persons; DefaultAccount
	// when empty.
	Account string
	// Secret is the app's secret; empty for a platform that has none.
	Secret secret.String
	// APIURL replaces all hosts of the platform. "" keeps the platform's own.
	APIURL string
	// Members are the further members that the Registration names. The content
	// of a file stands under the member's own name, which ends in File.
	Members map[string]secret.String
}

// Member returns a further member; the empty secret where it is not set.
func (a App) Member(name string) secret.String { return a.Members[name] }

// Registration describes a platform to the service.
type Registration struct {
	// Name is the value of "provider" in the settings, and the label of metrics.
	Name string
	// NoSecret reports that the platform's apps have no secret.
	NoSecret bool
	// Required and Optional are the members that an app has beside id, provider,
	// account, secret and apiURL. One whose name ends in File names a file.
	Required, Optional []string
	// Codes are the codes that the platform's package tells apart, for a label
	// of metrics with a bounded number of values.
	Codes []string
	// New returns the provider of one app. It makes no call. The error says what was
	// expected of the App ("privateKeyFile, an RSA key in PEM") and holds no
	// secret.
	New func(App, Config) (Provider, error)
}

// Registry lists the registered platforms.
type Registry []Registration

// Find returns the registration of a name.
func (r Registry) Find(name string) (Registration, bool) {
	i := slices.IndexFunc(r, func(one Registration) bool { return one.Name == name })
	if i < 0 {
		return Registration{}, false
	}
	return r[i], true
}

// Names lists the platforms.
func (r Registry) Names() []string {
	names := make([]string, len(r))
	for i, one := range r {
		names[i] = one.Name
	}
	return names
}

// Codes lists the known codes of all platforms.
func (r Registry) Codes() []string {
	var codes []string
	for _, one := range r {
		codes = append(codes, one.Codes...)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// New checks an app against its registration and makes its provider. The error
// says in one line what was expected of the app, and holds no secret.
func (r Registry) New(app App, cfg Config) (Provider, error) {
	known, ok := r.Find(app.Provider)
	switch {
	case !ok:
		return nil, fmt.Errorf("one of the providers %s", strings.Join(r.Names(), ", "))
	case app.Secret.Empty() && !known.NoSecret:
		return nil, errors.New("secret or secretFile, the secret that the platform gave the app")
	}
	for _, name := range known.Required {
		if app.Member(name).Empty() {
			return nil, fmt.Errorf("the member %s, which provider %s needs", name, app.Provider)
		}
	}
	for name := range app.Members {
		if !slices.Contains(known.Required, name) && !slices.Contains(known.Optional, name) {
			return nil, fmt.Errorf("no member %s, which provider %s does not know", name, app.Provider)
		}
	}
	return known.New(app, cfg)
}

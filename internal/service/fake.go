package service

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/keyfile"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

// FakeOptions are what `wugan fake` takes.
type FakeOptions struct {
	// Provider is the platform.
	Provider string
	// Listen is the address that plays the platform, Control that of the control
	// side, which can make codes and faults: keep it private.
	Listen, Control string
	// URL is the address under which others reach Listen; "" for Listen itself.
	URL string
	// Data is the folder of apps.yaml, a file of apps for WUGAN_APPS_FILE. An app
	// that stands in it exists with its secrets; what is missing is made.
	Data string
	// Apps are the ids of the apps; the name of the platform where there are none
	// here and in apps.yaml.
	Apps []string
	// Push is the address of the service that is told what the platform sends
	// unasked; "" for none.
	Push string
	// NoDevCodes switches off codes of the form dev:NAME.
	NoDevCodes bool
}

// FakeNames lists the platforms that Fake can play.
func FakeNames() (names []string) {
	for _, one := range platforms {
		if one.standIn != nil {
			names = append(names, one.Name)
		}
	}
	return names
}

// ErrNoFake is the error for a platform without a stand-in.
var ErrNoFake = errors.New("no stand-in of this name")

const appsFile = "apps.yaml"

// Fake runs the stand-in of a platform until ctx ends, and tells out its addresses and
// its file of apps.
func Fake(ctx context.Context, o FakeOptions, out io.Writer) error {
	i := slices.IndexFunc(platforms, func(p platform) bool { return p.Name == o.Provider && p.standIn != nil })
	if i < 0 {
		return fmt.Errorf("%w: expected one of %s", ErrNoFake, strings.Join(FakeNames(), ", "))
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	fake, err := platforms[i].standIn(standin.Options{
		DevCodes: !o.NoDevCodes, PlatformKey: keptKey(filepath.Join(o.Data, "platform.pem")),
	})
	if err != nil {
		return fmt.Errorf("start the stand-in for %s: %w", o.Provider, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return err
	}
	if o.URL == "" {
		o.URL = "http://" + listener.Addr().String()
	}
	apps, err := fakeApps(o, fake)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	path, err := writeApps(o.Data, apps)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ids := make([]string, len(apps))
	for i, app := range apps {
		ids[i] = app.ID
	}
	control, stop, err := standin.Serve(ctx, o.Control, standin.Control(fake, func(appID string) bool { return slices.Contains(ids, appID) }))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stop()
	server := &http.Server{Handler: fake.Handler(), ReadHeaderTimeout: headersWithin}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if o.Push != "" {
		go keepPushing(ctx, fake, strings.TrimRight(o.Push, "/"))
	}
	_, _ = fmt.Fprintf(out, "fake %s: at %s, its control side at %s, apps %s in %s\n", o.Provider, o.URL, control, strings.Join(ids, ", "), path)
	select {
	case err = <-failed:
		return err
	case <-ctx.Done():
		return server.Close() // a stand-in needs no graceful end
	}
}

// keepPushing sends what a platform sends unasked, until the service accepts it, and
// again every ten minutes.
func keepPushing(ctx context.Context, fake standin.Server, base string) {
	pusher, does := fake.(standin.Pusher)
	if !does {
		return
	}
	for {
		wait := 10 * time.Minute
		if pusher.PushTo(ctx, base) != nil {
			wait = 200 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// fakeApps adds the apps of the file to the stand-in, and those that are asked for
// and not in it.
func fakeApps(o FakeOptions, fake standin.Server) ([]providers.App, error) {
	var apps []providers.App
	path := filepath.Join(o.Data, appsFile)
	if _, err := os.Stat(path); err == nil {
		known, err := (&config.Config{AppsFile: path}).Apps()
		if err != nil {
			return nil, err
		}
		for _, one := range known {
			if one.Provider != o.Provider {
				return nil, fmt.Errorf("%s: expected apps of provider %s alone, but %s has another", path, o.Provider, one.ID)
			}
			app, err := fake.AddApp(one.App, o.URL)
			if err != nil {
				return nil, fmt.Errorf("%s: expected of app %s: %w", path, one.ID, err)
			}
			apps = append(apps, app)
		}
	}
	if len(apps) == 0 && len(o.Apps) == 0 {
		o.Apps = []string{o.Provider}
	}
	for _, id := range o.Apps {
		if slices.ContainsFunc(apps, func(app providers.App) bool { return app.ID == id }) {
			continue
		}
		app, err := fake.NewApp(id, o.URL)
		if err != nil {
			return nil, err
		}
		apps = append(apps, app)
	}
	return apps, nil
}

// appEntry is an app in a file of apps.
type appEntry struct {
	ID       string            `yaml:"id"`
	Provider string            `yaml:"provider"`
	Account  string            `yaml:"account,omitempty"`
	Secret   string            `yaml:"secret,omitempty"`
	APIURL   string            `yaml:"apiURL,omitempty"`
	Members  map[string]string `yaml:",inline"`
}

// writeApps writes a file of apps for APPS_FILE into a folder, and beside it the files
// that its members name.
func writeApps(folder string, apps []providers.App) (path string, err error) {
	if folder, err = filepath.Abs(folder); err != nil {
		return "", fmt.Errorf("write the apps: %w", err)
	}
	list := make([]appEntry, 0, len(apps))
	for _, app := range apps {
		entry := appEntry{
			ID: app.ID, Provider: app.Provider, Account: app.Account, APIURL: app.APIURL, Secret: app.Secret.Reveal(),
			Members: map[string]string{},
		}
		for name, value := range app.Members {
			entry.Members[name] = value.Reveal()
			if strings.HasSuffix(name, "File") {
				entry.Members[name] = filepath.Join(folder, app.ID+"."+name)
				if err := writeFile(entry.Members[name], []byte(value.Reveal())); err != nil {
					return "", err
				}
			}
		}
		list = append(list, entry)
	}
	text, err := yaml.Marshal(map[string][]appEntry{"apps": list}) //nolint:gosec // the file exists to hold the stand-in's secrets; its mode is 0600
	if err != nil {
		return "", fmt.Errorf("write the apps: %w", err)
	}
	path = filepath.Join(folder, appsFile)
	return path, writeFile(path, text)
}

// writeFile replaces a file with secrets in one step.
func writeFile(path string, content []byte) error {
	err := os.WriteFile(path+".new", content, keyfile.Mode)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write the apps: %w", err)
	}
	return nil
}

// keptKey returns a function that reads the RSA key of a file, or makes it at first.
func keptKey(path string) func() (*rsa.PrivateKey, error) {
	return sync.OnceValues(func() (*rsa.PrivateKey, error) {
		text, err := os.ReadFile(path)
		switch {
		case err == nil:
			key, err := providers.RSAPrivateKey(secret.New(string(text)))
			if err != nil {
				return nil, fmt.Errorf("%s: expected %w", path, err)
			}
			return key, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read the key: %w", err)
		}
		key, err := standin.NewKey()
		if err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		return key, writeFile(path, []byte(standin.PrivatePEM(key).Reveal()))
	})
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
)

// App is a configured app and the setting that contains it.
type App struct {
	providers.App
	// Lifetimes are the app's own.
	Lifetimes auth.AppLifetimes
	// Setting names the setting that contains the app, for errors.
	Setting string
}

// Wrong returns an [Error] about this app. It names the app and never a secret.
func (a App) Wrong(format string, args ...any) error {
	return Wrong(a.Setting, "expected of app %s: %s", a.ID, fmt.Sprintf(format, args...))
}

var (
	// appForm is an appid and its secret as WeChat makes them, with room to spare.
	appForm     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}:[A-Za-z0-9_-]{1,256}$`)
	appID       = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	accountForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	// memberForm keeps what may be a secret in a wrong place out of errors.
	memberForm = regexp.MustCompile(`^[A-Za-z]{1,32}$`)
	lineOfYAML = regexp.MustCompile(`\bline (\d+)`)
)

// Apps reads the apps of WECHAT_APPS and APPS_FILE. What comes from a file is read
// each time, so that a secret can be changed while the service runs.
func (c *Config) Apps() ([]App, error) {
	out, err := c.wechatApps()
	if err != nil {
		return nil, err
	}
	if c.AppsFile != "" {
		more, err := c.fileApps()
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	for i, app := range out {
		for _, earlier := range out[:i] {
			if earlier.ID == app.ID {
				return nil, Wrong(app.Setting, "expected each appid once, in one of WUGAN_WECHAT_APPS and WUGAN_APPS_FILE, but %s comes twice", app.ID)
			}
		}
	}
	if len(out) == 0 {
		return nil, Wrong("WECHAT_APPS", "expected appid:secret, or apps in WUGAN_APPS_FILE, but neither is set")
	}
	return out, nil
}

// LongestAccessTTL returns the longest lifetime of an access token of any app.
func (c *Config) LongestAccessTTL(apps []App) time.Duration {
	longest := c.AccessTTL
	for _, app := range apps {
		longest = max(longest, app.Lifetimes.AccessTTL)
	}
	return longest
}

// ReplaceApps replaces all configured apps.
func (c *Config) ReplaceApps(wechatApps secret.String) {
	c.WechatApps, c.AppsFile = wechatApps, ""
	delete(c.files, "WECHAT_APPS")
}

// wechatApps reads appid:secret pairs, separated by commas or lines.
func (c *Config) wechatApps() ([]App, error) {
	text, err := c.present("WECHAT_APPS", c.WechatApps)
	if err != nil {
		return nil, err
	}
	var out []App
	for _, field := range splitList(text) {
		if !appForm.MatchString(field) {
			return nil, Wrong("WECHAT_APPS", "expected appid:secret,appid:secret")
		}
		id, appSecret, _ := strings.Cut(field, ":")
		out = append(out, App{
			App: providers.App{
				ID: id, Provider: wechat.Name, Secret: secret.New(appSecret), Account: providers.DefaultAccount, APIURL: c.WechatAPI.URL,
			},
			Setting: "WECHAT_APPS",
		})
	}
	return out, nil
}

// fileApps reads APPS_FILE. No error repeats a value of the file: it may be a secret
// in a wrong place.
func (c *Config) fileApps() ([]App, error) {
	data, err := os.ReadFile(c.AppsFile)
	if err != nil {
		return nil, Wrong("APPS_FILE", "expected the path of a file that can be read: %s", Cause(err))
	}
	wrong := func(line int, format string, args ...any) error {
		return Wrong("APPS_FILE", "expected a YAML file of apps: line %d: %s", line, fmt.Sprintf(format, args...))
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); err != nil {
		line := "1"
		if found := lineOfYAML.FindStringSubmatch(err.Error()); found != nil {
			line = found[1]
		}
		return nil, Wrong("APPS_FILE", "expected a YAML or JSON file of apps: line %s cannot be read", line)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, Wrong("APPS_FILE", "expected one YAML document")
	}
	root := document.Content[0]
	members, err := membersOf(root)
	if err != nil {
		return nil, wrong(root.Line, "%s", err)
	}
	list := members["apps"]
	if list == nil || len(members) != 1 || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return nil, wrong(root.Line, "apps, a list with an app at least, and nothing beside it")
	}
	var out []App
	for _, node := range list.Content {
		app, err := c.appOf(node)
		if err != nil {
			return nil, wrong(node.Line, "%s", err)
		}
		out = append(out, app)
	}
	return out, nil
}

// membersOf reads an object whose members come once.
func membersOf(node *yaml.Node) (map[string]*yaml.Node, error) {
	if node.Kind != yaml.MappingNode {
		return nil, errors.New("an object")
	}
	out := make(map[string]*yaml.Node, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i].Value
		if node.Content[i].Kind != yaml.ScalarNode || !memberForm.MatchString(name) {
			return nil, errors.New("names of members in letters")
		}
		if out[name] != nil {
			return nil, fmt.Errorf("%s once", name)
		}
		out[name] = node.Content[i+1]
	}
	return out, nil
}

// appOf reads one app of the file.
func (c *Config) appOf(node *yaml.Node) (App, error) {
	members, err := membersOf(node)
	if err != nil {
		return App{}, err
	}
	text := make(map[string]string, len(members))
	for name, value := range members {
		if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
			return App{}, fmt.Errorf("%s, a string", name)
		}
		text[name] = value.Value
	}
	app := App{
		App:     providers.App{Account: providers.DefaultAccount, Members: map[string]secret.String{}},
		Setting: "APPS_FILE",
	}
	for name, value := range text {
		switch name {
		case "id":
			app.ID = value
		case "provider":
			app.Provider = value
		case "account":
			app.Account = value
		case "apiURL":
			app.APIURL = value
		case "secret":
			app.Secret = secret.New(value)
		case "accessTTL", "refreshTTL":
			life, err := time.ParseDuration(value)
			if err != nil || life < time.Second {
				return App{}, fmt.Errorf("%s, a duration of 1s or more such as 30m, 4h or 168h", name)
			}
			if name == "accessTTL" {
				app.Lifetimes.AccessTTL = life
			} else {
				app.Lifetimes.RefreshTTL = life
			}
		case "secretFile":
			content, err := memberFile(name, value)
			if err != nil {
				return App{}, err
			}
			app.Secret = content
		default:
			content := secret.New(value)
			if strings.HasSuffix(name, "File") {
				if content, err = memberFile(name, value); err != nil {
					return App{}, err
				}
			}
			app.Members[name] = content
		}
	}
	_, inline := text["secret"]
	_, inFile := text["secretFile"]
	switch {
	case !appID.MatchString(app.ID):
		return App{}, errors.New("id, the appid")
	case app.Provider == "":
		return App{}, fmt.Errorf("provider of app %s", app.ID)
	case inline && inFile:
		return App{}, fmt.Errorf("one of secret and secretFile for app %s", app.ID)
	case (inline || inFile) && app.Secret.Empty():
		return App{}, fmt.Errorf("a secret that is not empty for app %s", app.ID)
	case !accountForm.MatchString(app.Account):
		return App{}, fmt.Errorf("account of app %s, a short name", app.ID)
	case app.APIURL != "" && (!absoluteHTTP(app.APIURL) || withPassword(app.APIURL)):
		return App{}, fmt.Errorf("apiURL of app %s, such as https://api.example.com, without a user or a password", app.ID)
	}
	if app.APIURL == "" && app.Provider == wechat.Name {
		app.APIURL = c.WechatAPI.URL
	}
	return app, nil
}

// memberFile reads the file that a member names.
func memberFile(name, path string) (secret.String, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return secret.String{}, fmt.Errorf("%s, the path of a file that can be read: %s", name, Cause(err))
	}
	return secret.New(strings.TrimRight(string(data), " \t\r\n")), nil
}

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
)

// appsFile sets APPS_FILE to a file of this text.
func appsFile(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "apps.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	set(t, "APPS_FILE", path)
	return path
}

func TestAppsComeFromAFileBesideOrInsteadOfTheShortForm(t *testing.T) {
	goodEnvironment(t)
	secretFile := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte(otherAppSecret+"\n"), 0o600))
	appsFile(t, `
apps:
  - id: wx00000000000000b2   # a comment
    provider: wechat
    secretFile: `+secretFile+`
    account: second
    apiURL: https://weixin.example.com
    accessTTL: 30m
    refreshTTL: 720h
  - {id: "2021000000000000", provider: alipay, privateKeyFile: `+secretFile+`, aesKey: hunter2}
`)
	c, err := config.Load()
	require.NoError(t, err)
	apps, err := c.Apps()
	require.NoError(t, err)
	require.Equal(t, []config.App{
		{Setting: "WECHAT_APPS", App: providers.App{
			ID: appID, Provider: "wechat", Secret: secret.New(appSecret), Account: "default", APIURL: "https://api.weixin.qq.com",
		}},
		{Setting: "APPS_FILE", App: providers.App{
			ID: otherApp, Provider: "wechat", Secret: secret.New(otherAppSecret), Account: "second", APIURL: "https://weixin.example.com",
			Members: map[string]secret.String{},
		}, Lifetimes: auth.AppLifetimes{AccessTTL: 30 * time.Minute, RefreshTTL: 720 * time.Hour}},
		{Setting: "APPS_FILE", App: providers.App{
			ID: "2021000000000000", Provider: "alipay", Account: "default",
			Members: map[string]secret.String{"privateKeyFile": secret.New(otherAppSecret), "aesKey": secret.New("hunter2")},
		}},
	}, apps)

	require.Equal(t, 4*time.Hour, c.LongestAccessTTL(apps))
	apps[2].Lifetimes.AccessTTL = 5 * time.Hour
	require.Equal(t, 5*time.Hour, c.LongestAccessTTL(apps))

	unset(t, "WECHAT_APPS")
	appsFile(t, `{"apps": [{"id": "`+appID+`", "provider": "wechat", "secret": "`+appSecret+`"}]}`)
	c, err = startUp(t)
	require.NoError(t, err, "JSON is YAML")
	apps, err = c.Apps()
	require.NoError(t, err)
	require.Len(t, apps, 1)
	require.Equal(t, "https://api.weixin.qq.com", apps[0].APIURL)
}

func TestAFileOfAppsThatIsWrongStopsTheStartWithoutAWordOfItsSecrets(t *testing.T) {
	const app = "id: wx00000000000000b2\n    provider: wechat\n    "
	for name, c := range map[string]struct{ text, expected string }{
		"empty":                 {"", "line 1"},
		"no YAML":               {"apps: [hunter2hunter2", "cannot be read"},
		"an alias":              {"apps: *hunter2hunter2", "cannot be read"},
		"a string":              {"hunter2hunter2", "an object"},
		"another member":        {"apps: []\nhunterX: hunter2hunter2", "nothing beside it"},
		"no apps":               {"apps: []", "an app at least"},
		"apps of a string":      {"apps: hunter2hunter2", "an app at least"},
		"an app of a string":    {"apps: [hunter2hunter2]", "an object"},
		"two documents":         {"apps:\n  - " + app + "secret: hunter2hunter2\n---\napps: []", "one YAML document"},
		"no id":                 {"apps:\n  - provider: wechat\n    secret: hunter2hunter2", "id, the appid"},
		"no provider":           {"apps:\n  - id: wx00000000000000b2\n    secret: hunter2hunter2", "provider of app wx00000000000000b2"},
		"an unknown provider":   {"apps:\n  - id: wx00000000000000b2\n    provider: wechta\n    secret: hunter2hunter2", "one of the providers"},
		"no secret":             {"apps:\n  - id: wx00000000000000b2\n    provider: wechat", "secret"},
		"an empty secret":       {"apps:\n  - " + app + "secret: ''", "not empty"},
		"a secret of null":      {"apps:\n  - " + app + "secret:", "secret, a string"},
		"a secret in a list":    {"apps:\n  - " + app + "secret: [hunter2hunter2]", "secret, a string"},
		"both secrets":          {"apps:\n  - " + app + "secret: hunter2hunter2\n    secretFile: /dev/null", "one of secret and secretFile"},
		"no such file":          {"apps:\n  - " + app + "secretFile: /no/such/hunter2", "no such file"},
		"a member twice":        {"apps:\n  - " + app + "secret: hunter2hunter2\n    secret: hunter2hunter3", "secret once"},
		"an unknown member":     {"apps:\n  - " + app + "secret: hunter2hunter2\n    corpId: hunter2", "no member corpId"},
		"a secret as a member":  {"apps:\n  - " + app + "hunter2hunter2: secret", "in letters"},
		"an address with a key": {"apps:\n  - " + app + "secret: hunter2hunter2\n    apiURL: https://user:hunter2@weixin.example.com", "apiURL"},
		"an account of words":   {"apps:\n  - " + app + "secret: hunter2hunter2\n    account: hunter2 or so", "account"},
		"a life in days":        {"apps:\n  - " + app + "secret: hunter2hunter2\n    accessTTL: 7d", "accessTTL, a duration of 1s or more"},
		"a life in seconds":     {"apps:\n  - " + app + "secret: hunter2hunter2\n    refreshTTL: 3600", "refreshTTL, a duration"},
		"no life":               {"apps:\n  - " + app + "secret: hunter2hunter2\n    accessTTL: 0s", "accessTTL, a duration"},
		"a negative life":       {"apps:\n  - " + app + "secret: hunter2hunter2\n    refreshTTL: -1h", "refreshTTL, a duration"},
		"an app twice":          {"apps:\n  - " + app + "secret: hunter2hunter2\n  - " + app + "secret: hunter2hunter3", "each appid once"},
		"an app of both":        {"apps:\n  - id: " + appID + "\n    provider: wechat\n    secret: hunter2hunter2", "each appid once"},
	} {
		t.Run(name, func(t *testing.T) {
			goodEnvironment(t)
			appsFile(t, c.text)
			refuses(t, "APPS_FILE", c.expected, "hunter2")
		})
	}
	t.Run("not there", func(t *testing.T) {
		goodEnvironment(t)
		set(t, "APPS_FILE", "/no/such/hunter2.yaml")
		refuses(t, "APPS_FILE", "no such file", "hunter2")
	})
}

func TestAppsAreReadFromTheirFilesEachTime(t *testing.T) {
	goodEnvironment(t)
	unset(t, "WECHAT_APPS")
	short := filepath.Join(t.TempDir(), "wechat_apps")
	require.NoError(t, os.WriteFile(short, []byte(appID+":"+appSecret+"\n"), 0o600))
	set(t, "WECHAT_APPS_FILE", short)
	long := appsFile(t, "apps:\n  - {id: "+otherApp+", provider: wechat, secret: "+otherAppSecret+"}\n")
	c, err := config.Load()
	require.NoError(t, err)
	for _, fresh := range []string{strings.Repeat("a", 32), strings.Repeat("b", 32)} {
		require.NoError(t, os.WriteFile(short, []byte(appID+":"+fresh), 0o600))
		require.NoError(t, os.WriteFile(long, []byte("apps:\n  - {id: "+otherApp+", provider: wechat, secret: x"+fresh+"}\n"), 0o600))
		apps, err := c.Apps()
		require.NoError(t, err)
		require.Equal(t, fresh, apps[0].Secret.Reveal())
		require.Equal(t, "x"+fresh, apps[1].Secret.Reveal())
	}
	require.NoError(t, os.Remove(short))
	_, err = c.Apps()
	require.ErrorContains(t, err, "WUGAN_WECHAT_APPS_FILE: expected")
}

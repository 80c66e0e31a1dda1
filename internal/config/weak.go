package config

import (
	"encoding/base64"
	"os"
	"reflect"

	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/internal/osfile"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/secret"
)

const (
	// least is the fewest different characters (bytes of a data key) of a secret.
	// 32 characters of base64 at random have fewer with a probability below
	// 10^-15.
	least = 10
	// random is what the line about a secret that is none says.
	random = "expected a random string, such as openssl rand -base64 32 makes: it has too few different characters, or repeats a short pattern"
)

// weak reports whether a secret cannot have been made at random: fewer than ten
// different characters, half of it one character, or a pattern that comes three
// times or more.
func weak[T comparable](units []T) bool {
	seen := map[T]int{}
	most := 0
	for _, unit := range units {
		seen[unit]++
		most = max(most, seen[unit])
	}
	if len(seen) < least || 2*most >= len(units) {
		return true
	}
	for period := 1; 3*period <= len(units); period++ {
		repeats := true
		for i := period; i < len(units) && repeats; i++ {
			repeats = units[i] == units[i-period]
		}
		if repeats {
			return true
		}
	}
	return false
}

// weakKey reports the same of a data key, by its bytes.
func weakKey(text string) bool {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if raw, err := encoding.DecodeString(text); err == nil && len(raw) == seal.KeySize {
			return weak(raw)
		}
	}
	return false // another check says that it is no key at all
}

// composite are settings whose text holds more than a secret of their own, or one
// that is given and not chosen. An old data key may be what it was: it is there so
// that it can be left behind.
var composite = map[string]bool{"DATABASE_URL": true, "API_KEYS": true, "WECHAT_APPS": true, "WECHAT_PUSH": true, "DATA_KEY_OLD": true}

// checkSecrets refuses secrets that were not made at random, and one that serves
// two purposes: who learns it for the one has the other.
func (c *Config) checkSecrets() error {
	type named struct{ name, text string }
	var earlier []named
	apps, err := c.Apps()
	if err == nil {
		for _, app := range apps {
			earlier = append(earlier, named{app.Setting, app.Secret.Reveal()})
		}
	}
	value := reflect.ValueOf(*c)
	for _, setting := range settingsOf(value.Type()) {
		field, ok := value.FieldByIndex(setting.index).Interface().(secret.String)
		if !ok || field.Empty() || composite[setting.name] {
			continue
		}
		text := field.Reveal()
		judge := func(text string) bool { return len(text) >= 32 && weak([]rune(text)) } // shorter ones are refused for that
		if setting.name == "DATA_KEY" {
			judge = weakKey
		}
		if judge(text) {
			return Wrong(setting.name, "%s", random)
		}
		for _, other := range earlier {
			if other.text == text {
				return Wrong(setting.name, "expected another secret than that of WUGAN_%s", other.name)
			}
		}
		earlier = append(earlier, named{setting.name, text})
	}
	keys, err := apikey.Parse(splitList(c.APIKeys.Reveal()))
	if err != nil {
		return nil //nolint:nilerr // OperatorKeys says what is wrong with their form
	}
	for _, key := range keys {
		if weak([]rune(key.Text.Reveal())) {
			return Wrong("API_KEYS", "key %s: %s", key.Name, random)
		}
		for _, other := range earlier {
			if other.text == key.Text.Reveal() {
				return Wrong("API_KEYS", "expected another key for %s than that of WUGAN_%s", key.Name, other.name)
			}
		}
	}
	return nil
}

// private reports what is wrong with the mode of a file of private keys: others
// than its owner and its group may read or replace what is in it.
func private(path string) (problem string) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || !osfile.OpenToOthers(info) {
		return "" // who opens it says why it cannot be read
	}
	return "expected a file that others cannot read or write (chmod o= or 0600; in Kubernetes defaultMode: 0440): its keys sign tokens"
}

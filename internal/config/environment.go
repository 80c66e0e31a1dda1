package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/wugan/wugan/internal/secret"
)

// Given reports whether the environment names a setting.
func Given(name string) bool { return os.Getenv(prefix+"_"+name) != "" }

// CollectorGiven reports whether the environment sets the target of Go's garbage
// collector, which then is the operator's.
func CollectorGiven() bool { return os.Getenv("GOGC") != "" }

// pathSettings are settings that name a file themselves, so that X_FILE and X
// mean the same.
var pathSettings = map[string]bool{"ACCESS_KEYS": true, "REFRESH_KEYS": true, "TLS_CERT": true, "TLS_KEY": true, "APPS_FILE": true}

// readFiles sets WUGAN_X from the file that WUGAN_X_FILE names: a mounted
// secret. White space at the end is not part of the value; the members of a list
// may stand on lines of their own. No error repeats what should be the path: it
// may be the secret itself, put where its file was meant. The result names which
// settings came from which file.
func readFiles() (files map[string]string, err error) {
	for _, s := range settingsOf(reflect.TypeFor[Config]()) {
		key := prefix + "_" + s.name
		path, named := os.LookupEnv(key + "_FILE")
		if !named || path == "" {
			continue
		}
		if os.Getenv(key) != "" {
			return nil, Error{key, "is set, and so is " + key + "_FILE: expected one of them"}
		}
		value := path
		if !pathSettings[s.name] {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, Error{key + "_FILE", "expected the path of a file that can be read: " + Cause(err)}
			}
			if files == nil {
				files = map[string]string{}
			}
			files[s.name] = path
			value = strings.TrimRight(string(data), " \t\r\n")
			if s.list {
				value = strings.Join(splitList(value), ",")
			}
		}
		if err := os.Setenv(key, value); err != nil {
			return nil, Error{key + "_FILE", "expected a file of text, without a zero byte"}
		}
	}
	return files, nil
}

// wordBreak is where envconfig's split_words puts an underscore.
var wordBreak = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)

// setting is one of Config's fields: its name as the environment spells it,
// without the prefix.
type setting struct {
	name  string
	list  bool
	index []int // of reflect's FieldByIndex
}

// Names returns the names of all settings as the environment spells them, without
// the prefix.
func Names() []string {
	all := settingsOf(reflect.TypeFor[Config]())
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return names
}

// Default returns the default of a setting, as the environment would spell it; "" if
// there is none.
func Default(name string) string {
	for _, s := range settingsOf(reflect.TypeFor[Config]()) {
		if s.name == name {
			return reflect.TypeFor[Config]().FieldByIndex(s.index).Tag.Get("default")
		}
	}
	return ""
}

func settingsOf(of reflect.Type) []setting {
	var out []setting
	for field := range of.Fields() {
		if !field.IsExported() {
			continue
		}
		name := strings.ToUpper(wordBreak.ReplaceAllString(field.Name, "${1}${3}_${2}${4}"))
		if field.Type.Kind() != reflect.Struct || field.Type == reflect.TypeFor[secret.String]() {
			out = append(out, setting{name, field.Type.Kind() == reflect.Slice, field.Index})
			continue
		}
		for _, inner := range settingsOf(field.Type) {
			out = append(out, setting{name + "_" + inner.name, inner.list, append(field.Index, inner.index...)})
		}
	}
	return out
}

// present is what a setting says now: what its file holds, where it came from one,
// and else the value that was read at the start.
func (c *Config) present(name string, value secret.String) (string, error) {
	path := c.files[name]
	if path == "" {
		return value.Reveal(), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", Wrong(name+"_FILE", "expected the path of a file that can be read: %s", Cause(err))
	}
	return string(data), nil
}

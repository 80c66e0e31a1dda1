package config_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/secret"
)

// defaultsOf reads each setting's default from the fields of config.
func defaultsOf(of reflect.Type) []string {
	var out []string
	for field := range of.Fields() {
		if !field.IsExported() {
			continue
		}
		if field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeFor[secret.String]() {
			out = append(out, defaultsOf(field.Type)...)
			continue
		}
		out = append(out, field.Tag.Get("default"))
	}
	return out
}

func TestTheSettingsPageListsEverySettingWithItsDefaultAndNoOther(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/en/settings.md")
	require.NoError(t, err)
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| ([^|]+) \\| [^|]+ \\|$").FindAllStringSubmatch(string(page), -1) {
		require.NotContains(t, listed, row[1], "listed twice")
		listed[row[1]] = row[2]
	}
	settings, defaults := config.Names(), defaultsOf(reflect.TypeFor[config.Config]())
	want := map[string]string{}
	for i, s := range settings {
		switch {
		case s == "AUDIENCE":
			want[s] = "the issuer"
		case defaults[i] == "":
			want[s] = "–"
		default:
			want[s] = "`" + defaults[i] + "`"
		}
	}
	require.Equal(t, want, listed)
	for _, word := range regexp.MustCompile(`OTEL_[A-Z_]+`).FindAllString(string(page), -1) {
		source, err := os.ReadFile("tracing.go")
		require.NoError(t, err)
		require.True(t, strings.Contains(string(source), `"`+word+`"`) || strings.Contains(string(source), `"`+strings.TrimSuffix(word, "ENDPOINT")), word)
	}
}

// Settings that the rest of the documents speak of exist.
func TestNoPageNamesASettingThatIsNotThere(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, s := range config.Names() {
		known["WUGAN_"+s], known["WUGAN_"+s+"_FILE"] = true, true
	}
	known["WUGAN_X"], known["WUGAN_X_FILE"], known["WUGAN_"] = true, true, true
	for _, folder := range []string{"../..", "../../docs/en", "../../docs/decisions"} {
		files, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".md") {
				continue
			}
			text, err := os.ReadFile(folder + "/" + f.Name())
			require.NoError(t, err)
			for _, name := range regexp.MustCompile(`\bWUGAN_[A-Z_]*`).FindAllString(string(text), -1) {
				if name == "WUGAN_BIN" || strings.HasPrefix(name, "WUGAN_TEST_") || strings.HasPrefix(name, "WUGAN_SERVICE_") || strings.HasPrefix(name, "WUGAN_PORT_") {
					continue // they steer tests, or an orchestrator makes them
				}
				require.True(t, known[name], "%s names %s", f.Name(), name)
			}
		}
	}
}

package composefile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/composefile"
)

func load(t *testing.T, text string) (*composefile.File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker-compose.yml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return composefile.Load(path)
}

func TestAnchorsAreResolvedAndUnknownEntriesRefused(t *testing.T) {
	f, err := load(t, `
name: wugan
x-common: &common
  restart: unless-stopped
  environment: {A: a}
services:
  wugan:
    <<: *common
    depends_on: {db: {condition: service_healthy}}
    healthcheck: {test: [CMD, wugan, healthcheck], retries: 3}
`)
	require.NoError(t, err)
	service := f.Services["wugan"]
	require.Equal(t, "unless-stopped", service.Restart)
	require.Equal(t, map[string]string{"A": "a"}, service.Environment)
	require.Equal(t, "service_healthy", service.DependsOn["db"].Condition)
	require.Equal(t, 3, service.Healthcheck.Retries)

	for text, says := range map[string]string{
		"servises: {}":                               `unknown entry "servises"`,
		"services: {wugan: {environ: {}}}":           "environ",
		"services: {wugan: {healthcheck: {try: 1}}}": "try",
		"x: 1":     `unknown entry "x"`,
		"services": "cannot unmarshal",
	} {
		_, err := load(t, text)
		require.ErrorContains(t, err, says, text)
	}
	_, err = composefile.Load(filepath.Join(t.TempDir(), "none.yml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

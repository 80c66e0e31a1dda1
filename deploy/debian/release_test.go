// Package debian_test holds the files of the Debian package, and the scripts of a
// release, against one another. The package itself is installed in e2e/.
package debian_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestTheNotesOfAReleaseAreItsSectionOfTheChangelog(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "CHANGELOG.md")
	require.NoError(t, os.WriteFile(file, []byte("# Changelog\n\n## Unreleased\n\n- new\n\n## 0.2.1 - 2027-01-01\n\n- b\n\n### More\n\n- c\n\n## 0.2.0 - 2026-12-01\n\n- a\n"), 0o600))
	notes := func(version string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "../../scripts/release-notes", version, file).Output()
		return strings.TrimSpace(string(out)), err
	}
	for version, want := range map[string]string{"v0.2.1": "- b\n\n### More\n\n- c", "v0.2.0": "- a"} {
		got, err := notes(version)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, version := range []string{"v0.2", "v0.3.0", "v0.2.1-rc.1"} {
		_, err := notes(version)
		require.Error(t, err, version)
	}
}

func TestTheUnitsSettingsAndSecretsAreThoseThatThePackageMakes(t *testing.T) {
	t.Parallel()
	unit, postinst := read(t, "wugan.service"), read(t, "postinst")
	names := map[string]bool{}
	for _, name := range config.Names() {
		names[name], names[name+"_FILE"] = true, true
	}
	credentials := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^LoadCredential=(\S+):/etc/wugan/secrets/(\S+)$`).FindAllStringSubmatch(unit, -1) {
		require.Equal(t, m[1], m[2])
		require.Contains(t, postinst, m[1], "systemd refuses to start without the file")
		credentials[m[1]] = true
	}
	require.Len(t, credentials, 5)
	for _, m := range regexp.MustCompile(`(?m)^Environment=WUGAN_(\w+)=(?:%d/(\S+))?`).FindAllStringSubmatch(unit, -1) {
		require.True(t, names[m[1]], m[1])
		if m[2] != "" {
			require.True(t, credentials[m[2]], m[2])
			delete(credentials, m[2])
		}
	}
	require.Empty(t, credentials, "nothing reads these")
	for _, m := range regexp.MustCompile(`(?m)^#?WUGAN_(\w+)=`).FindAllStringSubmatch(read(t, "wugan.env"), -1) {
		require.True(t, names[m[1]], m[1])
	}
}

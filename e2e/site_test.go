//go:build e2e

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The documentation as any web server would serve it: /rotation is rotation.html.
func TestTheDocumentationSiteKeepsItsPromisesInChromium(t *testing.T) {
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	run := func(dir, name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
	browser := filepath.Join(top, "e2e", "console") // with the same browser and packages
	run(top, filepath.Join(top, "scripts", "need"), "/usr/bin/chromium=chromium")
	run(top, filepath.Join(top, "scripts", "npm-ci"), "e2e/console", "--ignore-scripts")
	run(top, "make", "docs")

	built := http.Dir(filepath.Join(top, "docs", ".vitepress", "dist"))
	files := http.FileServer(built)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Ext(r.URL.Path) == "" && r.URL.Path[len(r.URL.Path)-1] != '/' {
			r.URL.Path += ".html"
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)

	cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "site.test.mjs")
	cmd.Dir, cmd.Env = browser, append(os.Environ(), "SITE_URL="+server.URL)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	t.Logf("%s", output)
}

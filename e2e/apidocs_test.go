//go:build e2e

package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePageOfTheAPIKeepsItsPromisesInChromium(t *testing.T) {
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	folder := filepath.Join(top, "e2e", "console") // with the same browser and packages
	run := func(cmd *exec.Cmd) {
		t.Helper()
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
		t.Logf("%s", output)
	}
	run(exec.CommandContext(t.Context(), filepath.Join(top, "scripts", "need"), "/usr/bin/chromium=chromium"))
	run(exec.CommandContext(t.Context(), filepath.Join(top, "scripts", "npm-ci"), "e2e/console", "--ignore-scripts"))

	f := newFleet(t, "sqlite:"+filepath.Join(t.TempDir(), "wugan.db"))
	pod := f.start(map[string]string{"WUGAN_ADDR": freeAddress(t)})
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		code, err := f.wechat.Login(app, "reader")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, code)
	}))
	t.Cleanup(control.Close)

	browser := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "apidocs.test.mjs")
	browser.Dir = folder
	browser.Env = append(os.Environ(), "DOCS_URL="+pod.base+"/docs", "CONTROL_URL="+control.URL)
	run(browser)
}

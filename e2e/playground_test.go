//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
)

func TestThePlaygroundKeepsItsPromisesInChromium(t *testing.T) {
	run := func(dir string, env []string, name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	folder := filepath.Join(top, "e2e", "playground")
	run(top, nil, filepath.Join(top, "scripts", "need"), "/usr/bin/chromium=chromium")
	run(top, nil, filepath.Join(top, "scripts", "npm-ci"), "e2e/playground", "--ignore-scripts")
	server := devserver.Start(t)
	run(folder, []string{"PLAYGROUND_URL=" + server.URL + "/"}, "node", "--test", "--test-reporter=spec", "playground.test.mjs")
}

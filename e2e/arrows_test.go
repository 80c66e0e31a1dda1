//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A linter's rule that matches no file looks just like one that no file breaks.
// So each arrow is broken here, in a module of empty packages under the
// project's own configuration, and must be complained about; what is allowed
// must not be.
func TestTheLinterHoldsTheArrows(t *testing.T) {
	const module = "github.com/wugan/wugan/"
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "auth", "verify"), 0o755))
	for _, name := range []string{"go.mod", "go.sum", "auth/verify/go.mod", "auth/verify/go.sum", ".golangci.yml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	for _, pkg := range []string{
		"lowest", "internal/test/helper", "store/shared", "store/storetest", "wechat", "admin", "auth", "auth/verify",
		"users", "migrations", "internal/seal", "httpapi", "gateway", "internal/service", "internal/secret", "events",
		"providers", "providers/one", "providers/other",
	} {
		write(pkg+"/p.go", "package "+filepath.Base(pkg)+"\n")
	}

	type edge struct{ from, imports string }
	broken := []edge{
		{"httpapi", module + "wechat"},
		{"httpapi", module + "store/shared"},
		{"httpapi", "github.com/jackc/pgx/v5"},
		{"httpapi", module + "internal/test/helper"},
		{"httpapi", "github.com/stretchr/testify/require"},
		{"store/postgres", module + "wechat"},
		{"store/postgres", module + "auth/verify"},
		{"store/sqlite", module + "store/storetest"},
		{"events", module + "auth"},
		{"events", "github.com/jackc/pgx/v5"},
		{"admin", module + "events"},
		{"admin", "net/http"},
		{"auth", module + "wechat"},
		{"auth", module + "lowest"},
		{"auth", "net/http"},
		{"auth", "database/sql"},
		{"auth", "github.com/labstack/echo/v4"},
		{"auth/verify", module + "lowest"},
		{"auth/verify", "github.com/google/uuid"},
		{"auth/verify", "github.com/labstack/echo/v4"},
		{"gateway", module + "auth"},
		{"gateway", "github.com/labstack/echo/v4"},
		{"users", module + "lowest"},
		{"wechat", module + "lowest"},
		{"wechat/fakewechat", module + "wechat"},
		{"wechat", module + "users"},
		{"providers", module + "users"},
		{"providers/one", module + "users"},
		{"providers/one", module + "providers/other"},
		{"auth", module + "providers"},
		{"httpapi", module + "providers"},
		{"migrations", module + "lowest"},
		{"internal/seal", module + "lowest"},
		{"internal/seal", "testing"},
		{"users", "math/rand"},
		{"store/sanitize", module + "wechat"},
		{"gateway", module + "auth"},
		{"internal/metrics", module + "wechat"},
		{"internal/keyfile", module + "users"},
		{"internal/secret", module + "lowest"},
		{"internal/config", module + "httpapi"},
		{"internal/config", module + "store/shared"},
		{"httpapi", module + "internal/service"},
		{"bench", module + "internal/service"},
		{"cmd/wugan", "database/sql"},
		{"cmd/wugan", "github.com/labstack/echo/v4"},
		{"internal/tracing", module + "auth"},
		{"internal/playground", module + "httpapi"},
	}
	allowed := []edge{
		{"admin", module + "auth"},
		{"admin", module + "users"},
		{"httpapi", module + "admin"},
		{"store/postgres", module + "admin"},
		{"httpapi", module + "auth"},
		{"httpapi", module + "auth/verify"},
		{"httpapi", module + "users"},
		{"httpapi", module + "gateway"},
		{"gateway", module + "auth/verify"},
		{"httpapi", "github.com/labstack/echo/v4"},
		{"store/postgres", module + "auth"},
		{"store/postgres", module + "users"},
		{"store/postgres", module + "migrations"},
		{"store/postgres", module + "internal/seal"},
		{"store/postgres", module + "store/shared"},
		{"store/postgres", "github.com/jackc/pgx/v5"},
		{"events", module + "users"},
		{"httpapi", module + "events"},
		{"store/postgres", module + "events"},
		{"auth", module + "auth/verify"},
		{"auth", module + "users"},
		{"auth/verify", "github.com/golang-jwt/jwt/v5"},
		{"auth/verify", "net/http"},
		{"gateway", module + "auth/verify"},
		{"internal/metrics", module + "auth"},
		{"internal/tracing", "github.com/jackc/pgx/v5"},
		{"internal/tracing", "github.com/labstack/echo/v4"},
		{"internal/keyfile", module + "auth"},
		{"wechat", module + "internal/secret"},
		{"wechat", module + "providers"},
		{"providers", module + "internal/secret"},
		{"providers/one", module + "providers"},
		{"internal/config", module + "providers"},
		{"internal/service", module + "providers/one"},
		{"auth", module + "internal/secret"},
		{"internal/config", module + "wechat"},
		{"internal/service", module + "wechat"},
		{"internal/service", module + "store/shared"},
		{"internal/service", "database/sql"},
		{"cmd/wugan", module + "internal/service"},
		{"cmd/wugan", module + "wechat"},
	}
	file := func(prefix string, i int, e edge) string {
		name := fmt.Sprintf("%s/%s%d.go", e.from, prefix, i)
		write(name, fmt.Sprintf("package %s\n\nimport _ %q\n", filepath.Base(e.from), e.imports))
		return name
	}
	expected := map[string]edge{}
	for i, e := range broken {
		expected[file("broken", i, e)] = e
	}
	for i, e := range allowed {
		file("allowed", i, e)
	}
	// Tests may import what they like.
	write("auth/p_test.go", "package auth_test\n\nimport _ \""+module+"internal/test/helper\"\n")

	tools := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "tools"), "golangci-lint")
	out, err := tools.CombinedOutput()
	require.NoError(t, err, string(out))
	linter, err := filepath.Abs(filepath.Join(root, ".tools", "bin", "golangci-lint"))
	require.NoError(t, err)
	var lines []string
	for _, inside := range []string{"", "auth/verify"} { // two modules, two runs, as in the Makefile
		cmd := exec.CommandContext(t.Context(), linter, "run", "--enable-only", "depguard", "--output.text.print-issued-lines=false", "--path-mode=abs", "./...")
		cmd.Dir = filepath.Join(dir, inside)
		out, err = cmd.Output()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, string(out))
		require.Equal(t, 1, exit.ExitCode(), "issues were found: %s", out)
		lines = append(lines, strings.Split(string(out), "\n")...)
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, "(depguard)") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(line, dir+"/"), ":")
		require.Contains(t, expected, name, "an allowed import is refused: %s", line)
		require.Contains(t, line, "'"+expected[name].imports+"'")
		delete(expected, name)
	}
	require.Empty(t, expected, "nothing complains about these\n%s", strings.Join(lines, "\n"))
}

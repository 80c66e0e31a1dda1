package verify_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheDependenciesStayLight(t *testing.T) {
	// A business service that checks tokens must not inherit the service's
	// database drivers and frameworks.
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".", "./verifytest").Output()
	require.NoError(t, err)
	allowed := []string{
		"github.com/wugan/wugan/auth/verify",
		"github.com/wugan/wugan/auth/verify/jsonobject", // ours, and the standard library
		"github.com/wugan/wugan/auth/verify/verifytest",
		"github.com/golang-jwt/jwt/v5",
		"github.com/MicahParks/jwkset",
		"golang.org/x/time/rate", // jwkset's only dependency
	}
	require.ElementsMatch(t, allowed, strings.Fields(string(output)))
}

// consumer is a business service outside this repository, as many are: an older
// Go, an older database driver, an older framework.
const consumer = `module shop.example.com/orders

go 1.25.0

require (
	github.com/jackc/pgx/v5 v5.7.6
	github.com/labstack/echo/v4 v4.13.4
)
`

// A service that imports this package gets three modules more, and each
// requirement that it had stays at its version.
func TestNothingElseOfAConsumerMoves(t *testing.T) {
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	before := buildList(t, consumer)
	after := buildList(t, consumer+`
require github.com/wugan/wugan/auth/verify v0.0.0

replace github.com/wugan/wugan/auth/verify => `+here+"\n")

	for module, version := range before {
		require.Equal(t, version, after[module], module)
	}
	var added []string
	for module := range after {
		if _, ok := before[module]; !ok {
			added = append(added, module)
		}
	}
	require.ElementsMatch(t, []string{
		"github.com/wugan/wugan/auth/verify", "github.com/golang-jwt/jwt/v5", "github.com/MicahParks/jwkset",
	}, added)
}

// buildList is what go list -m all says of a module with this go.mod: each
// module's version, the toolchain's included.
func buildList(t *testing.T, goMod string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(goMod), 0o600))
	versions := map[string]string{"go": run(t.Context(), t, dir, "list", "-m", "-mod=mod", "-f", "{{.GoVersion}}")}
	for line := range strings.SplitSeq(run(t.Context(), t, dir, "list", "-m", "-mod=mod", "all"), "\n") {
		module, version, _ := strings.Cut(line, " ")
		version, _, _ = strings.Cut(version, " =>")
		versions[module] = version
	}
	return versions
}

func run(ctx context.Context, t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	output, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		require.NoError(t, err, string(exit.Stderr))
	}
	require.NoError(t, err)
	return strings.TrimSpace(string(output))
}

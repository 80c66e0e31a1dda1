package verify_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheDependenciesStayLight(t *testing.T) {
	// A business service that checks tokens must not inherit the service's
	// database drivers and frameworks.
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	require.NoError(t, err)
	allowed := []string{
		"github.com/wugan/wugan/auth/verify",
		"github.com/golang-jwt/jwt/v5",
		"github.com/MicahParks/jwkset",
		"golang.org/x/time/rate", // jwkset's only dependency
	}
	require.ElementsMatch(t, allowed, strings.Fields(string(output)))
}

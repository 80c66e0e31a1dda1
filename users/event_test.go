package users_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

// A kind that is missing from the list could not be asked for.
func TestEveryKindOfEventIsListed(t *testing.T) {
	source, err := os.ReadFile("event.go")
	require.NoError(t, err)
	var declared []users.EventKind
	for _, match := range regexp.MustCompile(`EventKind = "([a-z_]+)"`).FindAllSubmatch(source, -1) {
		declared = append(declared, users.EventKind(match[1]))
	}
	require.NotEmpty(t, declared)
	require.ElementsMatch(t, declared, users.EventKinds())
}

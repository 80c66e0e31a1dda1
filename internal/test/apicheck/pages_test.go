package apicheck_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

// namesIn returns what the first group of a pattern finds, sorted, each once.
func namesIn(text string, pattern string) []string {
	var out []string
	for _, list := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		out = append(out, regexp.MustCompile(`[a-z_]+`).FindAllString(list[1], -1)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestTheErrorsPageExplainsEveryCodeOfTheDocumentAndNoOther(t *testing.T) {
	page, err := os.ReadFile("../../../docs/en/errors.md")
	require.NoError(t, err)
	document := string(spec(t))
	promised := append(namesIn(document, `code: \{enum: \[([^\]]*)\]`), namesIn(document, `error: \{enum: \[([^\]]*)\]`)...)
	require.NotEmpty(t, promised, "the pattern still finds the codes")
	// Of the gateway inside, whose paths belong to other back ends.
	promised = append(promised, "request_timeout", "upstream_timeout", "upstream_unavailable")
	slices.Sort(promised)
	promised = slices.Compact(promised)
	require.Greater(t, len(promised), 25, "the pattern still finds the codes")
	require.Equal(t, promised, namesIn(string(page), "(?m)^\\| `([a-z_]+)` \\|"))
}

func TestTheEventsPageListsEveryKindAndNoOther(t *testing.T) {
	page, err := os.ReadFile("../../../docs/en/events.md")
	require.NoError(t, err)
	table, _, _ := strings.Cut(string(page), "\n## ")
	var promised []string
	for _, kind := range users.EventKinds() {
		promised = append(promised, string(kind))
	}
	slices.Sort(promised)
	require.Equal(t, promised, namesIn(table, "(?m)^\\| (`[a-z_]+`(?:, `[a-z_]+`)*) \\|"))
}

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

// Every operation has a row on the page of the HTTP API, except those for the files
// of pages, what repeats a row, and what a gateway may use as method of verify.
func TestTheHTTPPageListsEveryOperation(t *testing.T) {
	page, err := os.ReadFile("../../../docs/en/http.md")
	require.NoError(t, err)
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| ((?:(?:GET|POST|PUT|PATCH|DELETE)(?:, )?)+) `(/[^`]+)`").FindAllStringSubmatch(string(page), -1) {
		for method := range strings.SplitSeq(row[1], ", ") {
			listed[method+" "+row[2]] = true
		}
	}
	listed["POST /api/v1/users/me"] = true // named in the row of PATCH
	path := ""
	for line := range strings.SplitSeq(string(spec(t)), "\n") {
		if m := regexp.MustCompile(`^  (/\S+):$`).FindStringSubmatch(line); m != nil {
			path = m[1]
		}
		m := regexp.MustCompile(`^    (get|post|put|patch|delete):( &\w+)?$`).FindStringSubmatch(line)
		file := strings.HasPrefix(path, "/console") || strings.HasPrefix(path, "/docs") || strings.HasPrefix(path, "/openapi")
		if m == nil || file || strings.Contains(path, "openid-configuration") || strings.Contains(path, "{issuerPath}") {
			continue
		}
		operation := strings.ToUpper(m[1]) + " " + path
		if strings.HasSuffix(path, "/auth/verify") && m[1] != "get" {
			continue
		}
		require.True(t, listed[operation], "docs/en/http.md has no row for %s", operation)
		delete(listed, operation)
	}
	require.Equal(t, map[string]bool{"GET /metrics": true}, listed, "docs/en/http.md names operations that are not in the document")
}

package console_test

import (
	"bytes"
	"compress/gzip"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/httpapi/console"
	"github.com/wugan/wugan/users"
)

// most is how large the page may be in all, compressed: it is opened where
// something is wrong, and the network may be what is wrong.
const most = 150_000

func TestThePageIsSmall(t *testing.T) {
	site, total := console.New(), 0
	for _, path := range site.Paths() {
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		require.Equal(t, 200, rec.Code, path)
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write(rec.Body.Bytes())
		require.NoError(t, err)
		require.NoError(t, w.Close())
		total += packed.Len()
	}
	t.Logf("%d bytes compressed", total)
	require.Less(t, total, most)
}

func TestThePageNamesNoOtherAddressAndAllowsNothingInline(t *testing.T) {
	site := console.New()
	get := func(path string) string {
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		return rec.Body.String()
	}
	page := get("/console/")
	require.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=`, page)
	require.NotRegexp(t, `(?i)<script(\s[^>]*)?>[^<]`, page)
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, site.Paths(), console.Path+strings.TrimPrefix(m[1], "./"), "a file that the page loads")
	}
	script := get("/console/console.js")
	// The namespaces of SVG and MathML are names, not addresses that are loaded.
	script = regexp.MustCompile(`http://www\.w3\.org/[A-Za-z0-9/]+`).ReplaceAllString(script, "")
	require.NotRegexp(t, `(?i)(https?:)?//[a-z0-9-]+\.[a-z]`, script)
	require.NotRegexp(t, `insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage\.setItem\([^)]*key`, script)
	style := get("/console/console.css")
	require.NotRegexp(t, `@import|url\(["']?(https?:)?//`, style)
}

// A kind of event without words would be shown by its name.
func TestEveryKindOfEventAndReasonIsPutIntoWords(t *testing.T) {
	declared, err := os.ReadFile("../../auth/reason.go")
	require.NoError(t, err)
	reasons := regexp.MustCompile(`Reason = "([a-z_]+)"`).FindAllSubmatch(declared, -1)
	require.NotEmpty(t, reasons)
	for _, language := range []string{"zh", "en"} {
		source, err := os.ReadFile("../../console/src/" + language + ".ts")
		require.NoError(t, err)
		words := string(source)
		for _, kind := range users.EventKinds() {
			require.Contains(t, words, "'event."+string(kind)+"': '", language)
		}
		for _, reason := range reasons {
			require.Contains(t, words, "'reason."+string(reason[1])+"': '", language)
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	rec := httptest.NewRecorder()
	console.New().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/console/index.html", nil))
	require.Equal(t, 404, rec.Code)
}

func TestTheCommittedFilesAreThoseOfTheSources(t *testing.T) {
	built := filepath.Join(t.TempDir(), "page")
	output, err := exec.CommandContext(t.Context(), "../../console/build.sh", "console", built).CombinedOutput()
	require.NoError(t, err, "%s", output)
	names := func(folder string) (out []string) {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	require.Equal(t, names(built), names("page"), "run make console")
	for _, name := range names(built) {
		want, err := os.ReadFile(filepath.Join(built, name))
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join("page", name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, have), "the sources of %s have changed: run make console", name)
	}
}

package docs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/httpapi/docs"
)

func spec(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("../openapi.yaml")
	require.NoError(t, err)
	return b
}

func get(t *testing.T, site http.Handler, path, ifNoneMatch string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	req.Header.Set("If-None-Match", ifNoneMatch)
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, req)
	return rec
}

func TestEveryPathIsServedAndSparedWhenTheCallerHasIt(t *testing.T) {
	site := docs.New(spec(t))
	require.Equal(t, []string{"/docs", "/docs.css", "/docs.js", "/docs.zh.json", "/openapi.json", "/openapi.yaml"}, site.Paths())
	for _, path := range site.Paths() {
		t.Run(path, func(t *testing.T) {
			first := get(t, site, path, "")
			require.Equal(t, http.StatusOK, first.Code)
			require.NotEmpty(t, first.Body.Bytes())
			etag := first.Header().Get("ETag")
			require.Regexp(t, `^"[A-Za-z0-9_-]+"$`, etag)
			for _, sent := range []string{etag, "W/" + etag, `"other", ` + etag} {
				again := get(t, site, path, sent)
				require.Equal(t, http.StatusNotModified, again.Code, sent)
				require.Empty(t, again.Body.Bytes())
			}
			require.Equal(t, http.StatusOK, get(t, site, path, `"other"`).Code)
		})
	}
	require.Equal(t, http.StatusNotFound, get(t, site, "/docs/docs.go", "").Code)
}

func TestThePageAllowsNothingInlineAndNothingFromElsewhere(t *testing.T) {
	site := docs.New(spec(t))
	rec := get(t, site, "/docs", "")
	policy := rec.Header().Get("Content-Security-Policy")
	require.True(t, strings.HasPrefix(policy, "default-src 'none';"))
	require.NotContains(t, policy, "unsafe")
	require.NotRegexp(t, `https?:`, policy)
	for _, path := range []string{"/docs", "/docs.js", "/docs.css"} {
		body := get(t, site, path, "").Body.String()
		// The namespaces of SVG and MathML are names, not addresses that are loaded.
		body = regexp.MustCompile(`http://www\.w3\.org/[A-Za-z0-9/]+`).ReplaceAllString(body, "")
		require.NotRegexp(t, `(?i)(https?:)?//[a-z0-9-]+\.[a-z]`, body, "%s names another address", path)
		require.NotRegexp(t, `insertAdjacentHTML|document\.write|\beval\(|new Function`, body)
	}
	page := rec.Body.String()
	require.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=`, page)
	require.NotRegexp(t, `(?i)<script(\s[^>]*)?>[^<]`, page)
	for _, m := range regexp.MustCompile(`(?:src|href)="\./([^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, site.Paths(), "/"+m[1], "a file that the page loads")
	}
}

// most is how large the page may be in all, compressed, its two documents not counted.
const most = 25_000

func TestThePageIsSmall(t *testing.T) {
	site, total := docs.New(spec(t)), 0
	for _, path := range []string{"/docs", "/docs.js", "/docs.css"} {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write(get(t, site, path, "").Body.Bytes())
		require.NoError(t, err)
		require.NoError(t, w.Close())
		total += packed.Len()
	}
	t.Logf("%d bytes compressed", total)
	require.Less(t, total, most)
}

func TestTheCommittedFilesAreThoseOfTheSources(t *testing.T) {
	built := filepath.Join(t.TempDir(), "page")
	output, err := exec.CommandContext(t.Context(), "../../console/build.sh", "apidocs", built).CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, name := range []string{"index.html", "docs.js", "docs.css"} {
		want, err := os.ReadFile(filepath.Join(built, name))
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join("page", name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, have), "the sources of %s have changed: run make console", name)
	}
}

// texts gathers what the document says to a reader, its words joined by single blanks.
func texts(node any, found map[string]bool) {
	add := func(value any) {
		if s, ok := value.(string); ok {
			if s = strings.Join(strings.Fields(s), " "); s != "" {
				found[s] = true
			}
		}
	}
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			switch key {
			case "example":
			case "summary", "description":
				add(value)
				texts(value, found) // a property may have such a name
			case "x-enumDescriptions":
				for _, meaning := range value.(map[string]any) {
					add(meaning)
				}
			default:
				texts(value, found)
			}
		}
	case []any:
		for _, value := range node {
			texts(value, found)
		}
	}
}

func TestTheDocumentIsThereInChineseAsWell(t *testing.T) {
	site := docs.New(spec(t))
	var document map[string]any
	require.NoError(t, json.Unmarshal(get(t, site, "/openapi.json", "").Body.Bytes(), &document))
	var pairs []struct{ En, Zh string }
	require.NoError(t, json.Unmarshal(get(t, site, "/docs.zh.json", "").Body.Bytes(), &pairs))

	english := map[string]bool{}
	texts(document, english)
	for _, tag := range document["tags"].([]any) {
		english[tag.(map[string]any)["name"].(string)] = true
	}
	spans := regexp.MustCompile("`[^`]+`")
	for _, pair := range pairs {
		require.True(t, english[pair.En], "zh.yaml has a text that openapi.yaml does not have: %s", pair.En)
		delete(english, pair.En)
		require.NotEmpty(t, pair.Zh, pair.En)
		require.ElementsMatch(t, unique(spans.FindAllString(pair.En, -1)), unique(spans.FindAllString(pair.Zh, -1)), "the code in: %s", pair.En)
	}
	for text := range english {
		t.Errorf("openapi.yaml has a text that zh.yaml does not have: %s", text)
	}
}

func unique(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

func TestTheDocumentAsJSONIsTheDocument(t *testing.T) {
	site := docs.New(spec(t))
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	raw := get(t, site, "/openapi.json", "").Body.Bytes()
	require.NoError(t, json.Unmarshal(raw, &doc))
	require.Equal(t, "3.0.3", doc.OpenAPI)
	type operation struct {
		OperationID string `json:"operationId"`
		Responses   map[string]any
	}
	at := func(path, method string) (op operation) {
		require.NoError(t, json.Unmarshal(doc.Paths[path][method], &op))
		return op
	}
	require.Equal(t, "login", at("/api/v1/auth/login", "post").OperationID)

	// A merge key brings what it names, and what stands beside it wins.
	byGet, byHead := at("/api/v1/auth/verify", "get"), at("/api/v1/auth/verify", "head")
	require.Equal(t, "verifyHead", byHead.OperationID)
	require.Equal(t, byGet.Responses, byHead.Responses)

	// The order is the author's.
	order := regexp.MustCompile(`"/api/v1/auth/(login|refresh|logout|logout-all)":`).FindAllStringSubmatch(string(raw), -1)
	require.Len(t, order, 4)
	require.Equal(t, []string{"login", "refresh", "logout", "logout-all"}, []string{order[0][1], order[1][1], order[2][1], order[3][1]})
}

func TestToJSONKeepsWhatYAMLMeans(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"order":           {"b: 1\na: 2", `{"b":1,"a":2}`},
		"types":           {"[1, 1.5, true, null, yes, '1', \"a\\nb\"]", `[1,1.5,true,null,"yes","1","a\nb"]`},
		"a number as key": {"200: ok", `{"200":"ok"}`},
		"an alias":        {"a: &x {k: v}\nb: *x", `{"a":{"k":"v"},"b":{"k":"v"}}`},
		"merged":          {"a: &x {k: v, l: w}\nb: {<<: *x, k: own}", `{"a":{"k":"v","l":"w"},"b":{"k":"own","l":"w"}}`},
		"own before":      {"a: &x {k: v}\nb: {k: own, <<: *x}", `{"a":{"k":"v"},"b":{"k":"own"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := docs.ToJSON([]byte(c.in))
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
		})
	}
}

func TestToJSONRefusesWhatItCannotConvert(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":                        "",
		"not YAML":                       "a: [",
		"an alias of itself":             "a: &x [*x]",
		"a merge of a list":              "a: &x [1]\nb: {<<: *x}",
		"a number that JSON has not":     "a: .inf",
		"too deep":                       strings.Repeat("[", 200) + strings.Repeat("]", 200),
		"a merge of itself":              "a: &x {<<: *x}",
		"a broken document for /openapi": "{",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := docs.ToJSON([]byte(in))
			require.Error(t, err)
		})
	}
	require.Equal(t, http.StatusInternalServerError, get(t, docs.New([]byte("{")), "/openapi.json", "").Code)
}

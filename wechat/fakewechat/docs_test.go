package fakewechat_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat/fakewechat"
)

// Every curl line of the page is sent, in the page's order, and must be
// answered with 200.
func TestEveryLineOfThePageWorks(t *testing.T) {
	page, err := os.ReadFile("../../docs/en/fakewechat.md")
	require.NoError(t, err)
	app := regexp.MustCompile(`--app (\S+)`).FindStringSubmatch(string(page))
	require.NotNil(t, app)
	a, err := fakewechat.ParseApp(app[1])
	require.NoError(t, err)
	s := fakewechat.New(fakewechat.Options{DevCodes: true, OnMisuse: func(what string) { t.Error(what) }})
	s.SetApp(a)
	data, control := httptest.NewServer(s.Handler()), httptest.NewServer(s.ControlHandler())
	t.Cleanup(data.Close)
	t.Cleanup(control.Close)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Query().Get("echostr"))
	}))
	t.Cleanup(backend.Close)
	replace := strings.NewReplacer("http://127.0.0.1:8090", data.URL, "http://127.0.0.1:8091", control.URL, "http://127.0.0.1:8080", backend.URL)

	form := regexp.MustCompile(`^curl (?:--json '([^']*)' |-X (DELETE) )?'?(http://[^' ]+)'?$`)
	lines := 0
	for line := range strings.SplitSeq(string(page), "\n") {
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		m := form.FindStringSubmatch(replace.Replace(line))
		require.NotNil(t, m, "the test reads this form of curl only: %s", line)
		method := http.MethodGet
		if m[1] != "" {
			method = http.MethodPost
		}
		if m[2] != "" {
			method = m[2]
		}
		req, err := http.NewRequestWithContext(t.Context(), method, m[3], strings.NewReader(m[1]))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, res.Body.Close())
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode, "%s\n%s", line, body)
		require.NotContains(t, string(body), `"errmsg"`, line)
		require.NotContains(t, string(body), `"accepted":false`, line)
		lines++
	}
	require.Greater(t, lines, 20)

	// And every field of a fault stands on the page.
	for _, name := range []string{
		"path", "appId", "count", "probability", "after", "delay", "errcode", "connection", "status", "body",
		"contentType", "stringErrcode", "unknownFields", "omit", "supersede",
	} {
		require.Contains(t, string(page), "`"+name+"`")
	}
}

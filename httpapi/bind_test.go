package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

// wished has a field of every sort that requests have, and an object within.
type wished struct {
	changeRequest
	Text   string          `json:"text"`
	Maybe  *string         `json:"maybe"`
	List   *[]string       `json:"list"`
	Raw    json.RawMessage `json:"raw"`
	Inside struct {
		Text string `json:"text"`
	} `json:"inside"`
	Hidden string `json:"-"`
	Plain  string
}

func TestOnlyExactNamesAreRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]func(*wished){
		`{}`: func(*wished) {},
		`{"Text":"x","TEXT":7,"ſtext":1,"Plain":"x","Hidden":"x","-":"x","tex":"x","text ":"x","":"x"}`: func(*wished) {},
		`{"text":"good","Text":"evil"}`:             func(w *wished) { w.Text = "good" },
		`{"Text":"evil","text":"good"}`:             func(w *wished) { w.Text = "good" },
		`{"text":"first","text":"last"}`:            func(w *wished) { w.Text = "last" },
		`{"t\u0065xt":"a\"b\\\u540d"}`:              func(w *wished) { w.Text = `a"b\名` },
		` { "text" : "名{[,:}]" , "raw" : 7 } `:      func(w *wished) { w.Text, w.Raw = "名{[,:}]", json.RawMessage("7") },
		"{\n\t\"raw\":true\r\n}":                    func(w *wished) { w.Raw = json.RawMessage("true") },
		`{"raw":{"a":["}","\\\"]"]},"text":"next"}`: func(w *wished) { w.Raw, w.Text = json.RawMessage(`{"a":["}","\\\"]"]}`), "next" },
		`{"list":["a","b"],"maybe":"m"}`:            func(w *wished) { m := "m"; w.List, w.Maybe = &[]string{"a", "b"}, &m },
		`{"list":null,"maybe":null}`:                func(*wished) {},
		`{"reason":"why","Reason":"not"}`:           func(w *wished) { w.Reason = "why" },
		`{"inside":{"text":"x","Text":"y"}}`:        func(w *wished) { w.Inside.Text = "x" },
		`{"Inside":{"text":"x"}}`:                   func(*wished) {},
	} {
		var got, expected wished
		want(&expected)
		require.NoError(t, bind(bound(t, body), &got), body)
		require.Equal(t, expected, got, body)
	}
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	t.Parallel()
	for body, says := range map[string]string{
		`null`: "not a JSON object", ` null `: "not a JSON object", `true`: "not a JSON object", `7`: "not a JSON object",
		`"{}"`: "not a JSON object", `[{}]`: "not a JSON object",
		`{} {}`: "not valid JSON", `{"text":"x",}`: "not valid JSON", `{"text"}`: "not valid JSON", ` `: "not valid JSON", `{"text":"x"`: "not valid JSON",
		strings.Repeat(`[`, 20000): "not valid JSON",
		`{"text":7}`:               "The field text is of another type: a string is expected.",
		`{"text":["x"]}`:           "The field text is of another type: a string is expected.",
		`{"list":"x"}`:             "The field list is of another type: an array is expected.",
		`{"list":["x",7]}`:         "The field list is of another type: a string is expected.",
		`{"reason":{}}`:            "The field reason is of another type: a string is expected.",
		`{"inside":null}`:          "The field inside is of another type: an object is expected.",
		`{"inside":["x"]}`:         "The field inside is of another type: an object is expected.",
		`{"inside":{"text":7}}`:    "The field inside.text is of another type: a string is expected.",
	} {
		var got wished
		err := bind(bound(t, body), &got)
		require.Error(t, err, body)
		require.Equal(t, codeInvalidRequest, problemOf(err).Code, body)
		require.Contains(t, problemOf(err).Detail, says, body)
	}
}

// FuzzMembers: of every body, each member is read as encoding/json reads it by
// its exact name.
func FuzzMembers(f *testing.F) {
	for _, body := range []string{
		`{}`, `null`, `{"a":1}`, `{"A":1,"a":[{"b":"}"}],"b":"\\"}`, ` { "b" : -1.5e3 , "a" : null } `, `{"\u0061":"\"","b":{}}`, `{"a":1,"a":2}`, `[]`, `{"a":`, `{"":{"a":1}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var whole map[string]json.RawMessage
		isObject := json.Unmarshal(body, &whole) == nil && whole != nil
		var got struct {
			A json.RawMessage `json:"a"`
			B json.RawMessage `json:"b"`
		}
		_, err := decodeObject(body, nil, &got)
		require.Equal(t, isObject, err == nil, "%v", err)
		if isObject {
			require.Equal(t, string(whole["a"]), string(got.A))
			require.Equal(t, string(whole["b"]), string(got.B))
		}
	})
}

// bound is a request with a body.
func bound(tb testing.TB, body string) echo.Context {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	return echo.New().NewContext(r, httptest.NewRecorder())
}

// BenchmarkBind reads the bodies of login and refresh, which are those that
// come most often.
func BenchmarkBind(b *testing.B) {
	for name, body := range map[string]string{
		"login":   `{"code":"0b3QRt000a1bCd1ef2300xyZ1a3QRt0h","appId":"wx4f4bc4dec97d474b","deviceId":"7a1e6c1e-55d5-4b0f-8a0e-6a54c9b2f3aa","deviceName":"iPhone 15"}`,
		"refresh": `{"refreshToken":"` + strings.Repeat("eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ", 12) + `"}`,
	} {
		b.Run(name, func(b *testing.B) {
			c := bound(b, body)
			reader := strings.NewReader(body)
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				c.Request().Body = nopCloser{reader}
				var err error
				if name == "login" {
					var r loginRequest
					err = bind(c, &r)
				} else {
					var r refreshRequest
					err = bind(c, &r)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }

package jsonobject_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify/jsonobject"
)

var texts = []string{
	`{}`, ` {"a":1} `, `{"a":-0.5e+3,"b":[1,{"c":null},"x\"\\\/\b\f\n\r\t\u00e9"],"d":{"e":true,"f":false}}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`,
	`{"a":.5}`, `{"a":+1}`, `{"a":tru}`, `{"a":nullx}`, `{"a"}`, `{"a":1,}`, `{,}`, `{"a":1}{}`, `{"a":[1,]}`, `{"a":[}`, "{\"a\":\"\n\"}", `{"a":"\x"}`,
	`{"a":"\u12"}`, `{"a":"\u12g4"}`, `{"\u0073ub":1,"sub":2}`, `{"SUB":1,"sub":2}`, "{\"\u212a\":1,\"k\":2}", `{"a":{"b":1,"B":2}}`, `{"a":[{"b":1,"b":2}]}`,
	`[]`, `null`, ``, ` `, `{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":"`, `{"a":"\`, `{"a":"\u`, `{"a":t`, `{"a":{`, "{\"a\":\"\xff\"}", "{\"a\":1}\x00", `{"":1}`, `{"a":1 "b":2}`,
}

// FuzzRead: what is read is what encoding/json reads, and what it refuses is
// refused.
func FuzzRead(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := jsonobject.Read(data)
		var want map[string]json.RawMessage
		wrong := json.Unmarshal(data, &want)
		if wrong != nil || want == nil {
			require.ErrorIs(t, err, jsonobject.ErrNotObject, "encoding/json says %v", wrong)
			return
		}
		require.NoError(t, err)
		names := map[string]bool{}
		folded := map[string]bool{}
		for _, m := range got {
			name, _ := jsonobject.Text(quoted(m.Name)) // broken UTF-8 as encoding/json reads it
			names[name] = true
			value, ok := got.Get(string(m.Name))
			require.True(t, ok)
			if name == string(m.Name) {
				require.True(t, bytes.Equal(want[name], value), "%q", name)
			}
			folded[strings.ToLower(name)] = true
		}
		require.Len(t, names, len(want))
		if got.Distinct(10_000) == nil {
			require.Len(t, got, len(want), "a name came twice")
			require.Len(t, folded, len(want), "a name came in two spellings")
		}
	})
}

func quoted(name []byte) []byte {
	out, err := json.Marshal(string(name))
	if err != nil {
		panic(err)
	}
	return out
}

func TestDistinctLooksIntoWhatIsInside(t *testing.T) {
	for text, want := range map[string]error{
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`: nil,
		`{"a":1,"a":1}`:                           jsonobject.ErrDuplicate,
		`{"a":1,"A":1}`:                           jsonobject.ErrDuplicate,
		`{"a":1,"\u0041":1}`:                      jsonobject.ErrDuplicate,
		"{\"k\":1,\"\u212a\":1}":                  jsonobject.ErrDuplicate,
		"{\"\u017f\":1,\"s\":1}":                  jsonobject.ErrDuplicate,
		`{"a":{"b":1,"B":1}}`:                     jsonobject.ErrDuplicate,
		`{"a":[0,{"b":1,"b":1}]}`:                 jsonobject.ErrDuplicate,
		`{"a":{"b":{}}}`:                          nil,
		`{"a":{"b":{"c":1,"d":{}}}}`:              jsonobject.ErrTooDeep,
		`{"a":[[[]]]}`:                            jsonobject.ErrTooDeep,
		`{"a":"{\"b\":1,\"b\":2}","c":["{","]"]}`: nil,
	} {
		object, err := jsonobject.Read([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, object.Distinct(3), text)
	}
}

func TestGetTakesTheExactNameAndTheLastOfSeveral(t *testing.T) {
	object, err := jsonobject.Read([]byte(`{"a":1,"A":2,"\u0061":3,"b":null}`))
	require.NoError(t, err)
	for name, want := range map[string]string{"a": "3", "A": "2", "b": "null"} {
		got, ok := object.Get(name)
		require.True(t, ok, name)
		require.Equal(t, want, string(got), name)
	}
	_, ok := object.Get("B")
	require.False(t, ok)
}

func TestTextIsThatOfStringsAlone(t *testing.T) {
	for value, want := range map[string]string{`""`: "", `"x"`: "x", `"\u540d\n"`: "名\n", `"\ud83d\ude00"`: "😀"} {
		got, ok := jsonobject.Text([]byte(value))
		require.True(t, ok, value)
		require.Equal(t, want, got)
	}
	for _, value := range []string{``, `null`, `7`, `["x"]`, `{"a":"x"}`, `true`} {
		_, ok := jsonobject.Text([]byte(value))
		require.False(t, ok, value)
	}
}

func TestNestingWithoutEndIsRefused(t *testing.T) {
	for _, open := range []string{`{"a":`, `{"a":[`} {
		_, err := jsonobject.Read([]byte(strings.Repeat(open, 1_000_000)))
		require.ErrorIs(t, err, jsonobject.ErrNotObject)
	}
}

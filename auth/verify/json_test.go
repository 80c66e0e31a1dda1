package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzObject: what is read is what encoding/json reads, and what it refuses is
// refused.
func FuzzObject(f *testing.F) {
	for _, text := range []string{
		`{}`, ` {"a":1} `, `{"a":-0.5e+3,"b":[1,{"c":null},"x\"\\\/\b\f\n\r\t\u00e9"],"d":{"e":true,"f":false}}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`,
		`{"a":.5}`, `{"a":+1}`, `{"a":tru}`, `{"a":nullx}`, `{"a"}`, `{"a":1,}`, `{,}`, `{"a":1}{}`, `{"a":[1,]}`, `{"a":[}`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`,
		`{"a":"\u12"}`, `{"\u0073ub":1,"sub":2}`, `{"SUB":1,"sub":2}`, "{\"\u212a\":1,\"k\":2}", `{"a":{"b":1,"B":2}}`, `[]`, `null`, ``, `{`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseObject(data)
		var want map[string]json.RawMessage
		wrong := json.Unmarshal(data, &want)
		isObject := utf8.Valid(data) && wrong == nil && want != nil
		switch {
		case err == nil:
			require.True(t, isObject, "accepted what encoding/json refuses: %v", wrong)
			require.Len(t, got, len(want))
			for _, m := range got {
				require.True(t, bytes.Equal(want[m.name], m.raw), "%q", m.name)
			}
		case errors.Is(err, errNotObject):
			require.False(t, isObject, "refused what encoding/json accepts")
		}
	})
}

// The names that cost no memory are names that are checked.
func TestEveryNameThatCostsNothingIsOneThatIsKnown(t *testing.T) {
	for _, name := range knownClaims {
		if name == "nbf" {
			continue // ours have none
		}
		got, ok := known([]byte(name))
		require.True(t, ok, name)
		require.Equal(t, name, got)
	}
}

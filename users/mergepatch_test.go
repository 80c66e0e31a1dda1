package users_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

// The cases of RFC 7396 appendix A in which both are objects, as metadata is.
func TestAMergePatchDoesWhatRFC7396Says(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{``, `{"a":9007199254740991}`, `{"a":9007199254740991}`},
	} {
		got, err := users.MergePatch(json.RawMessage(c[0]), json.RawMessage(c[1]))
		require.NoError(t, err, c)
		require.JSONEq(t, c[2], string(got))
	}
}

func TestAMergePatchThatCannotBeStoredChangesNothing(t *testing.T) {
	for _, patch := range []string{``, `null`, `[1]`, `"a"`, `{"a":1}x`, `{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"big":"` + strings.Repeat("x", 3000) + `"}`} {
		_, err := users.MergePatch(json.RawMessage(`{"kept":1}`), json.RawMessage(patch))
		var input *users.InputError
		require.ErrorAs(t, err, &input, patch)
	}
	// What is small by itself can grow too large together.
	half := `"` + strings.Repeat("x", 1200) + `"`
	_, err := users.MergePatch(json.RawMessage(`{"a":`+half+`}`), json.RawMessage(`{"b":`+half+`}`))
	require.Error(t, err)
}

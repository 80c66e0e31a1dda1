package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
)

const text = "the-very-secret-text"

// every prints a value in each way that a program has.
func every(t *testing.T, value any) string {
	t.Helper()
	var out strings.Builder
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flag := range []string{"", "+", "#", " ", "0", "-40", ".3", "+#"} {
			_, _ = fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", value)
		}
	}
	_, _ = fmt.Fprintln(&out, value, fmt.Sprint(value), fmt.Errorf("wrapped: %v", value))
	if data, err := json.Marshal(value); err == nil {
		out.Write(data)
	}
	if data, err := xml.Marshal(value); err == nil {
		out.Write(data)
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(handler).Info("line", "value", value, slog.Group("group", "value", value))
	}
	return out.String()
}

func TestNoVerbNoEncoderAndNoLoggerShowsASecret(t *testing.T) {
	t.Parallel()
	s := secret.New(text)
	type outer struct{ Key secret.String }
	type hidden struct {
		key secret.String
		in  outer
		ptr *secret.String
		all []secret.String
		any any
	}
	nested := hidden{key: s, in: outer{s}, ptr: &s, all: []secret.String{s}, any: s}
	for _, value := range []any{
		s, &s,
		outer{s},
		&outer{s}, nested, &nested,
		[]hidden{nested},
		map[string]hidden{"a": nested},
		map[secret.String]int{s: 1},
		[]any{s, outer{s}},
		[1]secret.String{s},
		struct{ a any }{nested},
	} {
		printed := every(t, value)
		for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprintf("% x", text), strings.Trim(fmt.Sprintf("%d", []byte(text)), "[]")} {
			require.NotContains(t, printed, form, "%T", value)
		}
	}
	for _, value := range []any{s, &s} {
		require.Equal(t, "[redacted] [redacted] [redacted] [redacted]", fmt.Sprintf("%v %d %+v %#x", value, value, value, value))
		data, err := json.Marshal(value)
		require.NoError(t, err)
		require.Equal(t, `"[redacted]"`, string(data))
	}
}

func TestASecretIsComparedAndRevealedOnPurposeOnly(t *testing.T) {
	t.Parallel()
	s := secret.New(text)
	require.Equal(t, text, s.Reveal())
	require.True(t, s.Matches(text))
	require.False(t, s.Matches(text+"x"))
	require.False(t, s.Matches(""))
	require.False(t, s.Empty())
	require.Equal(t, secret.New(text), s, "two of one text are equal to reflect.DeepEqual")
	require.NotEqual(t, secret.New("another"), s)

	for _, none := range []secret.String{{}, secret.New("")} {
		require.Empty(t, none.Reveal())
		require.True(t, none.Empty())
		require.False(t, none.Matches(""), "no key is no key to come in with")
		require.Equal(t, "[redacted]", none.String(), "whether there is one is not told")
	}
}

func TestASecretIsReadFromText(t *testing.T) {
	t.Parallel()
	var file struct{ Key secret.String }
	require.NoError(t, json.NewDecoder(bytes.NewBufferString(`{"Key":"`+text+`"}`)).Decode(&file))
	require.Equal(t, text, file.Key.Reveal())
}

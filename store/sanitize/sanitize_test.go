package sanitize_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/store/sanitize"
)

func TestTextThatFitsIsLeftAlone(t *testing.T) {
	for _, s := range []string{"", "iPhone 15", "小明的手机 📱", "\uFFFD", "tab\tand\nline"} {
		require.Equal(t, s, sanitize.Clean(s))
		require.NoError(t, sanitize.Check(s))
	}
}

func TestWhatNoColumnHoldsIsReplacedOrRefused(t *testing.T) {
	for in, out := range map[string]string{
		"a\x00b":        "a\uFFFDb",
		"caf\xe9":       "caf\uFFFD",
		"\xff\xfe\x00x": "\uFFFD\uFFFDx",
	} {
		require.Equal(t, out, sanitize.Clean(in))
		require.ErrorIs(t, sanitize.Check("fine", in), sanitize.ErrUnfit)
		require.True(t, sanitize.Fit(sanitize.Clean(in)))
	}
}

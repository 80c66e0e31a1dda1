package text_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/store/text"
)

func TestTextThatFitsIsLeftAlone(t *testing.T) {
	for _, s := range []string{"", "iPhone 15", "小明的手机 📱", "\uFFFD", "tab\tand\nline"} {
		require.Equal(t, s, text.Clean(s))
		require.NoError(t, text.Check(s))
	}
}

func TestWhatNoColumnHoldsIsReplacedOrRefused(t *testing.T) {
	for in, out := range map[string]string{
		"a\x00b":        "a\uFFFDb",
		"caf\xe9":       "caf\uFFFD",
		"\xff\xfe\x00x": "\uFFFD\uFFFDx",
	} {
		require.Equal(t, out, text.Clean(in))
		require.ErrorIs(t, text.Check("fine", in), text.ErrUnfit)
		require.True(t, text.Fit(text.Clean(in)))
	}
}

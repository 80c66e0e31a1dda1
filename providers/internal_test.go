package providers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryKindHasAName(t *testing.T) {
	for k := KindUnexpected; k <= KindAppToken; k++ {
		require.Contains(t, kinds, k)
		require.NotEmpty(t, k.String())
	}
	require.Equal(t, "kind 99", Kind(99).String())
}

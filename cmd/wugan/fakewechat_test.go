package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAppThatCannotBeReadIsAMistakeOfUsage(t *testing.T) {
	for _, app := range []string{"wx", "wx:", "wx:of-the-app:p:more"} {
		out, exit, err := command(t, "fakewechat", "--app", app)
		require.Equal(t, exitUsage, exit, app)
		require.ErrorContains(t, err, "--app: an app is appid:secret")
		require.NotContains(t, out+err.Error(), "of-the-app")
	}
}

package devserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
)

func TestMain(m *testing.M) { devserver.Main(m) }

func TestAServerLogsInWhoIsNamedAndOut(t *testing.T) {
	server := devserver.Start(t, "WUGAN_ACCESS_KEYS="+devserver.Keys(t, "EdDSA"))
	me := func(tokens devserver.Tokens) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/users/me", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	first, second := server.Login(t, "alice"), server.Login(t, "alice")
	require.NotEmpty(t, first.User.ID)
	require.Equal(t, first.User.ID, second.User.ID)
	require.Equal(t, http.StatusOK, me(first))
	server.Logout(t, first)
	require.Equal(t, http.StatusUnauthorized, me(first))
	require.Equal(t, http.StatusOK, me(second))
}

//go:build e2e

package gateways

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
)

// A back end in another language, with no token code at all, behind the gateway
// inside.
func TestAPHPServiceNeedsNoTokenCode(t *testing.T) {
	need(t, "php=php-cli")
	address := devserver.FreeAddress(t)
	devserver.Run(t, "http://"+address+"/shop/goods", []string{"PHP_CLI_SERVER_WORKERS=2"},
		"php", "-S", address, root+"/examples/php-backend/index.php")
	wugan := devserver.Start(t, "WUGAN_UPSTREAMS=/shop/=http://"+address, "WUGAN_PUBLIC_PATHS=/shop/goods")
	alice := wugan.Login(t, "alice")

	call := func(method, path, token string, body io.Reader, header ...string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, wugan.URL+path, body)
		require.NoError(t, err)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header[header[i]] = []string{header[i+1]}
		}
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		fields := map[string]any{}
		require.NoError(t, json.NewDecoder(res.Body).Decode(&fields))
		return res.StatusCode, fields
	}

	status, got := call("GET", "/shop/goods", "", nil)
	require.Equal(t, 200, status)
	require.Contains(t, got, "goods", "public")

	status, got = call("GET", "/shop/orders", "", nil)
	require.Equal(t, 401, status)
	require.Equal(t, "token_missing", got["code"])

	// PHP reads each of these as HTTP_X_USER_ID.
	for _, spelling := range []string{"X-User-Id", "X_User_Id", "x-user-id", "X.User.Id"} {
		status, got = call("GET", "/shop/orders", alice.AccessToken, nil, spelling, "forged", "X_Roles", "admin")
		require.Equal(t, 200, status)
		require.Equal(t, alice.User.ID, got["user"], spelling)
		require.Equal(t, alice.User.AppID, got["app"])
		require.Empty(t, got["roles"])
	}

	const size = 3 << 20
	status, got = call("POST", "/shop/orders", alice.AccessToken, strings.NewReader(strings.Repeat("x", size)))
	require.Equal(t, 201, status)
	require.InDelta(t, size, got["bytes"], 0)

	wugan.Logout(t, alice)
	status, got = call("GET", "/shop/orders", alice.AccessToken, nil)
	require.Equal(t, 401, status)
	require.Equal(t, "session_revoked", got["code"])
}

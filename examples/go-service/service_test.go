package main

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
)

func TestMain(m *testing.M) { devserver.Main(m) }

// Both services are built and run as programs, beside the real wugan.

func TestTheNetHTTPServiceLetsOnlyWugansUsersIn(t *testing.T) {
	t.Parallel()
	serviceLetsOnlyWugansUsersIn(t, "github.com/wugan/wugan/examples/go-service")
}

func TestTheEchoServiceLetsOnlyWugansUsersIn(t *testing.T) {
	t.Parallel()
	serviceLetsOnlyWugansUsersIn(t, "github.com/wugan/wugan/examples/go-service/echo")
}

func serviceLetsOnlyWugansUsersIn(t *testing.T, program string) {
	t.Helper()
	const life = 5 * time.Second
	wugan := devserver.Start(t, "WUGAN_ACCESS_TTL="+life.String())
	address := devserver.FreeAddress(t)
	service := "http://" + address
	devserver.Run(t, service+"/healthz", []string{"AUTH_URL=" + wugan.URL, "GATEWAY_KEY=" + devserver.GatewayKey, "ADDR=" + address},
		devserver.Build(t, program))

	alice := wugan.Login(t, "alice")
	status, body := call(t, http.MethodGet, service+"/orders", alice.AccessToken)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, alice.User.ID, body["userId"])
	status, _ = call(t, http.MethodDelete, service+"/orders/1", alice.AccessToken)
	require.Equal(t, http.StatusForbidden, status, "she is no editor")

	for code, token := range map[string]string{
		"token_missing": "",
		"token_invalid": alice.RefreshToken,
	} {
		status, body = call(t, http.MethodGet, service+"/orders", token)
		require.Equal(t, http.StatusUnauthorized, status)
		require.Equal(t, code, body["code"])
	}

	// A session that is ended is refused within a second, though no request of a
	// user asks wugan.
	bob := wugan.Login(t, "bob")
	status, _ = call(t, http.MethodGet, service+"/orders", bob.AccessToken)
	require.Equal(t, http.StatusOK, status)
	wugan.Logout(t, bob)
	require.Eventually(t, func() bool {
		_, body = call(t, http.MethodGet, service+"/orders", bob.AccessToken)
		return body["code"] == "session_revoked"
	}, time.Second, 10*time.Millisecond)

	// Each second the token comes closer to its end; then a client must refresh.
	require.Eventually(t, func() bool {
		status, body = call(t, http.MethodGet, service+"/orders", alice.AccessToken)
		return body["code"] == "token_expired"
	}, 2*life, 100*time.Millisecond)
	require.Equal(t, http.StatusUnauthorized, status)
}

// call returns the status and the body when it is JSON.
func call(t *testing.T, method, address, token string) (status int, body map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	_ = json.Unmarshal(data, &body)
	return response.StatusCode, body
}

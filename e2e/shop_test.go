//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestTheGoShopTakesOrdersAndForgetsWhoLeaves(t *testing.T) {
	program := devserver.Build(t, "github.com/wugan/wugan/examples/shop-go")
	shopTakesOrdersAndForgetsWhoLeaves(t, t.TempDir(), program)
}

func TestTheNodeShopTakesOrdersAndForgetsWhoLeaves(t *testing.T) {
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	folder := filepath.Join(top, "examples", "shop-node")
	install := exec.CommandContext(t.Context(), filepath.Join(top, "scripts", "npm-ci"), "examples/shop-node", "--ignore-scripts")
	output, err := install.CombinedOutput()
	require.NoError(t, err, "%s", output)

	shopTakesOrdersAndForgetsWhoLeaves(t, folder, "node", "shop.mjs")
}

// A shop behind the gateway inside: its orders have the openid, and it learns that a
// person left although it was killed before.
func shopTakesOrdersAndForgetsWhoLeaves(t *testing.T, folder string, program ...string) {
	t.Helper()
	const (
		key    = "shop-key-0123456789-abcdefghijklmnop"
		secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	)
	address := devserver.FreeAddress(t)
	wugan := devserver.Start(t, "WUGAN_UPSTREAMS=/shop/=http://"+address, "WUGAN_API_KEYS=shop:service:"+key,
		"WUGAN_WEBHOOK_URL=http://"+address+"/hooks/wugan", "WUGAN_WEBHOOK_SECRET="+secret)
	orders := filepath.Join(t.TempDir(), "orders.json")
	start := func() (kill func()) {
		ctx, cancel := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, program[0], program[1:]...) // cancelled by SIGKILL
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "ADDR="+address, "AUTH_URL="+wugan.URL, "SERVICE_KEY="+key, "WEBHOOK_SECRET="+secret, "ORDERS="+orders)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		kill = func() { cancel(); _ = cmd.Wait() }
		t.Cleanup(kill)
		require.Eventually(t, func() bool { return ask(t, "GET", "http://"+address+"/healthz", "", nil) == http.StatusOK }, 30*time.Second, 50*time.Millisecond)
		return kill
	}
	kept := func() string {
		text, err := os.ReadFile(orders)
		require.NoError(t, err)
		return string(text)
	}

	kill := start()
	alice, bob := wugan.Login(t, "alice"), wugan.Login(t, "bob")
	openID := fakewechat.OpenID(alice.User.AppID, "alice")
	var payment struct {
		AppID string            `json:"appid"`
		Payer map[string]string `json:"payer"`
	}
	require.Equal(t, http.StatusCreated, ask(t, "POST", wugan.URL+"/shop/orders", alice.AccessToken, &payment))
	require.Equal(t, openID, payment.Payer["openid"])
	require.Equal(t, alice.User.AppID, payment.AppID)
	require.Equal(t, http.StatusCreated, ask(t, "POST", wugan.URL+"/shop/orders", bob.AccessToken, nil))
	require.Equal(t, http.StatusUnauthorized, ask(t, "POST", wugan.URL+"/shop/orders", "", nil))
	require.Equal(t, http.StatusBadRequest, ask(t, "POST", "http://"+address+"/hooks/wugan", "", nil), "a webhook without a signature")
	require.Contains(t, kept(), openID)

	kill()
	require.Equal(t, http.StatusNoContent, askBody(t, "DELETE", wugan.URL+"/api/v1/users/me", alice.AccessToken, `{"code":"dev:alice"}`, nil))
	require.Contains(t, kept(), openID, "nobody was there to be told")
	start()
	require.Eventually(t, func() bool { return !strings.Contains(kept(), openID) && !strings.Contains(kept(), alice.User.ID) },
		3*time.Minute, 200*time.Millisecond, "the webhook comes again")
	require.Contains(t, kept(), bob.User.ID)
}

func ask(t *testing.T, method, url, bearer string, into any) int {
	t.Helper()
	return askBody(t, method, url, bearer, "{}", into)
}

// askBody returns the status, or 0 if there is no response.
func askBody(t *testing.T, method, url, bearer, body string, into any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	if into != nil {
		require.NoError(t, json.Unmarshal(text, into), "%s", text)
	}
	return res.StatusCode
}

package fakecustom_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/internal/test/standintest"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/custom/fakecustom"
	"github.com/wugan/wugan/providers/standin"
)

// signed calls the back end as Standard Webhooks says, at a time.
func signed(t *testing.T, app providers.App, at time.Time, body string) (status int, out map[string]any) {
	t.Helper()
	key, err := standardwebhooks.ParseSecret(app.Secret.Reveal())
	require.NoError(t, err)
	return standintest.Post(t, app.Member("url").Reveal(), "application/json", body,
		standardwebhooks.HeaderID, "msg_1", standardwebhooks.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10),
		standardwebhooks.HeaderSignature, key.Sign("msg_1", at, []byte(body)))
}

func call(t *testing.T, app, code string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"appId": app, "code": code})
	require.NoError(t, err)
	return string(body)
}

func TestItKeepsThePromisesOfAMockServer(t *testing.T) {
	// The mock server's clock moves by the life of a code; the age of a call stays good.
	now := time.Now().Add(3 * time.Minute)
	standintest.Run(t, standintest.Platform{
		New: fakecustom.StandIn, Life: 5 * time.Minute, OneUser: true,
		Login: func(t *testing.T, app providers.App, code string) string {
			t.Helper()
			_, out := signed(t, app, now, call(t, app.ID, code))
			id, _ := out["subject"].(string)
			return id
		},
	})
}

func TestItRefusesAsABackEndDoes(t *testing.T) {
	made, err := fakecustom.StandIn(standin.Options{})
	require.NoError(t, err)
	app, err := made.NewApp("app", standintest.Serve(t, made.Handler()))
	require.NoError(t, err)
	code := func(user string) string {
		t.Helper()
		text, err := made.Code(standin.Login, "app", user)
		require.NoError(t, err)
		return call(t, "app", text)
	}
	once := code("alice")
	status, out := signed(t, app, time.Now(), once)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "+86"+standin.Phone("alice"), out["phone"])
	for _, c := range []struct {
		status int
		code   string
		at     time.Duration
		body   string
	}{
		{http.StatusBadRequest, "code_used", 0, once},
		{http.StatusBadRequest, "invalid_code", 0, call(t, "app", "made-up")},
		{http.StatusBadRequest, "invalid_request", 0, "{"},
		{http.StatusForbidden, "user_blocked", 0, code("blocked")},
		{http.StatusUnauthorized, "signature_invalid", -6 * time.Minute, code("alice")},
		{http.StatusUnauthorized, "signature_invalid", 6 * time.Minute, code("alice")},
	} {
		status, out := signed(t, app, time.Now().Add(c.at), c.body)
		require.Equal(t, c.status, status, c.code)
		require.Equal(t, c.code, out["code"])
	}
	other := app
	other.Secret = secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	status, out = signed(t, other, time.Now(), code("alice"))
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "signature_invalid", out["code"])

	_, err = made.AddApp(other, "")
	require.ErrorContains(t, err, "one secret for all apps")
	other.Secret = secret.New("short")
	_, err = made.AddApp(other, "")
	require.ErrorContains(t, err, "whsec_")
	second, err := made.NewApp("second", "http://back.example.com")
	require.NoError(t, err)
	require.Equal(t, app.Secret.Reveal(), second.Secret.Reveal())
	require.Equal(t, "http://back.example.com/login", second.Member("url").Reveal())
}

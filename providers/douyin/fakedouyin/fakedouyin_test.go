package fakedouyin_test

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/standintest"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/douyin/fakedouyin"
	"github.com/wugan/wugan/providers/standin"
)

// post sends JSON; errors have status 200, too.
func post(t *testing.T, app providers.App, path string, fields map[string]string, header ...string) map[string]any {
	t.Helper()
	body, err := json.Marshal(fields)
	require.NoError(t, err)
	status, out := standintest.Post(t, app.APIURL+path, "application/json", string(body), header...)
	require.Equal(t, http.StatusOK, status)
	return out
}

func session(t *testing.T, app providers.App, fields map[string]string) (errNo float64, data map[string]any) {
	t.Helper()
	call := map[string]string{"appid": app.ID, "secret": app.Secret.Reveal()}
	for name, value := range fields {
		call[name] = value
	}
	out := post(t, app, "/api/apps/v2/jscode2session", call)
	data, _ = out["data"].(map[string]any)
	errNo, _ = out["err_no"].(float64)
	return errNo, data
}

func token(t *testing.T, app providers.App, secret, grant string) (text string, errorCode float64) {
	t.Helper()
	out := post(t, app, "/oauth/client_token/", map[string]string{"client_key": app.ID, "client_secret": secret, "grant_type": grant})
	data, _ := out["data"].(map[string]any)
	text, _ = data["access_token"].(string)
	errorCode, _ = data["error_code"].(float64)
	return text, errorCode
}

func TestItKeepsThePromisesOfAMockServer(t *testing.T) {
	standintest.Run(t, standintest.Platform{
		New: fakedouyin.StandIn, Life: 5 * time.Minute, Offered: []standin.Kind{standin.PhoneNumber, standin.Guest},
		Login: func(t *testing.T, app providers.App, code string) string {
			t.Helper()
			_, data := session(t, app, map[string]string{"code": code})
			id, _ := data["openid"].(string)
			return id
		},
	})
}

func TestItRefusesAsDouyinDoes(t *testing.T) {
	s := fakedouyin.New(standin.Options{})
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	for _, c := range []struct {
		errNo  float64
		fields map[string]string
	}{
		{40014, nil},
		{40015, map[string]string{"appid": "another", "code": "x"}},
		{40017, map[string]string{"secret": "another", "code": "x"}},
		{40018, map[string]string{"code": s.Guest("app", "device")}},
		{40019, map[string]string{"anonymous_code": s.Login("app", "alice")}},
	} {
		errNo, data := session(t, app, c.fields)
		require.InDelta(t, c.errNo, errNo, 0, c.fields)
		require.Empty(t, data)
	}
	_, data := session(t, app, map[string]string{"anonymous_code": s.Guest("app", "device")})
	require.NotEmpty(t, data["anonymous_openid"])
	require.Empty(t, data["openid"], "a guest has none")
	_, data = session(t, app, map[string]string{"code": s.Login("app", "alice"), "anonymous_code": s.Guest("app", "device")})
	require.Equal(t, fakedouyin.OpenID("app", "alice"), data["openid"])
	require.Equal(t, fakedouyin.SessionKey("app", "alice"), data["session_key"])
	require.NotEmpty(t, data["unionid"])
	require.NotEmpty(t, data["anonymous_openid"])
}

// A phone number comes under the app's RSA key, for a token of the app.
func TestAPhoneNumberComesUnderTheKeyOfTheApp(t *testing.T) {
	s := fakedouyin.New(standin.Options{})
	app, err := s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	phone := func(token, code string) map[string]any {
		t.Helper()
		return post(t, app, "/api/apps/v1/get_phonenumber_info/", map[string]string{"code": code}, "access-token", token)
	}
	for _, wrong := range [][2]string{{"another", "client_credential"}, {app.Secret.Reveal(), "password"}} {
		_, errorCode := token(t, app, wrong[0], wrong[1])
		require.InDelta(t, 10003, errorCode, 0)
	}
	text, _ := token(t, app, app.Secret.Reveal(), "client_credential")
	sealed, _ := phone(text, s.PhoneCode("app", "alice"))["data"].(string)
	raw, err := base64.StdEncoding.DecodeString(sealed)
	require.NoError(t, err)
	key, err := providers.RSAPrivateKey(app.Member("phonePrivateKeyFile"))
	require.NoError(t, err)
	plain, err := rsa.DecryptPKCS1v15(nil, key, raw) //nolint:staticcheck // Douyin's choice
	require.NoError(t, err)
	var number struct{ PurePhoneNumber, CountryCode string }
	require.NoError(t, json.Unmarshal(plain, &number))
	require.Equal(t, standin.Phone("alice"), number.PurePhoneNumber)
	require.Equal(t, "86", number.CountryCode)

	require.EqualValues(t, 28001003, phone("another", s.PhoneCode("app", "alice"))["err_no"])
	require.EqualValues(t, 28005187, phone(text, s.Login("app", "alice"))["err_no"])
	s.SupersedeTokens()
	require.EqualValues(t, 28001003, phone(text, s.PhoneCode("app", "alice"))["err_no"])
	text, _ = token(t, app, app.Secret.Reveal(), "client_credential")
	s.MoveClock(2 * time.Hour)
	require.EqualValues(t, 28001003, phone(text, s.PhoneCode("app", "alice"))["err_no"])

	app.Members["phonePrivateKeyFile"] = secret.New("no key")
	_, err = s.AddApp(app, "")
	require.ErrorContains(t, err, "phonePrivateKeyFile")
	delete(app.Members, "phonePrivateKeyFile")
	app, err = s.AddApp(app, app.APIURL)
	require.NoError(t, err)
	text, _ = token(t, app, app.Secret.Reveal(), "client_credential")
	require.EqualValues(t, 28001003, phone(text, s.PhoneCode("app", "alice"))["err_no"], "without a key no number")
}

func TestWhatItEncryptsOpensUnderTheSessionKey(t *testing.T) {
	s := fakedouyin.New(standin.Options{})
	var plain struct{ NickName string }
	made := s.Encrypt("app", "alice", map[string]any{"nickName": "小明"})
	require.NoError(t, json.Unmarshal(standintest.Open(t, fakedouyin.SessionKey("app", "alice"), made, 16), &plain))
	require.Equal(t, "小明", plain.NickName)
}

package fakealipay_test

import (
	"crypto"
	"crypto/md5" // Alipay's choice for the names of certificates
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/internal/test/standintest"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/alipay/fakealipay"
	"github.com/wugan/wugan/providers/standin"
)

// east is the time zone of Alipay's timestamps.
var east = time.FixedZone("UTC+8", 8*60*60)

// signed is a form for the gateway, signed by the app's key as the documentation of
// RSA2 says, after the changes.
func signed(t *testing.T, app providers.App, code string, change ...string) url.Values {
	t.Helper()
	form := url.Values{
		"app_id": {app.ID}, "method": {"alipay.system.oauth.token"}, "format": {"JSON"}, "charset": {"utf-8"}, "sign_type": {"RSA2"},
		"timestamp": {time.Now().In(east).Format(time.DateTime)}, "version": {"1.0"}, "grant_type": {"authorization_code"}, "code": {code},
	}
	for i := 0; i+1 < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	var parts []string
	for name, values := range form {
		if values[0] != "" {
			parts = append(parts, name+"="+values[0])
		}
	}
	slices.Sort(parts)
	key, err := providers.RSAPrivateKey(app.Member("privateKeyFile"))
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(strings.Join(parts, "&")))
	sign, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	require.NoError(t, err)
	form.Set("sign", base64.StdEncoding.EncodeToString(sign))
	return form
}

func send(t *testing.T, app providers.App, form url.Values) (node map[string]any, whole map[string]any) {
	t.Helper()
	status, out := standintest.Post(t, app.APIURL+"/gateway.do", "application/x-www-form-urlencoded", form.Encode())
	require.Equal(t, http.StatusOK, status, "errors, too")
	for _, name := range []string{"error_response", "alipay_system_oauth_token_response"} {
		if node, ok := out[name].(map[string]any); ok {
			return node, out
		}
	}
	return nil, out
}

func TestItKeepsThePromisesOfAMockServer(t *testing.T) {
	standintest.Run(t, standintest.Platform{
		New: fakealipay.StandIn, Life: 3 * time.Minute, Offered: []standin.Kind{standin.PhoneNumber},
		Login: func(t *testing.T, app providers.App, code string) string {
			t.Helper()
			node, _ := send(t, app, signed(t, app, code))
			id, _ := node["open_id"].(string)
			return id
		},
	})
}

func newApp(t *testing.T) (s *fakealipay.Server, app providers.App) {
	t.Helper()
	made, err := fakealipay.StandIn(standin.Options{})
	require.NoError(t, err)
	s, ok := made.(*fakealipay.Server)
	require.True(t, ok)
	app, err = s.NewApp("app", standintest.Serve(t, s.Handler()))
	require.NoError(t, err)
	return s, app
}

func TestItRefusesAsAlipayDoes(t *testing.T) {
	s, app := newApp(t)
	form := signed(t, app, s.Login("app", "alice"))
	form.Set("code", s.Login("app", "bob"))
	node, whole := send(t, app, form)
	require.Equal(t, "isv.invalid-signature", node["sub_code"], "the signature is of another code")
	require.NotContains(t, whole, "sign")
	form.Del("sign")
	node, _ = send(t, app, form)
	require.Equal(t, "isv.missing-signature", node["sub_code"])
	for _, c := range []struct{ sub, field, instead string }{
		{"isv.invalid-app-id", "app_id", "another"},
		{"isv.invalid-signature", "sign_type", "RSA"},
		{"isv.invalid-timestamp", "timestamp", time.Now().Add(-time.Hour).In(east).Format(time.DateTime)},
		{"isv.invalid-timestamp", "timestamp", "now"},
		{"isv.invalid-cert-sn", "app_cert_sn", "abc"},
		{"isv.invalid-method", "method", "alipay.user.info.share"},
		{"isv.invalid-method", "version", "2.0"},
		{"isv.grant-type-invalid", "grant_type", "refresh_token"},
	} {
		node, _ := send(t, app, signed(t, app, s.Login("app", "alice"), c.field, c.instead))
		require.Equal(t, c.sub, node["sub_code"], c.field)
	}
	node, whole = send(t, app, signed(t, app, "made-up"))
	require.Equal(t, "isv.code-invalid", node["sub_code"])
	require.Contains(t, whole, "sign", "the one error that Alipay signs")
	status, out := standintest.Post(t, app.APIURL+"/gateway.do", "application/x-www-form-urlencoded", "a=%zz")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, out, "error_response")
}

// A response is signed over the bytes of its node as they were sent.
func TestAResponseIsSignedOverItsOwnBytes(t *testing.T) {
	s, app := newApp(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, app.APIURL+"/gateway.do", strings.NewReader(signed(t, app, s.Login("app", "alice")).Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	var raw struct {
		Node json.RawMessage `json:"alipay_system_oauth_token_response"`
		Sign string
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&raw))
	key, err := providers.RSAPublicKey(app.Member("alipayPublicKeyFile"))
	require.NoError(t, err)
	verify(t, key, raw.Node, raw.Sign)
}

func verify(t *testing.T, key *rsa.PublicKey, text []byte, sign string) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(sign)
	require.NoError(t, err)
	sum := sha256.Sum256(text)
	require.NoError(t, rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw))
}

func TestAPhoneNumberOpensUnderTheKeyOfTheApp(t *testing.T) {
	s, app := newApp(t)
	var made struct{ Response, Sign string }
	require.NoError(t, json.Unmarshal([]byte(s.PhoneText("app", "alice")), &made))
	key, err := providers.RSAPublicKey(app.Member("alipayPublicKeyFile"))
	require.NoError(t, err)
	verify(t, key, []byte(`"`+made.Response+`"`), made.Sign)
	zero := base64.StdEncoding.EncodeToString(make([]byte, 16))
	plain := standintest.Open(t, app.Member("aesKey").Reveal(), standin.Encrypted{Data: made.Response, IV: zero}, 16)
	require.JSONEq(t, `{"code":"10000","msg":"Success","mobile":"`+standin.Phone("alice")+`"}`, string(plain))
}

func TestAnOldAppIsGivenUserIDs(t *testing.T) {
	s, app := newApp(t)
	app.Members["subject"] = secret.New("user_id")
	app, err := s.AddApp(app, app.APIURL)
	require.NoError(t, err)
	node, _ := send(t, app, signed(t, app, s.Login("app", "alice")))
	require.Equal(t, fakealipay.UserID("alice"), node["user_id"])
	require.Regexp(t, `^2088\d{12}$`, node["user_id"])
	require.NotContains(t, node, "open_id")
}

// In certificate mode a call names the certificates of both sides by their issuer and
// number.
func TestAnAppWithCertificatesNamesThem(t *testing.T) {
	s, app := newApp(t)
	key, err := providers.RSAPrivateKey(app.Member("privateKeyFile"))
	require.NoError(t, err)
	certificates, err := s.IssueCertificates(&key.PublicKey)
	require.NoError(t, err)
	app.Members["appCertFile"] = secret.New(string(certificates.App))
	app.Members["alipayCertFile"] = secret.New(string(certificates.Alipay))
	app.Members["alipayRootCertFile"] = secret.New(string(certificates.Root))
	app, err = s.AddApp(app, app.APIURL)
	require.NoError(t, err)
	node, _ := send(t, app, signed(t, app, s.Login("app", "alice")))
	require.Equal(t, "isv.invalid-cert-sn", node["sub_code"])

	name := func(text []byte) string {
		block, _ := pem.Decode(text)
		c, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		sum := md5.Sum([]byte("CN=Ant Financial Certification Authority R1,OU=Certification Authority,O=Ant Financial,C=CN" + c.SerialNumber.Text(10)))
		return hex.EncodeToString(sum[:])
	}
	_, rsaRoot := pem.Decode(certificates.Root) // behind the other kind
	node, whole := send(t, app, signed(t, app, s.Login("app", "alice"), "app_cert_sn", name(certificates.App), "alipay_root_cert_sn", name(rsaRoot)))
	require.Equal(t, fakealipay.OpenID("app", "alice"), node["open_id"])
	require.Equal(t, name(certificates.Alipay), whole["alipay_cert_sn"])
}

func TestAnAppThatCannotBeIsRefused(t *testing.T) {
	s, app := newApp(t)
	with := func(name, value string) providers.App {
		changed := app
		changed.Members = map[string]secret.String{name: secret.New(value)}
		for other, text := range app.Members {
			if other != name {
				changed.Members[other] = text
			}
		}
		return changed
	}
	_, other := newApp(t)
	for name, value := range map[string]string{
		"privateKeyFile": "no key", "alipayPublicKeyFile": other.Member("alipayPublicKeyFile").Reveal(), "aesKey": "%",
	} {
		_, err := s.AddApp(with(name, value), "")
		require.ErrorContains(t, err, name)
	}
	_, err := s.AddApp(with("aesKey", ""), "")
	require.NoError(t, err)
	_, err = s.Code(standin.PhoneNumber, "app", "alice")
	require.ErrorContains(t, err, "no aesKey")
}

// Package baidu signs people in by the server API of Baidu smart programs, and
// reads the encrypted data that Baidu hands to the client.
//
// Sources: Baidu's SDKs for Java, Go and PHP (getsessionkey), a copy of its page on
// OAuth errors. The numbers by which getsessionkey refuses a code are not known
// here, so a bad code counts as an outage, as every number that is not listed.
package baidu

import (
	"context"
	"crypto/aes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
)

const (
	name         = "baidu"
	host         = "https://openapi.baidu.com"
	memberAppKey = "appKey"
)

// Registration is the provider of Baidu smart programs.
var Registration = providers.Registration{
	Name: name, Required: []string{memberAppKey},
	Codes: []string{"110", "111", "invalid_client", "unauthorized_client"},
	New:   newProvider,
}

var (
	apiToken = providers.API{
		Name: "token", Method: http.MethodGet, Host: host, Path: "/oauth/2.0/token", Judge: judgeToken,
	}
	apiSession = providers.API{
		Name: "getsessionkey", Method: http.MethodGet, Host: host, Path: "/rest/2.0/smartapp/getsessionkey",
		WithToken: true, Once: true, Judge: judge,
	}
)

// provider is one smart program.
type provider struct {
	appKey string
	secret secret.String
	caller *providers.Caller
	token  *providers.AppToken
}

var _ interface {
	providers.Provider
	providers.Decrypter
} = (*provider)(nil)

func newProvider(app providers.App, cfg providers.Config) (providers.Provider, error) {
	caller, err := providers.NewCaller(name, app.APIURL, []providers.API{apiToken, apiSession}, cfg)
	if err != nil {
		return nil, err
	}
	p := &provider{appKey: app.Member(memberAppKey).Reveal(), secret: app.Secret, caller: caller}
	p.token = caller.NewAppToken(apiToken, p.fetchToken)
	return p, nil
}

// maxTokenLife bounds what is believed of expires_in.
const maxTokenLife = 30 * 24 * time.Hour

func (p *provider) fetchToken(ctx context.Context) (string, time.Duration, error) {
	f, err := p.caller.Call(ctx, providers.Request{API: apiToken, Query: url.Values{
		"grant_type": {"client_credentials"}, "client_id": {p.appKey}, "client_secret": {p.secret.Reveal()},
		"scope": {"smartapp_snsapi_base"},
	}})
	if err != nil {
		return "", 0, err
	}
	seconds, _ := f.Integer("expires_in")
	return f.Text("access_token"), time.Duration(min(seconds, int64(maxTokenLife/time.Second))) * time.Second, nil
}

// Exchange implements providers.Provider with a code of swan.getLoginCode. A code
// that Baidu refuses is ErrUnavailable. There is no unionid.
func (p *provider) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	if err := p.caller.CheckCode(apiSession, code); err != nil {
		return providers.Identity{}, err
	}
	f, err := p.caller.CallWithToken(ctx, p.token, func(token string) providers.Request {
		return providers.Request{API: apiSession, Query: url.Values{"access_token": {token}, "code": {code}}}
	})
	if err != nil {
		return providers.Identity{}, err
	}
	data := f.Object("data")
	i := providers.Identity{Subject: data.Text("open_id"), SessionKey: secret.New(data.Text("session_key"))}
	if !providers.PlausibleID(i.Subject) || !providers.PlausibleID(i.SessionKey.Reveal()) {
		return providers.Identity{}, p.caller.Lacks(apiSession, "open_id or session_key")
	}
	return i, nil
}

// Decrypt implements providers.Decrypter: AES-192-CBC under the decoded session
// key, with padding up to 32 bytes. Inside are 16 random bytes, the length of the
// JSON in network order, the JSON, and the AppKey, which stands in for a
// watermark.
func (p *provider) Decrypt(key secret.String, encryptedData, iv string) (json.RawMessage, error) {
	k, err := base64.StdEncoding.DecodeString(key.Reveal())
	if err != nil || len(k) != 24 {
		return nil, providers.ErrDecrypt
	}
	v, err := base64.StdEncoding.DecodeString(iv)
	if err != nil || len(v) != aes.BlockSize {
		return nil, providers.ErrDecrypt
	}
	data, err := base64.StdEncoding.DecodeString(encryptedData)
	if err != nil {
		return nil, providers.ErrDecrypt
	}
	plain, ok := providers.DecryptCBC(k, v, data, 32)
	if !ok || len(plain) < 20 {
		return nil, providers.ErrDecrypt
	}
	n, rest := binary.BigEndian.Uint32(plain[16:20]), plain[20:]
	if uint64(n) > uint64(len(rest)) || string(rest[n:]) != p.appKey {
		return nil, providers.ErrDecrypt
	}
	var object providers.Fields
	if json.Unmarshal(rest[:n], &object) != nil || object == nil {
		return nil, providers.ErrDecrypt
	}
	return rest[:n], nil
}

// judge reads getsessionkey's errno, and the error_code of the gateway before it;
// both are 0 or absent on success.
func judge(_ providers.API, f providers.Fields, _ []byte) *providers.Error {
	gateway, ok1 := f.Number("error_code")
	code, ok2 := f.Number("errno")
	switch {
	case !ok1 || !ok2:
		return &providers.Error{Kind: providers.KindUnexpected, Reason: "the errno or error_code is not a number"}
	case gateway == 110 || gateway == 111: // the token is invalid, has expired
		return &providers.Error{Kind: providers.KindAppToken, Code: strconv.Itoa(gateway)}
	case gateway != 0:
		return &providers.Error{Kind: providers.KindUnexpected, Code: strconv.Itoa(gateway)}
	case code != 0:
		return &providers.Error{Kind: providers.KindUnexpected, Code: strconv.Itoa(code)}
	}
	return nil
}

// judgeToken reads an OAuth error (RFC 6749, section 5.2).
func judgeToken(_ providers.API, f providers.Fields, _ []byte) *providers.Error {
	if !f.Has("error") {
		return nil
	}
	e := &providers.Error{Kind: providers.KindUnexpected, Code: providers.CleanCode(f.Text("error"))}
	if e.Code == "invalid_client" || e.Code == "unauthorized_client" {
		e.Kind = providers.KindRejectedApp
	}
	return e
}

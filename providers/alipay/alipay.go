// Package alipay signs people in by the server API of Alipay mini programs: it
// signs each call with the app's private key (RSA2), believes a response only
// under Alipay's public key or certificate, and reads the phone number that
// my.getPhoneNumber hands to the client.
//
// Sources: AlipayDocs, mini program, my.getAuthCode and my.getPhoneNumber; three
// SDKs that agree on the signature. Codes of Alipay's that are not listed here
// count as an outage, never as a refusal.
package alipay

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wugan/wugan/providers"
)

// The members of an app that this provider knows.
const (
	memberPrivateKey = "privateKeyFile"
	memberPublicKey  = "alipayPublicKeyFile"
	memberAESKey     = "aesKey"
	memberSubject    = "subject"
)

const name = "alipay"

// host is Alipay's own; /gateway.do is a path below it.
const host = "https://openapi.alipay.com"

// Registration is the provider of Alipay mini programs.
var Registration = providers.Registration{
	Name: name, NoSecret: true,
	Required: []string{memberPrivateKey},
	Optional: []string{memberPublicKey, memberAppCert, memberAlipayCert, memberRootCert, memberAESKey, memberSubject},
	Codes:    slices.Sorted(maps.Keys(meanings)),
	New: func(app providers.App, cfg providers.Config) (providers.Provider, error) {
		return newProvider(app, cfg)
	},
}

const (
	tokenMethod = "alipay.system.oauth.token"
	tokenNode   = "alipay_system_oauth_token_response"
	errorNode   = "error_response"
)

// provider is one mini program.
type provider struct {
	appID   string
	private *rsa.PrivateKey
	alipay  *rsa.PublicKey
	aesKey  []byte // nil where no phone numbers are wanted
	subject string // "open_id", "user_id", or "" for whichever comes, open_id first
	caller  *providers.Caller
	token   providers.API
	phone   providers.API // names errors; it is never called

	certificates certificates
}

var _ interface {
	providers.Provider
	providers.PhoneNumberer
} = (*provider)(nil)

func newProvider(app providers.App, cfg providers.Config) (*provider, error) {
	p := &provider{appID: app.ID, subject: app.Member(memberSubject).Reveal()}
	var err error
	if p.private, err = providers.RSAPrivateKey(app.Member(memberPrivateKey)); err != nil {
		return nil, fmt.Errorf("%s, %w", memberPrivateKey, err)
	}
	if err = p.readKeys(app); err != nil {
		return nil, err
	}
	if text := app.Member(memberAESKey); !text.Empty() {
		if p.aesKey, err = base64.StdEncoding.DecodeString(text.Reveal()); err != nil || len(p.aesKey) != 16 {
			return nil, errors.New("aesKey, base64 of 16 bytes")
		}
	}
	if p.subject != "" && p.subject != "open_id" && p.subject != "user_id" {
		return nil, errors.New("subject, open_id or user_id")
	}
	p.token = providers.API{
		Name: tokenMethod, Method: http.MethodPost, Host: host, Path: "/gateway.do", Once: true, Judge: p.judge,
	}
	p.phone = providers.API{Name: "my.getPhoneNumber"}
	p.caller, err = providers.NewCaller(name, app.APIURL, []providers.API{p.token}, cfg)
	return p, err
}

// china is the time of the parameter timestamp.
var china = time.FixedZone("UTC+8", 8*60*60)

// Exchange implements providers.Provider. Alipay does not tell used, expired and
// foreign codes apart: all are ErrInvalidCode.
func (p *provider) Exchange(ctx context.Context, code string) (providers.Identity, error) {
	if err := p.caller.CheckCode(p.token, code); err != nil {
		return providers.Identity{}, err
	}
	form := url.Values{
		"app_id": {p.appID}, "method": {tokenMethod}, "format": {"JSON"}, "charset": {"utf-8"}, "sign_type": {"RSA2"},
		"timestamp": {p.caller.Now().In(china).Format(time.DateTime)}, "version": {"1.0"},
		"grant_type": {"authorization_code"}, "code": {code},
	}
	if p.certificates.used() {
		form.Set("app_cert_sn", p.certificates.app)
		form.Set("alipay_root_cert_sn", p.certificates.root)
	}
	sign, err := p.sign(form)
	if err != nil {
		return providers.Identity{}, p.caller.Refuse(p.token, providers.KindUnexpected, "the request cannot be signed")
	}
	form.Set("sign", sign)
	f, err := p.caller.Call(ctx, providers.Request{API: p.token, Body: providers.Form(form)})
	if err != nil {
		return providers.Identity{}, err
	}
	node := f.Object(tokenNode)
	i := providers.Identity{Subject: p.subjectOf(node), UnionID: node.Text("union_id")}
	if !providers.PlausibleID(i.Subject) || i.UnionID != "" && !providers.PlausibleID(i.UnionID) {
		return providers.Identity{}, p.caller.Lacks(p.token, "open_id or user_id")
	}
	return i, nil
}

// subjectOf is who it is: new apps are given open_id alone, old ones user_id.
func (p *provider) subjectOf(node providers.Fields) string {
	if p.subject != "" {
		return node.Text(p.subject)
	}
	if id := node.Text("open_id"); id != "" {
		return id
	}
	return node.Text("user_id")
}

// signingText is what an RSA2 signature covers: all parameters but sign and
// those that are empty, sorted, not encoded.
func signingText(form url.Values) string {
	var parts []string
	for name, values := range form {
		if name != "sign" && len(values) == 1 && values[0] != "" {
			parts = append(parts, name+"="+values[0])
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

func (p *provider) sign(form url.Values) (string, error) {
	sum := sha256.Sum256([]byte(signingText(form)))
	sign, err := rsa.SignPKCS1v15(rand.Reader, p.private, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(sign), err
}

// verified reports whether Alipay signed a text.
func (p *provider) verified(text []byte, sign string) bool {
	raw, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		return false
	}
	sum := sha256.Sum256(text)
	return rsa.VerifyPKCS1v15(p.alipay, crypto.SHA256, sum[:], raw) == nil
}

// meanings are the sub_codes, and below them the codes, that are documented.
var meanings = map[string]providers.Kind{
	"isv.code-invalid":                 providers.KindInvalidCode,
	"isv.invalid-app-id":               providers.KindRejectedApp,
	"isv.insufficient-isv-permissions": providers.KindRejectedApp,
	// Whether a busy Alipay has used the code up is not documented, so nothing is
	// sent twice.
	"isp.unknow-error": providers.KindUnavailable,
	"aop.unknow-error": providers.KindUnavailable,
	"20000":            providers.KindUnavailable,
	"40005":            providers.KindRateLimited,
	"40006":            providers.KindRejectedApp,
}

// judge reads the response. A success is believed only under Alipay's signature,
// which is over the response node as it was sent.
func (p *provider) judge(_ providers.API, f providers.Fields, _ []byte) *providers.Error {
	node := f.Object(tokenNode)
	failure := f.Object(errorNode)
	if failure == nil && (node == nil || node.Has("sub_code") || node.Has("code") && node.TextOrNumber("code") != "10000") {
		failure = node
	}
	if failure == nil && node == nil {
		return &providers.Error{Kind: providers.KindUnexpected, Reason: "the response has no node of the method"}
	}
	if failure != nil {
		return refusal(failure)
	}
	if p.certificates.used() && f.Text("alipay_cert_sn") != p.certificates.alipay {
		return &providers.Error{Kind: providers.KindUnexpected, Reason: "the response is signed under another certificate than " + memberAlipayCert + ": download Alipay's again"}
	}
	if !p.verified(f[tokenNode], f.Text("sign")) {
		return &providers.Error{Kind: providers.KindUnexpected, Reason: "the response is not signed by Alipay's key"}
	}
	return nil
}

func refusal(f providers.Fields) *providers.Error {
	for _, code := range []string{f.TextOrNumber("sub_code"), f.TextOrNumber("code")} {
		if kind, known := meanings[code]; known {
			return &providers.Error{Kind: kind, Code: code}
		}
	}
	code := f.TextOrNumber("sub_code")
	if code == "" {
		code = f.TextOrNumber("code")
	}
	return &providers.Error{Kind: providers.KindUnexpected, Code: providers.CleanCode(code)}
}

var mobileForm = regexp.MustCompile(`^[0-9]{5,20}$`)

// PhoneNumber implements providers.PhoneNumberer. The code is the whole text that
// my.getPhoneNumber hands to the client, {"response", "sign"}. It names no person
// and no time: what leaks can be handed in by another person.
func (p *provider) PhoneNumber(_ context.Context, _, code string) (providers.Phone, error) {
	if p.aesKey == nil {
		return providers.Phone{}, p.caller.Refuse(p.phone, providers.KindRejectedApp, "the app has no aesKey")
	}
	bad := p.caller.Refuse(p.phone, providers.KindInvalidCode, "the text of my.getPhoneNumber does not fit this app")
	var f providers.Fields
	if json.Unmarshal([]byte(code), &f) != nil {
		return providers.Phone{}, bad
	}
	response := f.Text("response")
	if response == "" || !p.verified([]byte(`"`+response+`"`), f.Text("sign")) {
		return providers.Phone{}, bad
	}
	data, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return providers.Phone{}, bad
	}
	plain, ok := providers.DecryptCBC(p.aesKey, make([]byte, aes.BlockSize), data, aes.BlockSize)
	var content providers.Fields
	if !ok || json.Unmarshal(plain, &content) != nil {
		return providers.Phone{}, bad
	}
	if answer := content.TextOrNumber("code"); answer != "10000" {
		e := p.caller.Refuse(p.phone, providers.KindUnexpected, "")
		if kind, known := meanings[answer]; known {
			e = p.caller.Refuse(p.phone, kind, "")
		}
		e.Code = providers.CleanCode(answer)
		return providers.Phone{}, e
	}
	mobile := content.Text("mobile")
	if !mobileForm.MatchString(mobile) {
		return providers.Phone{}, p.caller.Lacks(p.phone, "mobile")
	}
	return providers.Phone{Number: mobile}, nil
}

package wechat

import (
	"net/netip"
	"regexp"
	"strconv"

	"github.com/wugan/wugan/providers"
)

// judge reads the errcode, which is absent or 0 on success. It may come as a
// string in rare answers.
func judge(a providers.API, f providers.Fields, _ []byte) *providers.Error {
	code, ok := f.Number("errcode")
	switch {
	case !ok:
		return &providers.Error{Kind: providers.KindUnexpected, Reason: "the errcode is not a number"}
	case code == 0:
		return nil
	}
	e := &providers.Error{
		Kind: classify(a, code), Code: strconv.Itoa(code), RequestID: first(ridPattern, f.Text("errmsg")),
	}
	if code == 40164 {
		// The operator needs to know which address to allow.
		if ip, err := netip.ParseAddr(first(ipPattern, f.Text("errmsg"))); err == nil {
			e.Reason = "the address " + ip.String() + " is not on the app's list"
		}
	}
	return e
}

// Only these shapes are taken out of an errmsg, whose tails vary and whose text
// is not documented.
var (
	ridPattern = regexp.MustCompile(`\brid: ?([0-9a-f]{8}-[0-9a-f]{6,8}-[0-9a-f]{6,8})\b`)
	ipPattern  = regexp.MustCompile(`\binvalid ip ([0-9A-Fa-f.:]{2,45})`)
)

func first(p *regexp.Regexp, s string) string {
	if m := p.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// classify returns the meaning of an errcode. See [providers.Judge] for unknown ones.
//
// For phone codes, 40013 means that the code was made in another mini program, which is
// a fault of the user and not of the operator, and 40003 that it does not belong to the
// given openid. WeChat does not document the errcode for the latter, so unknown refusals
// are treated like it. Since an access token was issued, appid and secret are valid.
func classify(a providers.API, code int) providers.Kind {
	kind := classifyAny(a, code)
	if a.Name == phoneNumberName && (code == 40013 || code == 40003 || code > 0 && kind == providers.KindUnexpected) {
		return providers.KindInvalidCode
	}
	return kind
}

// codes are WeChat's that this package tells apart, and those that its
// documentation names for our calls.
var codes = []string{
	"-1", "40001", "40013", "40014", "40029", "40125", "40163", "40164", "40226", "40243", "41002", "41004", "41008", "41018", "42001",
	"43101", "45009", "45011", "48001", "48004", "50002", "87007", "87009", "89501", "89503", "89506", "89507",
	"61003", "61004", "61005", "61006", "61023", "61024",
}

func classifyAny(a providers.API, code int) providers.Kind {
	switch code {
	case 40029, 41008:
		return providers.KindInvalidCode
	case 40163:
		return providers.KindCodeUsed
	case 40226:
		return providers.KindUserBlocked
	case 45011:
		return providers.KindRateLimited
	case -1:
		return providers.KindBusy
	case 87009, 87007: // wrong signature; no such key any more
		return providers.KindStaleSessionKey
	case 40013, 40125, 41002, 41004, 40243, // appid or secret wrong, missing, frozen
		40164, 89501, 89503, 89506, 89507, // this address is not allowed, or waits for the administrator
		61003, 61023, // the mini program has not authorized the third-party platform, or no longer
		61004,               // this address is not on the third-party platform's list
		45009,               // the app's quota of the day is spent: raise or clear it
		48001, 48004, 50002: // the app has no right to the call, or lost it
		return providers.KindRejectedApp
	case 40001, 40014, 42001:
		if a.WithToken {
			return providers.KindAppToken
		}
		return providers.KindRejectedApp // without an access token, 40001 is about the secret
	}
	// 61005 and 61006 (the ticket is expired or invalid) end with the next push, and
	// 61024 and 41018 (a token of another kind, no component_appid) would be a fault
	// of ours: like unknown codes, they are no refusal of the user.
	return providers.KindUnexpected
}

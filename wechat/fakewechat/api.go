package fakewechat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

var messages = map[int]string{
	-1:    "system error",
	40001: "invalid credential, access_token is invalid or not latest",
	40002: "invalid grant_type",
	40003: "invalid openid",
	40013: "invalid appid",
	40014: "invalid access_token",
	40029: "invalid code",
	40125: "invalid appsecret",
	40163: "code been used",
	40164: "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist",
	40226: "code blocked",
	40243: "appsecret is frozen",
	41001: "access_token missing",
	41002: "appid missing",
	41004: "appsecret missing",
	41008: "missing code",
	42001: "access_token expired",
	44002: "empty post data",
	45009: "reach max api daily quota limit",
	45011: "api minute-quota reach limit, must slower, retry next minute",
	47001: "data format error",
	87008: "invalid sig_method",
	87009: "invalid signature",
}

func message(errcode int) string {
	if m, ok := messages[errcode]; ok {
		return m
	}
	return "error"
}

// failure is an errcode with an errmsg, whose tail varies as the real one's
// does: its content is not for readers.
func (s *Server) failure(errcode int, msg string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail(errcode, msg)
}

func (s *Server) fail(errcode int, msg string) map[string]any {
	s.served++
	rid := fmt.Sprintf("%08x-%08x-%08x", uint32(s.now().Unix()), s.rng.Uint32(), s.rng.Uint32()) //nolint:gosec // as the real one, until 2106
	tail := ", rid: " + rid
	switch s.served % 3 {
	case 1:
		tail = " rid: " + rid
	case 2:
		tail = " hint: [" + s.text(12, alphanumeric) + "] rid: " + rid
	}
	return map[string]any{"errcode": errcode, "errmsg": msg + tail}
}

// credentials checks appid and secret, the first thing of all.
func (s *Server) credentials(appID, secret string) (*app, map[string]any) {
	switch a := s.apps[appID]; {
	case appID == "":
		return nil, s.fail(41002, message(41002))
	case secret == "":
		return nil, s.fail(41004, message(41004))
	case a == nil:
		return nil, s.fail(40013, message(40013))
	case a.Secret != secret:
		return nil, s.fail(40125, message(40125))
	case a.Frozen:
		return nil, s.fail(40243, message(40243))
	default:
		return a, nil
	}
}

// code2Session: a success has no errcode, and a unionid only where the app is
// bound to an Open Platform account.
func (s *Server) code2Session(in incoming) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, failed := s.credentials(in.query.Get("appid"), in.query.Get("secret"))
	if failed != nil {
		return failed
	}
	if in.query.Get("grant_type") != "authorization_code" {
		return s.fail(40002, message(40002))
	}
	text := in.query.Get("js_code")
	if text == "" {
		return s.fail(41008, message(41008))
	}
	c := s.codes[text]
	dev, isDev := s.devUser(text)
	if isDev {
		c = &code{account: account{app.ID, dev}, expires: s.now().Add(codeLife)}
	}
	if c == nil || c.phone || c.app != app.ID || s.now().After(c.expires) {
		return s.fail(40029, message(40029))
	}
	in.call.User = c.user
	if c.used {
		return s.fail(40163, message(40163))
	}
	if s.user(c.user).Blocked {
		return s.fail(40226, message(40226))
	}
	// Neither a block nor the rate uses the code up.
	st, minute := s.state(c.account), s.now().Unix()/60
	if st.minute != minute {
		st.minute, st.calls = minute, 0
	}
	if st.calls++; s.opts.UserRate > 0 && st.calls > s.opts.UserRate {
		return s.fail(45011, message(45011))
	}
	c.used = true
	if isDev {
		c.key = s.login(c.account)
	}
	fields := map[string]any{"openid": OpenID(app.ID, c.user), "session_key": c.key}
	if id := UnionID(app.Platform, c.user); id != "" {
		fields["unionid"] = id
	}
	return fields
}

// devUser reads a code of the form dev:NAME.
func (s *Server) devUser(text string) (string, bool) {
	name, ok := strings.CutPrefix(text, "dev:")
	return name, ok && s.opts.DevCodes && name != ""
}

// stableToken gives everyone the same token until its last five minutes.
func (s *Server) stableToken(in incoming) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.empty {
		return s.fail(44002, message(44002))
	}
	// A form instead of JSON is not told from JSON without an appid: 41002.
	if in.body == nil && !in.form {
		return s.fail(47001, message(47001))
	}
	app, failed := s.credentials(in.field("appid"), in.field("secret"))
	if failed != nil {
		return failed
	}
	if in.field("grant_type") != "client_credential" {
		return s.fail(40002, message(40002))
	}
	now := s.now()
	day, minute := now.Unix()/86400, now.Unix()/60
	if app.minute != minute {
		app.minute, app.thisMin = minute, 0
	}
	if app.day != day {
		app.day, app.today = day, 0
	}
	app.thisMin, app.today = app.thisMin+1, app.today+1
	if app.today > 500_000 {
		return s.fail(45009, message(45009))
	}
	if app.thisMin > 10_000 {
		return s.fail(45011, message(45011))
	}
	if force, _ := in.body["force_refresh"].(bool); force {
		if app.forcedDay != day {
			app.forcedDay, app.forced = day, 0
		}
		if app.forced >= 20 {
			return s.fail(45009, message(45009))
		}
		// Sooner than after 30 s nothing is refreshed, and nothing is said.
		if app.forced == 0 || now.Sub(app.forcedAt) >= 30*time.Second {
			app.forced, app.forcedAt = app.forced+1, now
			s.supersede(app)
		}
	}
	if app.current == nil || app.current.expires.Sub(now) <= tokenOverlap {
		// The old one stays valid to its end.
		app.current = &token{app: app.ID, value: s.text(512, alphanumeric+"-_"), expires: now.Add(tokenLife)}
		s.tokens[app.current.value] = app.current
	}
	return map[string]any{
		"access_token": app.current.value,
		"expires_in":   int(app.current.expires.Sub(now) / time.Second),
	}
}

// token checks the access token of a call.
func (s *Server) token(in incoming) (*app, map[string]any) {
	value := in.query.Get("access_token")
	t := s.tokens[value]
	switch {
	case value == "":
		return nil, s.fail(41001, message(41001))
	case t == nil:
		return nil, s.fail(40014, message(40014))
	case s.now().After(t.expires):
		return nil, s.fail(42001, message(42001))
	case t.superseded:
		return nil, s.fail(40001, message(40001))
	}
	return s.apps[t.app], nil
}

// phoneNumber: a used code is 40029 here, a code of another app 40013, and
// countryCode is a string, though the documentation shows a number. Which
// errcode a code of another person than the openid gets is not documented; the
// stand-in says 40003.
func (s *Server) phoneNumber(in incoming) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, failed := s.token(in)
	if failed != nil {
		return failed
	}
	if in.empty {
		return s.fail(44002, message(44002))
	}
	if in.body == nil {
		return s.fail(47001, message(47001))
	}
	c := s.codes[in.field("code")]
	name, isDev := s.devUser(in.field("code"))
	if isDev {
		c = &code{account: account{app.ID, name}, phone: true, expires: s.now().Add(codeLife)}
	}
	switch {
	case c == nil || !c.phone || c.used || s.now().After(c.expires):
		return s.fail(40029, message(40029))
	case c.app != app.ID:
		return s.fail(40013, message(40013))
	}
	in.call.User = c.user
	if openID, given := in.body["openid"]; given && !isDev && openID != OpenID(app.ID, c.user) {
		return s.fail(40003, message(40003)) // and the code is good still
	}
	c.used = true
	u := s.user(c.user)
	shown := u.Phone
	if u.CountryCode != "86" {
		shown = "+" + u.CountryCode + u.Phone
	}
	return map[string]any{"errcode": 0, "errmsg": "ok", "phone_info": map[string]any{
		"phoneNumber": shown, "purePhoneNumber": u.Phone, "countryCode": u.CountryCode,
		"watermark": map[string]any{"timestamp": s.now().Unix(), "appid": app.ID},
	}}
}

// session finds whose session a call is about, and checks its signature under
// the newest session_key: HMAC-SHA256 of nothing, the key being base64 text.
func (s *Server) session(in incoming) (account, map[string]any) {
	app, failed := s.token(in)
	if failed != nil {
		return account{}, failed
	}
	a, ok := s.openIDs[in.query.Get("openid")]
	if !ok || a.app != app.ID {
		return account{}, s.fail(40003, message(40003))
	}
	in.call.User = a.user
	if in.query.Get("sig_method") != "hmac_sha256" {
		return account{}, s.fail(87008, message(87008))
	}
	mac := hmac.New(sha256.New, []byte(s.sessionKey(a)))
	if in.query.Get("signature") != hex.EncodeToString(mac.Sum(nil)) {
		return account{}, s.fail(87009, message(87009))
	}
	return a, nil
}

func (s *Server) checkSession(in incoming) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, failed := s.session(in); failed != nil {
		return failed
	}
	return map[string]any{"errcode": 0, "errmsg": "ok"}
}

func (s *Server) resetSession(in incoming) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, failed := s.session(in)
	if failed != nil {
		return failed
	}
	s.state(a).keys++
	return map[string]any{"errcode": 0, "errmsg": "ok", "openid": OpenID(a.app, a.user), "session_key": s.sessionKey(a)}
}

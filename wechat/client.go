package wechat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"
)

// DefaultBaseURL is WeChat's own address.
const DefaultBaseURL = "https://api.weixin.qq.com"

// App is one mini program.
type App struct {
	// ID is the appid: "wx" and 16 hexadecimal digits.
	ID string
	// Secret is the AppSecret.
	Secret Secret
}

// Config says what a [Client] works with. Only Apps is needed.
type Config struct {
	// BaseURL is where WeChat is; [DefaultBaseURL] when empty. It has no
	// query, no fragment and no user name.
	BaseURL string
	// Apps are the mini programs that may be asked about.
	Apps []App
	// Transport carries the requests; nil for one of the client's own
	// (HTTP/1.1, 2 s to connect, connections kept for 15 s). Do not give one
	// that records addresses, as tracing transports do: the query of
	// jscode2session holds the AppSecret. [Config.Observe] is for that.
	Transport http.RoundTripper
	// Around wraps the transport, whichever it is: for tracing that keeps
	// addresses, headers and bodies to itself. nil for nothing.
	Around func(http.RoundTripper) http.RoundTripper
	// Now is the clock of the access token's life and of what Observe is told;
	// nil for time.Now. Timeouts, pauses and circuits go by the process's own
	// clock.
	Now func() time.Time
	// Rand gives numbers in [0, 1) for jitter; nil for math/rand. It is
	// called by several goroutines at once.
	Rand func() float64
	// Observe is told of every exchange with WeChat and of every call that an
	// open circuit refused: the API's name, the errcode (0 when there was
	// none), the outcome ("ok", "circuit_open", or a [Kind]'s name) and how
	// long it took. It is called by several goroutines at once and must not
	// block; nil for none.
	Observe func(api string, errcode int, outcome string, d time.Duration)
	// Timeout is what one method may take in all, repetitions and the access
	// token included; 0 for 5 s.
	Timeout time.Duration
	// BusyPause is the shortest pause before the one repetition after a -1;
	// up to as much again is added at random. 0 for 200 ms.
	BusyPause time.Duration
	// BreakerFailures is how many failures of one API in a row open its
	// circuit; 0 for 5. Half of at least 20 calls within a minute opens it too.
	BreakerFailures uint32
	// BreakerOpen is how long an open circuit waits before it lets one call
	// through to find out; 0 for 5 s.
	BreakerOpen time.Duration
}

// Client calls WeChat's server API. It is safe for use by many goroutines,
// and any number of processes may use the same app without a lock between
// them. Make one with [New].
type Client struct {
	base      string
	apps      map[string]App
	transport http.RoundTripper
	now       func() time.Time
	rand      func() float64
	observe   func(string, int, string, time.Duration)
	timeout   time.Duration
	busyPause time.Duration
	breakers  map[string]*breaker
	tokens    map[string]*tokenCache
	flights   singleflight.Group
}

// New makes a client. It calls nobody; the error names what in the Config is
// wrong and holds no secret.
func New(cfg Config) (*Client, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	base, err := url.Parse(cfg.BaseURL)
	if err != nil || (base.Scheme != "https" && base.Scheme != "http") || base.Host == "" ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("wechat: the base URL must be http(s)://host, without user name, query or fragment")
	}
	if len(cfg.Apps) == 0 {
		return nil, errors.New("wechat: no app is configured")
	}
	c := &Client{
		base:      strings.TrimRight(cfg.BaseURL, "/"),
		apps:      make(map[string]App, len(cfg.Apps)),
		transport: cfg.Transport,
		now:       cfg.Now,
		rand:      cfg.Rand,
		observe:   cfg.Observe,
		timeout:   cfg.Timeout,
		busyPause: cfg.BusyPause,
		breakers:  make(map[string]*breaker, len(apis)),
		tokens:    make(map[string]*tokenCache, len(cfg.Apps)),
	}
	for i, app := range cfg.Apps {
		if app.ID == "" || app.Secret.Empty() {
			return nil, fmt.Errorf("wechat: app %d of %d lacks its appid or its secret", i+1, len(cfg.Apps))
		}
		if _, ok := c.apps[app.ID]; ok {
			return nil, fmt.Errorf("wechat: app %q is configured twice", app.ID)
		}
		c.apps[app.ID] = app
		c.tokens[app.ID] = &tokenCache{}
	}
	if c.transport == nil {
		c.transport = newTransport()
	}
	if cfg.Around != nil {
		c.transport = cfg.Around(c.transport)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.rand == nil {
		c.rand = rand.Float64
	}
	if c.observe == nil {
		c.observe = func(string, int, string, time.Duration) {}
	}
	if c.timeout <= 0 {
		c.timeout = 5 * time.Second
	}
	if c.busyPause <= 0 {
		c.busyPause = 200 * time.Millisecond
	}
	for _, a := range apis {
		c.breakers[a.name] = newBreaker(a.name, cfg.BreakerFailures, cfg.BreakerOpen)
	}
	return c, nil
}

// AppIDs returns the configured appids, sorted.
func (c *Client) AppIDs() []string {
	ids := make([]string, 0, len(c.apps))
	for id := range c.apps {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// HasApp reports whether an appid is configured.
func (c *Client) HasApp(appID string) bool {
	_, ok := c.apps[appID]
	return ok
}

// Session is the answer to a login code.
type Session struct {
	// OpenID is the user in this app.
	OpenID string
	// UnionID is the user in all apps of one Open Platform account; "" for
	// an app that is bound to none.
	UnionID string
	// SessionKey is the key that was the user's newest when wx.login made
	// the code.
	SessionKey SessionKey
}

// CodeToSession exchanges a code of wx.login (code2Session). A code works
// once, for five minutes; a call whose bytes were written is not sent again
// with it, but for the one repetition after a -1.
//
// Errors: ErrUnknownApp, ErrInvalidCode (also for a code that is empty, over
// 256 characters or not printable: such a one is not sent), ErrCodeUsed,
// ErrUserBlocked, ErrRateLimited, ErrRejectedApp, ErrUnavailable.
func (c *Client) CodeToSession(ctx context.Context, appID, code string) (Session, error) {
	app, err := c.app(apiCodeToSession, appID)
	if err != nil {
		return Session{}, err
	}
	if err := checkCode(apiCodeToSession, code); err != nil {
		return Session{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	f, err := c.call(ctx, request{api: apiCodeToSession, query: url.Values{
		"appid":      {app.ID},
		"secret":     {app.Secret.Reveal()},
		"js_code":    {code},
		"grant_type": {"authorization_code"},
	}})
	if err != nil {
		return Session{}, err
	}
	s := Session{OpenID: f.text("openid"), UnionID: f.text("unionid"), SessionKey: NewSessionKey(f.text("session_key"))}
	if !plausibleID(s.OpenID) || !plausibleID(s.SessionKey.Reveal()) || (s.UnionID != "" && !plausibleID(s.UnionID)) {
		return Session{}, lacks(apiCodeToSession, "openid or session_key")
	}
	return s, nil
}

// Phone is a phone number that the user agreed to hand over.
type Phone struct {
	// Number is as WeChat shows it, with the country code for a foreign one.
	Number string
	// PureNumber has no country code.
	PureNumber string
	// CountryCode has no plus sign: "86".
	CountryCode string
}

// PhoneNumber exchanges a code of the getPhoneNumber button. The code works
// once, for five minutes, and each success costs the app's owner money.
//
// With an openID, WeChat also checks that the code is that person's; "" leaves
// the check out. Errors as for [Client.CodeToSession]; a code that was used, is
// of another app or of another person is ErrInvalidCode here.
func (c *Client) PhoneNumber(ctx context.Context, appID, openID, code string) (Phone, error) {
	if _, err := c.app(apiPhoneNumber, appID); err != nil {
		return Phone{}, err
	}
	if err := checkCode(apiPhoneNumber, code); err != nil {
		return Phone{}, err
	}
	body := map[string]any{"code": code}
	if openID != "" {
		body["openid"] = openID
	}
	f, err := c.callWithToken(ctx, appID, request{api: apiPhoneNumber, body: body})
	if err != nil {
		return Phone{}, err
	}
	info := f.object("phone_info")
	p := Phone{Number: info.text("phoneNumber"), PureNumber: info.text("purePhoneNumber"), CountryCode: info.textOrNumber("countryCode")}
	if p.PureNumber == "" {
		return Phone{}, lacks(apiPhoneNumber, "phone_info.purePhoneNumber")
	}
	// The number is bound to the app it was asked for; an answer that names
	// another one is not for us.
	if id := info.object("watermark").text("appid"); id != appID {
		return Phone{}, lacks(apiPhoneNumber, "the watermark of this app")
	}
	return p, nil
}

// CheckSessionKey asks WeChat whether a session_key still is the user's
// newest. It returns false, and no error, when it is not.
// Errors: ErrUnknownApp, ErrRejectedApp, ErrUnavailable.
func (c *Client) CheckSessionKey(ctx context.Context, appID, openID string, key SessionKey) (bool, error) {
	if _, err := c.app(apiCheckSession, appID); err != nil {
		return false, err
	}
	_, err := c.callWithToken(ctx, appID, request{api: apiCheckSession, query: sessionQuery(openID, key)})
	if errors.Is(err, ErrStaleSessionKey) {
		return false, nil
	}
	return err == nil, err
}

// ResetSessionKey makes WeChat replace a session_key, and returns the new one.
// Errors: ErrStaleSessionKey when the given one is not the newest,
// ErrUnknownApp, ErrRejectedApp, ErrUnavailable.
func (c *Client) ResetSessionKey(ctx context.Context, appID, openID string, key SessionKey) (SessionKey, error) {
	if _, err := c.app(apiResetSession, appID); err != nil {
		return SessionKey{}, err
	}
	f, err := c.callWithToken(ctx, appID, request{api: apiResetSession, query: sessionQuery(openID, key)})
	if err != nil {
		return SessionKey{}, err
	}
	fresh := f.text("session_key")
	if f.text("openid") != openID || !plausibleID(fresh) {
		return SessionKey{}, lacks(apiResetSession, "this openid or a session_key")
	}
	return NewSessionKey(fresh), nil
}

func sessionQuery(openID string, key SessionKey) url.Values {
	return url.Values{
		"openid":     {openID},
		"signature":  {sessionSignature(key)},
		"sig_method": {"hmac_sha256"},
	}
}

func (c *Client) app(a api, appID string) (App, error) {
	app, ok := c.apps[appID]
	if !ok {
		return App{}, &Error{API: a.name, Kind: KindUnknownApp, Reason: "no such app is configured"}
	}
	return app, nil
}

// maxCode is far above WeChat's 32 and 64 characters, and far below what would
// make a long address.
const maxCode = 256

// checkCode refuses what WeChat never issued without asking it: such a call
// would count against the app's quota, and 41008 is documented as never to be
// provoked.
func checkCode(a api, code string) error {
	ok := code != "" && utf8.ValidString(code) && utf8.RuneCountInString(code) <= maxCode &&
		!strings.ContainsFunc(code, func(r rune) bool { return !unicode.IsPrint(r) })
	if !ok {
		return &Error{API: a.name, Kind: KindInvalidCode, Reason: "a code is 1 to 256 printable characters"}
	}
	return nil
}

// plausibleID holds for anything that may be stored as an openid, a unionid or
// a session_key: WeChat's have 28 and 24 characters, 128 leaves room.
func plausibleID(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func lacks(a api, what string) *Error {
	return &Error{API: a.name, Kind: KindUnexpected, RetryAfter: retryAfter(KindUnexpected), Reason: "a success without " + what}
}

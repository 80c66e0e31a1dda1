package httpapi

import (
	"encoding/json"
	"errors"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/users"
)

// The grants of the token endpoint.
const (
	grantRefresh = "refresh_token"
	// grantCode is ours: an extension grant is named by an absolute URI (RFC 6749
	// section 4.5). grantWechat is its earlier name, from when there was one
	// platform.
	grantCode   = "urn:wugan:grant:code"
	grantWechat = "urn:wugan:grant:wechat-code"
)

// The error codes of RFC 6749 section 5.2, and two of section 4.1.2.1 for what
// is not the client's fault.
const (
	oauthInvalidRequest  = "invalid_request"
	oauthInvalidClient   = "invalid_client"
	oauthInvalidGrant    = "invalid_grant"
	oauthUnsupported     = "unsupported_grant_type"
	oauthServerError     = "server_error"
	oauthTemporarilyDown = "temporarily_unavailable"
)

// oauthError is a response that refuses a request in the form of RFC 6749
// section 5.2.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`

	status    int
	challenge string // WWW-Authenticate
	// outcome is the code that this refusal has elsewhere, for the log.
	outcome    string
	retryAfter time.Duration
	cause      error
}

func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

// Unwrap returns the cause.
func (e *oauthError) Unwrap() error { return e.cause }

func oauthRefusal(code, description string) *oauthError {
	return &oauthError{Code: code, Description: description, status: http.StatusBadRequest, outcome: code}
}

// oauthErrorOf says in RFC 6749's words what problemOf says in ours. What those
// have no word for, a body too large or compressed and a fault of ours, stays a problem.
func oauthErrorOf(err error) error {
	var already *oauthError
	if errors.As(err, &already) {
		return already
	}
	p := problemOf(err)
	e := &oauthError{
		Code: oauthInvalidGrant, Description: describe(p.Detail), status: http.StatusBadRequest,
		outcome: p.Code.String(), retryAfter: p.retryAfter, cause: p.cause,
	}
	if p.Reason != "" {
		e.Description += " Reason: " + p.Reason + "."
	}
	switch {
	case p.Status == http.StatusInternalServerError, p.Status == http.StatusRequestEntityTooLarge, p.Status == http.StatusUnsupportedMediaType:
		return err
	case p.Status == http.StatusTooManyRequests, p.Status == http.StatusServiceUnavailable:
		// A 400 would end the session at the client (RFC 6749 has no word for
		// this at the token endpoint; section 4.1.2.1 has).
		e.Code, e.status = oauthTemporarilyDown, p.Status
	case p.Status >= http.StatusInternalServerError:
		e.Code, e.status = oauthServerError, p.Status
	case p.Code == codeUnknownApp:
		e.Code, e.Description = oauthInvalidClient, "The client_id is not the appid of an app that is configured."
	case p.Code == codeInvalidRequest:
		e.Code = oauthInvalidRequest
	}
	return e
}

// describe keeps to the characters that RFC 6749 section 5.2 allows.
func describe(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, text)
}

// inOAuthForm renders the errors of a handler as RFC 6749 wants them.
func inOAuthForm(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Pragma", "no-cache")
		err := next(c)
		if err == nil {
			return nil
		}
		var e *oauthError
		if err = oauthErrorOf(err); !errors.As(err, &e) {
			h.Del("Pragma")
			return err
		}
		c.Set(outcomeKey, e.outcome)
		if e.cause != nil {
			c.Set(causeKey, e.cause)
		}
		if e.challenge != "" {
			h.Set(echo.HeaderWWWAuthenticate, e.challenge)
		}
		if e.retryAfter > 0 {
			h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retryAfter.Seconds()))))
		}
		return c.JSON(e.status, e)
	}
}

// form holds the parameters of an OAuth request.
type form url.Values

// get returns a parameter. One that is empty counts as left out (RFC 6749
// section 3.2).
func (f form) get(name string) string { return url.Values(f).Get(name) }

// readForm reads a body of application/x-www-form-urlencoded. A parameter of
// those named must not come twice (RFC 6749 section 3.2): readers that choose
// differently can be exploited. The query is never read, because addresses are
// logged.
func readForm(c echo.Context, single ...string) (form, error) {
	media, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || media != echo.MIMEApplicationForm {
		return nil, oauthRefusal(oauthInvalidRequest, "Send the parameters as application/x-www-form-urlencoded.")
	}
	body, err := readBody(c)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, oauthRefusal(oauthInvalidRequest, "The body is not a valid form.")
	}
	for _, name := range single {
		if len(values[name]) > 1 {
			return nil, oauthRefusal(oauthInvalidRequest, "The parameter "+name+" comes more than once.")
		}
	}
	return form(values), nil
}

// need returns a parameter that must be there, printable and not too long.
func (f form) need(name string, most int) (string, error) {
	text := f.get(name)
	if text == "" {
		return "", oauthRefusal(oauthInvalidRequest, "The parameter "+name+" is missing.")
	}
	if checkPrintable(name, text, most) != nil {
		return "", oauthRefusal(oauthInvalidRequest, "The parameter "+name+" is too long or holds a character that is not printable ASCII.")
	}
	return text, nil
}

type oauthTokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
}

// oauthToken is the token endpoint (RFC 6749 section 3.2). Clients are public:
// client_id names the app and nothing authenticates it.
func (a *api) oauthToken(c echo.Context) error {
	f, err := readForm(c, "grant_type", "client_id", "client_secret", "refresh_token", "code")
	if err != nil {
		return err
	}
	grant, err := f.need("grant_type", maxCode)
	if err != nil {
		return err
	}
	exchange, known := map[string]func(echo.Context, form, string) (auth.Tokens, error){
		grantRefresh: a.refreshGrant,
		grantCode:    a.codeGrant,
		grantWechat:  a.codeGrant,
	}[grant]
	if !known {
		return oauthRefusal(oauthUnsupported, "The grant_type is neither refresh_token nor "+grantCode+".")
	}
	appID, err := a.publicClient(c, f)
	if err != nil {
		return err
	}
	tokens, err := exchange(c, f, appID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, oauthTokens{
		AccessToken: tokens.AccessToken.Reveal(), RefreshToken: tokens.RefreshToken.Reveal(),
		TokenType: "Bearer", ExpiresIn: int64(tokens.ExpiresIn / time.Second),
	})
}

// publicClient returns the app that asks. Its name may come by HTTP Basic, as
// some libraries send it; a secret beside it has nothing to be compared with.
func (a *api) publicClient(c echo.Context, f form) (appID string, err error) {
	who, err := clientOf(c.Request().Header, f)
	switch {
	case err != nil:
		return "", err
	case !who.basic:
		if who.id, err = f.need("client_id", maxDeviceID); err != nil {
			return "", err
		}
	}
	switch {
	case slices.Contains(a.auth.Apps(), who.id):
		return who.id, nil
	case who.basic:
		return "", invalidClient("The client_id is not the appid of an app that is configured.")
	}
	return "", auth.ErrUnknownApp
}

func (a *api) refreshGrant(c echo.Context, f form, appID string) (auth.Tokens, error) {
	token, err := f.need("refresh_token", verify.MaxTokenSize)
	if err != nil {
		return auth.Tokens{}, err
	}
	return a.rotate(c.Request().Context(), client{c}, auth.RefreshRequest{RefreshToken: token, AppID: appID})
}

func (a *api) codeGrant(c echo.Context, f form, appID string) (auth.Tokens, error) {
	code, err := f.need("code", maxCode)
	if err != nil {
		return auth.Tokens{}, err
	}
	from := client{c}
	result, err := a.logIn(c.Request().Context(), from, auth.LoginRequest{Code: code, AppID: appID, Device: from.device()})
	if err != nil {
		return auth.Tokens{}, err
	}
	from.loggedIn(result)
	return result.Tokens, nil
}

// readToken reads the form of revocation and introspection. The hint about the
// token's type is not needed: the token says itself what it is.
func readToken(c echo.Context) (string, error) {
	f, err := readForm(c, "token", "token_type_hint")
	if err != nil {
		return "", err
	}
	token := f.get("token")
	if token == "" {
		return "", oauthRefusal(oauthInvalidRequest, "The parameter token is missing.")
	}
	return token, nil
}

// oauthRevoke ends the session of a token (RFC 7009). The response for an unknown or
// invalid token is 200 (section 2.2).
func (a *api) oauthRevoke(c echo.Context) error {
	token, err := readToken(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	claims, err := a.signed.Verify(ctx, token)
	switch {
	case err == nil:
		var who caller
		if who, err = callerOf(claims); err == nil {
			c.Set(callerKey, who)
			err = a.auth.LogoutSession(ctx, who.userID, who.sessionID)
		}
	case errors.Is(err, verify.ErrExpired), errors.Is(err, verify.ErrRevoked):
		err = nil
	case errors.Is(err, users.ErrUnavailable):
		return err
	default:
		err = a.logoutByRefreshToken(ctx, client{c}, token)
	}
	if err != nil && !errors.Is(err, auth.ErrRefreshInvalid) && !errors.Is(err, verify.ErrInvalid) {
		return err
	}
	return c.NoContent(http.StatusOK)
}

// introspection is the response of RFC 7662 section 2.2.
type introspection struct {
	Active    bool     `json:"active"`
	Issuer    string   `json:"iss,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"-"`
	ClientID  string   `json:"client_id,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	ExpiresAt int64    `json:"exp,omitempty"`
	ID        string   `json:"jti,omitempty"`
	SessionID string   `json:"sid,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
}

// MarshalJSON writes aud as the token has it: text where it names one.
func (i introspection) MarshalJSON() ([]byte, error) {
	type plain introspection
	var aud any
	switch len(i.Audience) {
	case 0:
	case 1:
		aud = i.Audience[0]
	default:
		aud = i.Audience
	}
	return json.Marshal(struct {
		plain
		Audience any `json:"aud,omitempty"`
	}{plain(i), aud})
}

// oauthIntrospect says what an access token is. Why a token is not active is not
// said (RFC 7662 section 2.2). A refresh token is never active here: a service that asks
// is about to let a request in, and for that it is no token at all.
func (a *api) oauthIntrospect(c echo.Context) error {
	token, err := readToken(c)
	if err != nil {
		return err
	}
	claims, err := a.verifier.Verify(c.Request().Context(), token)
	if err != nil {
		if code := problemOf(err).Status; code != http.StatusUnauthorized {
			return err // an outage or a fault says nothing about the token
		}
		return c.JSON(http.StatusOK, introspection{})
	}
	return c.JSON(http.StatusOK, introspection{
		Active: true, Issuer: claims.Issuer, Subject: claims.Subject, Audience: claims.Audience,
		ClientID: claims.ClientID, IssuedAt: claims.IssuedAt.Unix(), ExpiresAt: claims.ExpiresAt.Unix(),
		ID: claims.ID, SessionID: claims.SessionID, Roles: claims.Roles, TokenType: "Bearer",
	})
}

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
)

// Limits on the fields of a login, in characters.
const (
	maxCode       = 256
	maxPhoneCode  = 4096 // Alipay hands out the encrypted number itself
	maxDeviceID   = 128
	maxDeviceName = 128
	maxUserAgent  = 512
)

type loginRequest struct {
	Code       string `json:"code"`
	PhoneCode  string `json:"phoneCode"`
	Ticket     string `json:"ticket"` // instead of the codes
	Audience   string `json:"audience"`
	AppID      string `json:"appId"`
	DeviceID   string `json:"deviceId"`
	DeviceName string `json:"deviceName"`
}

func (r loginRequest) check() error {
	if r.Ticket != "" {
		return r.checkTicket()
	}
	var phoneCode error
	if r.PhoneCode != "" {
		phoneCode = checkPrintable("phoneCode", r.PhoneCode, maxPhoneCode)
	}
	return joinInvalid(
		phoneCode,
		checkPrintable("code", r.Code, maxCode),
		checkText("appId", r.AppID, maxDeviceID),
		checkText("deviceId", r.DeviceID, maxDeviceID),
		checkText("deviceName", r.DeviceName, maxDeviceName),
	)
}

type tokensResponse struct {
	AccessToken      string `json:"accessToken"`
	RefreshToken     string `json:"refreshToken"`
	TokenType        string `json:"tokenType"`
	ExpiresIn        int64  `json:"expiresIn"`
	RefreshExpiresIn int64  `json:"refreshExpiresIn"`
}

func renderTokens(t auth.Tokens) tokensResponse {
	return tokensResponse{
		AccessToken: t.AccessToken.Reveal(), RefreshToken: t.RefreshToken.Reveal(), TokenType: "Bearer",
		ExpiresIn: int64(t.ExpiresIn / time.Second), RefreshExpiresIn: int64(t.RefreshExpiresIn / time.Second),
	}
}

type loginResponse struct {
	User    userResponse `json:"user"`
	NewUser bool         `json:"newUser"`
	tokensResponse
}

func (a *api) login(ctx context.Context, from client, r loginRequest) (loginResponse, error) {
	device := from.device()
	device.ID, device.Name = r.DeviceID, r.DeviceName
	var result auth.LoginResult
	var err error
	if r.Ticket == "" {
		result, err = a.logIn(ctx, from, auth.LoginRequest{Code: r.Code, AppID: r.AppID, PhoneCode: r.PhoneCode, Device: device})
	} else {
		err = a.withCode(ctx, from, r.AppID, r.DeviceID, func() error {
			result, err = a.auth.LoginByTicket(ctx, auth.TicketRequest{Ticket: r.Ticket, AppID: r.AppID, Audience: r.Audience, Device: device})
			return err
		})
	}
	if err != nil {
		return loginResponse{}, err
	}
	from.loggedIn(result)
	return loginResponse{renderUser(result.User, result.AppID), result.NewUser, renderTokens(result.Tokens)}, nil
}

// logIn logs in by a code, within the rates of failed logins and of logins of one user.
func (a *api) logIn(ctx context.Context, from client, r auth.LoginRequest) (result auth.LoginResult, err error) {
	r.Admit = a.loginRate.admit
	err = a.withCode(ctx, from, r.AppID, r.Device.ID, func() error {
		result, err = a.auth.Login(ctx, r)
		return err
	})
	return result, err
}

// withCode does what spends a login code, within the rate of failed logins.
func (a *api) withCode(ctx context.Context, from client, appID, deviceID string, do func() error) error {
	done, err := a.loginRate.begin(ctx, from.ip(), appID, deviceID)
	if err != nil {
		return err
	}
	failed := true // a panic, too
	defer func() { done(failed) }()
	if err = do(); err != nil {
		// An outage is not the client's failure, and a limit of the user's is
		// not that of the address.
		status := problemOf(err).Status
		failed = status < http.StatusInternalServerError && status != http.StatusTooManyRequests
		return err
	}
	failed = false
	return nil
}

type refreshRequest struct {
	RefreshToken string `json:"refreshToken"`
}

func (r refreshRequest) check() error {
	return checkPrintable("refreshToken", r.RefreshToken, verify.MaxTokenSize)
}

func (a *api) refresh(ctx context.Context, from client, r refreshRequest) (tokensResponse, error) {
	tokens, err := a.rotate(ctx, from, auth.RefreshRequest{RefreshToken: r.RefreshToken})
	return renderTokens(tokens), err
}

// rotate refreshes, and notes for the log whose session it was, refused or not.
func (a *api) rotate(ctx context.Context, from client, r auth.RefreshRequest) (auth.Tokens, error) {
	r.IP, r.UserAgent = from.ip(), userAgent(from.c)
	tokens, err := a.auth.Refresh(ctx, r)
	if tokens.SessionID != uuid.Nil {
		from.is(tokens.UserID, tokens.SessionID)
	}
	return tokens, err
}

// logoutRequest may come without a body.
type logoutRequest struct{ refreshRequest }

func (logoutRequest) bodyOptional() {}

func (r logoutRequest) check() error {
	if r.RefreshToken == "" {
		return nil
	}
	return r.refreshRequest.check()
}

// logout accepts a refresh token in the body or, without one, an access token, even if
// its session has ended or it has just expired. It responds with 204 if the session has
// already ended, but ends it again: the first call may have reached this database and
// not its standby.
func (a *api) logout(ctx context.Context, from client, r logoutRequest) (none, error) {
	var err error
	if r.RefreshToken != "" {
		err = a.logoutByRefreshToken(ctx, from, r.RefreshToken)
	} else {
		err = a.logoutByAccessToken(ctx, from)
	}
	if errors.Is(err, verify.ErrRevoked) {
		err = nil
	}
	return none{}, err
}

// logoutByRefreshToken ends the session that a refresh token names.
func (a *api) logoutByRefreshToken(ctx context.Context, from client, token string) error {
	named, err := a.auth.Logout(ctx, token)
	if err == nil && named.SessionID != uuid.Nil {
		from.is(named.UserID, named.SessionID)
	}
	return err
}

// logoutByAccessToken ends the session of the request's access token.
func (a *api) logoutByAccessToken(ctx context.Context, from client) error {
	who, err := a.callerBy(from.c, a.signed.VerifyRequest)
	if err != nil {
		return err
	}
	return a.auth.LogoutSession(ctx, who.userID, who.sessionID)
}

func (a *api) logoutAll(ctx context.Context, who caller, _ none) (none, error) {
	return none{}, a.auth.LogoutAll(ctx, who.userID, who.sessionID)
}

// userAgent is what the client says of itself, cut to what is worth keeping.
func userAgent(c echo.Context) string {
	text := strings.ToValidUTF8(c.Request().UserAgent(), "")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) > maxUserAgent {
		text = string([]rune(text)[:maxUserAgent])
	}
	return text
}

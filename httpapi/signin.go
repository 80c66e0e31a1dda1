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
	if r.PhoneCode != "" {
		if err := checkPrintable("phoneCode", r.PhoneCode, maxPhoneCode); err != nil {
			return err
		}
	}
	return errors.Join(
		checkPrintable("code", r.Code, maxCode),
		checkText("appId", r.AppID, maxDeviceID),
		checkText("deviceId", r.DeviceID, maxDeviceID),
		checkText("deviceName", r.DeviceName, maxDeviceName),
	)
}

type tokensAnswer struct {
	AccessToken      string `json:"accessToken"`
	RefreshToken     string `json:"refreshToken"`
	TokenType        string `json:"tokenType"`
	ExpiresIn        int64  `json:"expiresIn"`
	RefreshExpiresIn int64  `json:"refreshExpiresIn"`
}

func renderTokens(t auth.Tokens) tokensAnswer {
	return tokensAnswer{
		AccessToken: t.AccessToken.Reveal(), RefreshToken: t.RefreshToken.Reveal(), TokenType: "Bearer",
		ExpiresIn: int64(t.ExpiresIn / time.Second), RefreshExpiresIn: int64(t.RefreshExpiresIn / time.Second),
	}
}

func (a *api) login(c echo.Context) error {
	var r loginRequest
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	device := auth.Device{ID: r.DeviceID, Name: r.DeviceName}
	var result auth.LoginResult
	var err error
	if r.Ticket != "" {
		result, err = a.signInBy(c, r.AppID, device, func(d auth.Device) (auth.LoginResult, error) {
			return a.auth.LoginByTicket(c.Request().Context(), auth.TicketRequest{
				Ticket: r.Ticket, AppID: r.AppID, Audience: r.Audience, Device: d,
			})
		})
	} else {
		result, err = a.signIn(c, auth.LoginRequest{Code: r.Code, AppID: r.AppID, PhoneCode: r.PhoneCode, Device: device})
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		User    userAnswer `json:"user"`
		NewUser bool       `json:"newUser"`
		tokensAnswer
	}{renderUser(result.User, result.AppID), result.NewUser, renderTokens(result.Tokens)})
}

// signIn logs in by a code.
func (a *api) signIn(c echo.Context, r auth.LoginRequest) (auth.LoginResult, error) {
	r.Admit = a.loginRate.admit
	return a.signInBy(c, r.AppID, r.Device, func(d auth.Device) (auth.LoginResult, error) {
		r.Device = d
		return a.auth.Login(c.Request().Context(), r)
	})
}

// signInBy logs in within the rate of failed logins. The function is given the
// device with its address and User-Agent.
func (a *api) signInBy(c echo.Context, appID string, device auth.Device, login func(auth.Device) (auth.LoginResult, error)) (result auth.LoginResult, err error) {
	device.IP, device.UserAgent = c.RealIP(), userAgent(c)
	err = a.withCode(c, appID, device.ID, func(context.Context) error {
		result, err = login(device)
		return err
	})
	if err != nil {
		return auth.LoginResult{}, err
	}
	c.Set(callerKey, callerWith(result.Tokens))
	return result, nil
}

// withCode does what spends a login code, within the rate of failed logins.
func (a *api) withCode(c echo.Context, appID, deviceID string, do func(context.Context) error) error {
	ctx := c.Request().Context()
	done, err := a.loginRate.begin(ctx, c.RealIP(), appID, deviceID)
	if err != nil {
		return err
	}
	failed := true // a panic, too
	defer func() { done(failed) }()
	if err = do(ctx); err != nil {
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

func (a *api) refresh(c echo.Context) error {
	var r refreshRequest
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	tokens, err := a.rotate(c, auth.RefreshRequest{RefreshToken: r.RefreshToken})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, renderTokens(tokens))
}

// rotate refreshes, and notes for the log whose session it was, refused or not.
func (a *api) rotate(c echo.Context, r auth.RefreshRequest) (auth.Tokens, error) {
	r.IP, r.UserAgent = c.RealIP(), userAgent(c)
	tokens, err := a.auth.Refresh(c.Request().Context(), r)
	if tokens.SessionID != uuid.Nil {
		c.Set(callerKey, callerWith(tokens))
	}
	return tokens, err
}

// logout accepts a refresh token in the body or, without one, an access token, even if
// its session has ended or it has just expired. It responds with 204 if the session has
// already ended, but ends it again: the first call may have reached this database and
// not its standby.
func (a *api) logout(c echo.Context) error {
	var r refreshRequest
	if _, err := bindIfAny(c, &r); err != nil {
		return err
	}
	var err error
	if r.RefreshToken == "" {
		err = a.withSignature(func(c echo.Context, who caller) error {
			return a.auth.LogoutSession(c.Request().Context(), who.userID, who.sessionID)
		})(c)
	} else if err = r.check(); err == nil {
		err = a.logoutByRefreshToken(c, r.RefreshToken)
	}
	if err != nil && !errors.Is(err, verify.ErrRevoked) {
		return err
	}
	return noContent(c)
}

// logoutByRefreshToken ends the session that a refresh token names.
func (a *api) logoutByRefreshToken(c echo.Context, token string) error {
	named, err := a.auth.Logout(c.Request().Context(), token)
	if err == nil && named.SessionID != uuid.Nil {
		c.Set(callerKey, caller{userID: named.UserID, sessionID: named.SessionID})
	}
	return err
}

func (a *api) logoutAll(c echo.Context, who caller) error {
	if err := a.auth.LogoutAll(c.Request().Context(), who.userID, who.sessionID); err != nil {
		return err
	}
	return noContent(c)
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

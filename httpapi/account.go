package httpapi

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/users"
)

// closeAccount erases the caller, who proves with a new login code to hold the
// device at this moment: a token alone, which may be a copy, erases no one. Codes
// that are refused count toward the rate of failed logins.
func (a *api) closeAccount(c echo.Context, who caller) error {
	var r struct {
		Code string `json:"code"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := checkPrintable("code", r.Code, maxCode); err != nil {
		return err
	}
	ctx, ip := c.Request().Context(), c.RealIP()
	if err := a.loginRate.check(ip); err != nil {
		return err
	}
	if err := a.auth.Confirm(ctx, who.userID, who.appID, r.Code); err != nil {
		if problemOf(err).Status < http.StatusInternalServerError {
			a.loginRate.failed(ip)
		}
		return err
	}
	if err := a.admin.CloseAccount(ctx, who.userID); err != nil && !errors.Is(err, users.ErrNotFound) {
		return err
	}
	return noContent(c)
}

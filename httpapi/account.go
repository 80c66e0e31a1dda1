package httpapi

import (
	"context"
	"errors"

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
	err := a.withCode(c, who.appID, "", func(ctx context.Context) error {
		return a.auth.Confirm(ctx, who.userID, who.appID, r.Code)
	})
	if err != nil {
		return err
	}
	if err := a.admin.CloseAccount(c.Request().Context(), who.userID); err != nil && !errors.Is(err, users.ErrNotFound) {
		return err
	}
	return noContent(c)
}

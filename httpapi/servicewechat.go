package httpapi

import (
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
)

const (
	// maxSigned is how many bytes a service may have signed at once.
	maxSigned    = 32 << 10
	maxAppIDText = 128
)

// serviceSign signs what wx.requestVirtualPayment wants signed under the person's
// session key. The data may hold any character: it is signed byte for byte and
// kept nowhere.
func (a *api) serviceSign(c echo.Context) error {
	var r struct {
		UserID string `json:"userId"`
		AppID  string `json:"appId"`
		Data   string `json:"data"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := checkPrintable("appId", r.AppID, maxAppIDText); err != nil {
		return err
	}
	id, err := uuid.Parse(r.UserID)
	switch {
	case err != nil || len(r.UserID) != 36:
		return invalid("The field userId is not the id of a user.")
	case r.Data == "":
		return invalid("The field data is missing.")
	case len(r.Data) > maxSigned:
		return invalid("The field data is too long: %d bytes at most.", maxSigned)
	case !utf8.ValidString(r.Data):
		return invalid("The field data is not UTF-8.")
	}
	if !slices.Contains(a.auth.Apps(), r.AppID) {
		return auth.ErrUnknownApp
	}
	signature, err := a.directory.Sign(c.Request().Context(), keyOf(c).Name, id, r.AppID, r.Data)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Signature string `json:"signature"`
	}{signature})
}

// serviceAccessToken hands out the app's access token of WeChat, so that no other
// service needs the AppSecret.
func (a *api) serviceAccessToken(c echo.Context) error {
	appID, given, err := query(c, "appId", maxAppIDText)
	if err != nil {
		return err
	}
	if !given {
		return invalid("The parameter appId is missing.")
	}
	token, expires, err := a.directory.PlatformToken(c.Request().Context(), appID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		AccessToken string    `json:"accessToken"`
		ExpiresAt   time.Time `json:"expiresAt"`
	}{token.Reveal(), expires})
}

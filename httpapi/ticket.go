package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
)

// Limits on tickets, in characters.
const (
	maxTicket   = 128
	maxAudience = 256
)

func (r loginRequest) checkTicket() error {
	if r.Code != "" || r.PhoneCode != "" {
		return invalid("The field ticket stands instead of code and phoneCode: send one or the other.")
	}
	return errors.Join(
		checkPrintable("ticket", r.Ticket, maxTicket),
		checkText("audience", r.Audience, maxAudience),
		checkText("appId", r.AppID, maxDeviceID),
		checkText("deviceId", r.DeviceID, maxDeviceID),
		checkText("deviceName", r.DeviceName, maxDeviceName),
	)
}

// issueTicket hands the caller over to a web-view or another app. The body may
// be left out.
func (a *api) issueTicket(c echo.Context, who caller) error {
	var r struct {
		Audience string `json:"audience"`
	}
	if _, err := bindIfAny(c, &r); err != nil {
		return err
	}
	if err := checkText("audience", r.Audience, maxAudience); err != nil {
		return err
	}
	ticket, err := a.auth.IssueTicket(c.Request().Context(), who.userID, who.sessionID, who.appID, r.Audience)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Ticket    string `json:"ticket"`
		ExpiresIn int64  `json:"expiresIn"`
	}{ticket.Reveal(), int64(auth.TicketTTL / time.Second)})
}

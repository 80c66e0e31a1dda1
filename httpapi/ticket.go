package httpapi

import (
	"context"
	"time"

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
	return joinInvalid(
		checkPrintable("ticket", r.Ticket, maxTicket),
		checkText("audience", r.Audience, maxAudience),
		checkText("appId", r.AppID, maxDeviceID),
		checkText("deviceId", r.DeviceID, maxDeviceID),
		checkText("deviceName", r.DeviceName, maxDeviceName),
	)
}

type ticketRequest struct {
	Audience string `json:"audience"`
}

func (ticketRequest) bodyOptional() {}

func (r ticketRequest) check() error { return checkText("audience", r.Audience, maxAudience) }

type ticketResponse struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int64  `json:"expiresIn"`
}

// issueTicket hands the caller over to a web-view or another app.
func (a *api) issueTicket(ctx context.Context, who caller, r ticketRequest) (ticketResponse, error) {
	ticket, err := a.auth.IssueTicket(ctx, who.userID, who.sessionID, who.appID, r.Audience)
	return ticketResponse{ticket.Reveal(), int64(auth.TicketTTL / time.Second)}, err
}

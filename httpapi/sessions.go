package httpapi

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

type sessionAnswer struct {
	ID         string    `json:"id"`
	AppID      string    `json:"appId"`
	DeviceID   string    `json:"deviceId"`
	DeviceName string    `json:"deviceName"`
	UserAgent  string    `json:"userAgent"`
	IP         string    `json:"ip"`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
	Current    bool      `json:"current"`
}

// coarse is the precision with which the list shows when other sessions were used. With
// exact times, the holder of a stolen access token could see when the owner is inactive
// and present a copied refresh token then (docs/en/rotation.md).
const coarse = time.Hour

func (a *api) listSessions(c echo.Context, who caller) error {
	list, err := a.auth.Sessions(c.Request().Context(), who.userID)
	if err != nil {
		return err
	}
	out := make([]sessionAnswer, len(list))
	for i, s := range list {
		out[i] = sessionAnswer{
			ID: s.ID.String(), AppID: s.AppID,
			DeviceID: s.Device.ID, DeviceName: s.Device.Name, UserAgent: s.Device.UserAgent, IP: s.Device.IP,
			CreatedAt: s.CreatedAt.UTC(), LastUsedAt: s.LastUsedAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
			Current: s.ID == who.sessionID,
		}
		if !out[i].Current {
			out[i].LastUsedAt, out[i].ExpiresAt = out[i].LastUsedAt.Truncate(coarse), out[i].ExpiresAt.Truncate(coarse)
			if out[i].LastUsedAt.Before(out[i].CreatedAt) {
				out[i].LastUsedAt = out[i].CreatedAt
			}
		}
	}
	return c.JSON(http.StatusOK, struct {
		Sessions []sessionAnswer `json:"sessions"`
	}{out})
}

func (a *api) endSession(c echo.Context, who caller) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := a.auth.EndSession(c.Request().Context(), who.userID, who.sessionID, id); err != nil {
		return err
	}
	return noContent(c)
}

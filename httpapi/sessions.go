package httpapi

import (
	"context"
	"time"

	"github.com/wugan/wugan/auth"
)

type sessionResponse struct {
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

type ownSessions struct {
	Sessions []sessionResponse `json:"sessions"`
}

func (a *api) listSessions(ctx context.Context, who caller, _ none) (ownSessions, error) {
	list, err := a.auth.Sessions(ctx, who.userID)
	out := ownSessions{make([]sessionResponse, len(list))}
	for i, s := range list {
		out.Sessions[i] = renderSession(s, s.ID == who.sessionID)
	}
	return out, err
}

func renderSession(s auth.Session, current bool) sessionResponse {
	out := sessionResponse{
		ID: s.ID.String(), AppID: s.AppID,
		DeviceID: s.Device.ID, DeviceName: s.Device.Name, UserAgent: s.Device.UserAgent, IP: s.Device.IP,
		CreatedAt: s.CreatedAt.UTC(), LastUsedAt: s.LastUsedAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		Current: current,
	}
	if !current {
		out.LastUsedAt, out.ExpiresAt = out.LastUsedAt.Truncate(coarse), out.ExpiresAt.Truncate(coarse)
		if out.LastUsedAt.Before(out.CreatedAt) {
			out.LastUsedAt = out.CreatedAt
		}
	}
	return out
}

func (a *api) endSession(ctx context.Context, who caller, r byID) (none, error) {
	return none{}, a.auth.EndSession(ctx, who.userID, who.sessionID, r.id)
}

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/users"
)

// ownIdentity is what a user may know of an identity: no openid, no unionid.
type ownIdentity struct {
	Provider  string    `json:"provider"`
	AppID     string    `json:"appId"`
	CreatedAt time.Time `json:"createdAt"`
}

func (a *api) identities(c echo.Context, who caller) error {
	list, err := a.users.Identities(c.Request().Context(), who.userID)
	if err != nil {
		return err
	}
	out := make([]ownIdentity, len(list))
	for n, i := range list {
		out[n] = ownIdentity{Provider: i.Provider, AppID: i.AppID, CreatedAt: i.CreatedAt.UTC()}
	}
	return c.JSON(http.StatusOK, map[string]any{"identities": out})
}

// linkIdentity adds the identity of a login code to the caller. Codes that are
// refused count toward the rate of failed logins.
func (a *api) linkIdentity(c echo.Context, who caller) error {
	var r struct {
		Code  string `json:"code"`
		AppID string `json:"appId"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := errors.Join(checkPrintable("code", r.Code, maxCode), checkText("appId", r.AppID, maxDeviceID)); err != nil {
		return err
	}
	err := a.withCode(c, r.AppID, "", func(ctx context.Context) error {
		return a.auth.Link(ctx, who.userID, r.AppID, r.Code)
	})
	if errors.Is(err, users.ErrNotFound) {
		return newProblem("session_revoked", err) // deleted since the token was issued
	}
	if err != nil {
		return err
	}
	return a.identities(c, who)
}

func (a *api) unlinkIdentity(c echo.Context, who caller) error {
	if err := a.auth.Unlink(c.Request().Context(), who.userID, c.Param("appId")); err != nil {
		return err
	}
	return noContent(c)
}

func (a *api) adminMerge(c echo.Context) error {
	var r struct {
		reasonRequest
		From string `json:"from"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	from, err := uuid.Parse(r.From)
	if err != nil || len(r.From) != 36 {
		return invalid("The field from is not the id of a user.")
	}
	id, err := a.change(c, r.Reason, func(ctx context.Context, change users.Change) error {
		return a.admin.Merge(ctx, change, from)
	})
	if err != nil {
		return err
	}
	return a.answerPerson(c, id)
}

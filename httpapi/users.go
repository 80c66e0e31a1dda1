package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// Limits on what users say of themselves, in characters.
const (
	maxNickname  = 64
	maxAvatarURL = 1024
)

// userAnswer is what a user may know of themselves: no openid, no unionid, no
// session key.
type userAnswer struct {
	ID          string    `json:"id"`
	AppID       string    `json:"appId"`
	Nickname    string    `json:"nickname"`
	AvatarURL   string    `json:"avatarUrl"`
	Phone       string    `json:"phone"`
	Roles       []string  `json:"roles"`
	CreatedAt   time.Time `json:"createdAt"`
	LastLoginAt time.Time `json:"lastLoginAt"`
}

func renderUser(u users.User, appID string) userAnswer {
	roles := u.Roles
	if roles == nil {
		roles = []string{}
	}
	return userAnswer{
		ID: u.ID.String(), AppID: appID, Nickname: u.Nickname, AvatarURL: u.AvatarURL, Phone: u.Phone.Masked(),
		Roles: roles, CreatedAt: u.CreatedAt.UTC(), LastLoginAt: u.LastLoginAt.UTC(),
	}
}

func (a *api) me(c echo.Context, who caller) error {
	u, err := a.users.User(c.Request().Context(), who.userID)
	return answerUser(c, who, u, err)
}

type profileRequest struct {
	Nickname  *string `json:"nickname"`
	AvatarURL *string `json:"avatarUrl"`
}

func (r profileRequest) check() error {
	if r.Nickname != nil {
		if err := checkText("nickname", *r.Nickname, maxNickname); err != nil {
			return err
		}
	}
	if r.AvatarURL != nil && *r.AvatarURL != "" {
		if err := checkPrintable("avatarUrl", *r.AvatarURL, maxAvatarURL); err != nil {
			return err
		}
		if u, err := url.Parse(*r.AvatarURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return invalid("The field avatarUrl is not an http or https address.")
		}
	}
	return nil
}

func (a *api) updateMe(c echo.Context, who caller) error {
	var r profileRequest
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	u, err := a.users.UpdateProfile(c.Request().Context(), who.userID, users.ProfilePatch(r))
	return answerUser(c, who, u, err)
}

// answerUser renders the caller. A user who has been deleted or disabled since
// the token was issued is signed out.
func answerUser(c echo.Context, who caller, u users.User, err error) error {
	switch {
	case errors.Is(err, users.ErrNotFound):
		return newProblem("session_revoked", err)
	case err != nil:
		return err
	case u.Disabled():
		return auth.ErrUserDisabled
	}
	return c.JSON(http.StatusOK, renderUser(u, who.appID))
}

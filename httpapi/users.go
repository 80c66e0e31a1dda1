package httpapi

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// Limits on the fields of a profile, in characters.
const (
	maxNickname  = 64
	maxAvatarURL = 1024
)

// userAnswer is the user's own view of the account. It has no openid, unionid or
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

func (r profileRequest) check(avatarHosts []string) error {
	if r.Nickname != nil {
		if err := checkText("nickname", *r.Nickname, maxNickname); err != nil {
			return err
		}
	}
	if r.AvatarURL != nil && *r.AvatarURL != "" {
		if err := checkPrintable("avatarUrl", *r.AvatarURL, maxAvatarURL); err != nil {
			return err
		}
		return checkAvatar(*r.AvatarURL, avatarHosts)
	}
	return nil
}

// checkAvatar refuses an avatar that only the user's own device can see.
// chooseAvatar hands out such addresses: wxfile://tmp_… on Android, and
// http://tmp/… on iOS and in the developer tools, which looks like any other.
// Where hosts are named, the avatar has to be https on one of them.
func checkAvatar(address string, hosts []string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Opaque != "" || u.User != nil {
		return invalid("The field avatarUrl is not an http or https address.")
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	_, notIP := netip.ParseAddr(host)
	if u.Scheme != "https" && u.Scheme != "http" || notIP != nil && !strings.Contains(host, ".") {
		return invalid("The field avatarUrl names a file on the user's device, which no one else can see: " +
			"upload it to storage of your own first (wx.uploadFile), and send the address that it has there.")
	}
	if len(hosts) == 0 {
		return nil
	}
	if port := u.Port(); port != "" && port != "443" {
		host += ":" + port
	}
	if u.Scheme != "https" || !slices.Contains(hosts, host) {
		return invalid("The field avatarUrl is not https on a host that WUGAN_PROFILE_AVATAR_HOSTS names: upload the picture there first.")
	}
	return nil
}

func (a *api) updateMe(c echo.Context, who caller) error {
	var r profileRequest
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := r.check(a.avatarHosts); err != nil {
		return err
	}
	u, err := a.users.UpdateProfile(c.Request().Context(), who.userID, users.ProfilePatch(r))
	return answerUser(c, who, u, err)
}

// answerUser writes the caller's account. It responds as for a revoked session if the
// user was deleted or disabled after the token was issued.
func answerUser(c echo.Context, who caller, u users.User, err error) error {
	switch {
	case errors.Is(err, users.ErrNotFound):
		return problemOf(&auth.RevokedError{Reason: auth.ReasonAccountClosed})
	case err != nil:
		return err
	case u.Disabled():
		return auth.ErrUserDisabled
	}
	return c.JSON(http.StatusOK, renderUser(u, who.appID))
}

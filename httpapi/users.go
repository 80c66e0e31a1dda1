package httpapi

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// Limits on the fields of a profile, in characters.
const (
	maxNickname  = 64
	maxAvatarURL = 1024
)

// userResponse is the user's own view of the account. It has no openid, unionid or
// session key.
type userResponse struct {
	ID          string    `json:"id"`
	AppID       string    `json:"appId"`
	Nickname    string    `json:"nickname"`
	AvatarURL   string    `json:"avatarUrl"`
	Phone       string    `json:"phone"`
	Roles       []string  `json:"roles"`
	CreatedAt   time.Time `json:"createdAt"`
	LastLoginAt time.Time `json:"lastLoginAt"`
}

func renderUser(u users.User, appID string) userResponse {
	roles := u.Roles
	if roles == nil {
		roles = []string{}
	}
	return userResponse{
		ID: u.ID.String(), AppID: appID, Nickname: u.Nickname, AvatarURL: u.AvatarURL, Phone: u.Phone.Masked(),
		Roles: roles, CreatedAt: u.CreatedAt.UTC(), LastLoginAt: u.LastLoginAt.UTC(),
	}
}

func (a *api) me(ctx context.Context, who caller, _ none) (userResponse, error) {
	u, err := a.users.User(ctx, who.userID)
	return who.account(u, err)
}

type profileRequest struct {
	Nickname  *string `json:"nickname"`
	AvatarURL *string `json:"avatarUrl"`
}

func (r profileRequest) check(avatarHosts []string) error {
	var nickname, avatar error
	if r.Nickname != nil {
		nickname = checkText("nickname", *r.Nickname, maxNickname)
	}
	if r.AvatarURL != nil && *r.AvatarURL != "" {
		if avatar = checkPrintable("avatarUrl", *r.AvatarURL, maxAvatarURL); avatar == nil {
			avatar = checkAvatar(*r.AvatarURL, avatarHosts)
		}
	}
	return joinInvalid(nickname, avatar)
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

func (a *api) updateMe(ctx context.Context, who caller, r profileRequest) (userResponse, error) {
	if err := r.check(a.avatarHosts); err != nil {
		return userResponse{}, err
	}
	u, err := a.users.UpdateProfile(ctx, who.userID, users.ProfilePatch(r))
	return who.account(u, err)
}

// account returns the caller's account. The error is that of a revoked session if the
// user was deleted, or of a disabled user, after the token was issued.
func (who caller) account(u users.User, err error) (userResponse, error) {
	switch {
	case errors.Is(err, users.ErrNotFound):
		return userResponse{}, &auth.RevokedError{Reason: auth.ReasonAccountClosed}
	case err != nil:
		return userResponse{}, err
	case u.Disabled():
		return userResponse{}, auth.ErrUserDisabled
	}
	return renderUser(u, who.appID), nil
}

package httpapi

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/wugan/wugan/auth"
)

const (
	// maxSigned is how many bytes a service may have signed at once.
	maxSigned    = 32 << 10
	maxAppIDText = 128
)

type signRequest struct {
	UserID string `json:"userId"`
	AppID  string `json:"appId"`
	Data   string `json:"data"`
}

func (r signRequest) check() error {
	return joinInvalid(checkPrintable("appId", r.AppID, maxAppIDText), r.checkUser(), r.checkData())
}

func (r signRequest) checkUser() error {
	if _, ok := parseID(r.UserID); !ok {
		return invalid("The field userId is not the id of a user.")
	}
	return nil
}

// checkData allows any character: the data is signed byte for byte and kept nowhere.
func (r signRequest) checkData() error {
	switch {
	case r.Data == "":
		return invalid("The field data is missing.")
	case len(r.Data) > maxSigned:
		return invalid("The field data is too long: %d bytes at most.", maxSigned)
	case !utf8.ValidString(r.Data):
		return invalid("The field data is not UTF-8.")
	}
	return nil
}

type signResponse struct {
	Signature string `json:"signature"`
}

// serviceSign signs what wx.requestVirtualPayment wants signed under the person's
// session key.
func (a *api) serviceSign(ctx context.Context, by business, r signRequest) (signResponse, error) {
	if !slices.Contains(a.auth.Apps(), r.AppID) {
		return signResponse{}, auth.ErrUnknownApp
	}
	id, _ := parseID(r.UserID) // check has parsed it before
	signature, err := a.directory.Sign(ctx, by.name, id, r.AppID, r.Data)
	return signResponse{signature}, err
}

// platformTokenRequest names an app.
type platformTokenRequest struct{ appID string }

func (r *platformTokenRequest) readURL(p *parameters) {
	var given bool
	if r.appID, given = p.text("appId", maxAppIDText); !given && len(p.wrong) == 0 {
		p.refuse(invalid("The parameter appId is missing."))
	}
}

type platformTokenResponse struct {
	AccessToken string    `json:"accessToken"`
	ExpiresAt   time.Time `json:"expiresAt"`
}

// serviceAccessToken hands out the app's access token of WeChat, so that no other
// service needs the AppSecret.
func (a *api) serviceAccessToken(ctx context.Context, _ business, r platformTokenRequest) (platformTokenResponse, error) {
	token, expires, err := a.directory.PlatformToken(ctx, r.appID)
	return platformTokenResponse{token.Reveal(), expires}, err
}

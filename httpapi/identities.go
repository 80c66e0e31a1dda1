package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/wugan/wugan/users"
)

// ownIdentity is what a user may know of an identity: no openid, no unionid.
type ownIdentity struct {
	Provider  string    `json:"provider"`
	AppID     string    `json:"appId"`
	CreatedAt time.Time `json:"createdAt"`
}

type ownIdentities struct {
	Identities []ownIdentity `json:"identities"`
}

func (a *api) identities(ctx context.Context, who caller, _ none) (ownIdentities, error) {
	list, err := a.users.Identities(ctx, who.userID)
	out := ownIdentities{make([]ownIdentity, len(list))}
	for n, i := range list {
		out.Identities[n] = ownIdentity{Provider: i.Provider, AppID: i.AppID, CreatedAt: i.CreatedAt.UTC()}
	}
	return out, err
}

type linkRequest struct {
	Code  string `json:"code"`
	AppID string `json:"appId"`
}

func (r linkRequest) check() error {
	return joinInvalid(checkPrintable("code", r.Code, maxCode), checkText("appId", r.AppID, maxDeviceID))
}

// linkIdentity adds the identity of a login code to the caller. Codes that are
// refused count toward the rate of failed logins.
func (a *api) linkIdentity(ctx context.Context, who caller, r linkRequest) (ownIdentities, error) {
	err := a.withCode(ctx, who.client, r.AppID, "", func() error {
		return a.auth.Link(ctx, who.userID, r.AppID, r.Code)
	})
	if errors.Is(err, users.ErrNotFound) {
		err = newProblem(codeSessionRevoked, err) // deleted since the token was issued
	}
	if err != nil {
		return ownIdentities{}, err
	}
	return a.identities(ctx, who, none{})
}

// unlinkRequest names the app of an identity.
type unlinkRequest struct{ appID string }

func (r *unlinkRequest) readURL(p *parameters) { r.appID = p.c.Param("appId") }

func (a *api) unlinkIdentity(ctx context.Context, who caller, r unlinkRequest) (none, error) {
	return none{}, a.auth.Unlink(ctx, who.userID, r.appID)
}

package httpapi

import (
	"context"
	"errors"

	"github.com/wugan/wugan/users"
)

type closeRequest struct {
	Code string `json:"code"`
}

func (r closeRequest) check() error { return checkPrintable("code", r.Code, maxCode) }

// closeAccount erases the caller, who proves with a new login code to hold the
// device at this moment: a token alone, which may be a copy, erases no one. Codes
// that are refused count toward the rate of failed logins.
func (a *api) closeAccount(ctx context.Context, who caller, r closeRequest) (none, error) {
	err := a.withCode(ctx, who.client, who.appID, "", func() error {
		return a.auth.Confirm(ctx, who.userID, who.appID, r.Code)
	})
	if err != nil {
		return none{}, err
	}
	if err := a.admin.CloseAccount(ctx, who.userID); err != nil && !errors.Is(err, users.ErrNotFound) {
		return none{}, err
	}
	return none{}, nil
}

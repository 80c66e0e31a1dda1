package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/users"
)

// Limits on what a client hands on from WeChat, in characters.
const (
	maxEncrypted = 60 << 10
	ivLength     = 24 // base64 of 16 bytes
)

type phoneRequest struct {
	Code string `json:"code"`
}

func (r phoneRequest) check() error { return checkPrintable("code", r.Code, maxPhoneCode) }

// ownPhoneResponse is the caller's account. If the phone number has joined the caller
// with another user, it is that user's account, with the tokens of a session of that
// user.
type ownPhoneResponse struct {
	userResponse
	*tokensResponse
}

func (a *api) bindPhone(ctx context.Context, who caller, r phoneRequest) (ownPhoneResponse, error) {
	u, err := a.users.BindPhone(ctx, who.userID, who.appID, r.Code)
	var provider *users.ProviderError
	if errors.As(err, &provider) && (provider.Reason == users.CodeInvalid || provider.Reason == users.CodeUsed) {
		// Where there is one code, wx.login gives it; this one is the button's.
		p := newProblem(codeInvalidCode, err)
		p.Detail = phoneCodeAdvice
		return ownPhoneResponse{}, p
	}
	if err == nil && u.ID != who.userID {
		return a.joined(ctx, who, u)
	}
	own, err := who.account(u, err)
	return ownPhoneResponse{userResponse: own}, err
}

// joined opens a session of the user whom the caller has become: the caller's own has
// ended.
func (a *api) joined(ctx context.Context, who caller, u users.User) (ownPhoneResponse, error) {
	result, err := a.auth.Resume(ctx, u.ID, who.appID, who.device())
	if err != nil {
		return ownPhoneResponse{}, err
	}
	who.is(result.Tokens.UserID, result.Tokens.SessionID)
	tokens := renderTokens(result.Tokens)
	return ownPhoneResponse{renderUser(result.User, who.appID), &tokens}, nil
}

// phoneCodeAdvice is what to do about a phone code that WeChat refused. Another
// call of wx.login does not help.
const phoneCodeAdvice = "WeChat refuses this phone code: it was used, is over five minutes old, or is of another mini program or person. " +
	"Let the user press the getPhoneNumber button again and send the new code."

type validResponse struct {
	Valid bool `json:"valid"`
}

func (a *api) checkSession(ctx context.Context, who caller, _ none) (validResponse, error) {
	valid, err := a.users.CheckSessionKey(ctx, who.userID, who.appID)
	return validResponse{valid}, err
}

type decryptRequest struct {
	EncryptedData string `json:"encryptedData"`
	IV            string `json:"iv"`
}

func (r decryptRequest) check() error {
	return joinInvalid(
		checkPrintable("encryptedData", r.EncryptedData, maxEncrypted),
		checkPrintable("iv", r.IV, ivLength),
	)
}

type decryptResponse struct {
	Data map[string]json.RawMessage `json:"data"`
}

func (a *api) decrypt(ctx context.Context, who caller, r decryptRequest) (decryptResponse, error) {
	data, err := a.users.Decrypt(ctx, who.userID, who.appID, r.EncryptedData, r.IV)
	return decryptResponse{data}, err
}

// Pushes verifies and parses WeChat's message push. It returns ErrNoPush for an app
// without a configured push, and ErrPush for a message that is not from WeChat.
type Pushes interface {
	// Confirm returns the response to WeChat's check of the address.
	Confirm(appID string, query url.Values) (string, error)
	// Read verifies a message and returns its meaning. Errors: ErrNoPush, ErrPush,
	// and any other for a message that has to come again.
	Read(ctx context.Context, appID string, query url.Values, body []byte) (Push, error)
}

// ErrNoPush is returned for an app without a configured message push.
var ErrNoPush = errors.New("no message push is configured for this app")

// ErrPush is returned for a message that the platform did not send.
var ErrPush = errors.New("the message push is not valid")

// Push is a message from WeChat about one user.
type Push struct {
	Kind PushKind
	// OpenID identifies the user. It is "" if the message has none.
	OpenID string
	// At is when WeChat made the message, to the second.
	At time.Time
	// Profile and Phone report which stored data was withdrawn: nickname and
	// avatar, the phone number.
	Profile, Phone bool
	// Reason is the reason in the recorded event.
	Reason string
}

// PushKind is the action that a push requires.
type PushKind int

// The kinds of push.
const (
	PushOther     PushKind = iota // nothing to do
	PushWithdrawn                 // data of the person are to be erased, or none of ours
	PushClosed                    // the person closed their account
)

// confirmPush answers WeChat's check of the address.
func (a *api) confirmPush(c echo.Context) error {
	echoed, err := a.pushes.Confirm(c.Param("appId"), c.QueryParams())
	if err != nil {
		return pushProblem(err)
	}
	return c.String(http.StatusOK, echoed)
}

// receivePush carries out a push before it responds: WeChat repeats a push until the
// response is success.
func (a *api) receivePush(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	appID := c.Param("appId")
	push, err := a.pushes.Read(c.Request().Context(), appID, c.QueryParams(), body)
	if err != nil {
		return pushProblem(err)
	}
	ctx := c.Request().Context()
	told := admin.Told{AppID: appID, OpenID: push.OpenID, At: push.At, Reason: push.Reason}
	switch push.Kind {
	case PushWithdrawn:
		_, err = a.admin.Withdrawn(ctx, told, push.Profile, push.Phone)
	case PushClosed:
		_, err = a.admin.AccountClosed(ctx, told)
	case PushOther:
	}
	var unnamed *users.InputError
	switch {
	case err == nil:
	case errors.As(err, &unnamed), errors.Is(err, users.ErrNotFound):
		// WeChat would only repeat it. The openid of a person who is not known
		// here stays out of the log.
		a.log.WarnContext(ctx, "a privacy push of WeChat concerns no account of this app, and nothing was changed",
			slog.String("app", appID), slog.String("push", push.Reason), slog.Bool("openidGiven", push.OpenID != ""),
			slog.Time("made", push.At), slog.String("requestId", requestID(c)))
	default:
		return err
	}
	return c.String(http.StatusOK, "success")
}

func pushProblem(err error) error {
	switch {
	case errors.Is(err, ErrNoPush):
		return newProblem(codeNotFound, nil)
	case !errors.Is(err, ErrPush):
		return err
	}
	p := newProblem(codeForbidden, err)
	p.Detail = "The signature is not one of WeChat's for this app: compare token and EncodingAESKey with WeChat's console."
	return p
}

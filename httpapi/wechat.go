package httpapi

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// Limits on what a client hands on from WeChat, in characters.
const (
	maxEncrypted = 60 << 10
	ivLength     = 24 // base64 of 16 bytes
)

func (a *api) bindPhone(c echo.Context, who caller) error {
	var r struct {
		Code string `json:"code"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := checkPrintable("code", r.Code, maxCode); err != nil {
		return err
	}
	u, err := a.users.BindPhone(c.Request().Context(), who.userID, who.appID, r.Code)
	return answerUser(c, who, u, err)
}

func (a *api) checkSession(c echo.Context, who caller) error {
	valid, err := a.users.CheckSessionKey(c.Request().Context(), who.userID, who.appID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Valid bool `json:"valid"`
	}{valid})
}

func (a *api) decrypt(c echo.Context, who caller) error {
	var r struct {
		EncryptedData string `json:"encryptedData"`
		IV            string `json:"iv"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	if err := errors.Join(
		checkPrintable("encryptedData", r.EncryptedData, maxEncrypted),
		checkPrintable("iv", r.IV, ivLength),
	); err != nil {
		return err
	}
	data, err := a.users.Decrypt(c.Request().Context(), who.userID, who.appID, r.EncryptedData, r.IV)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, map[string]any{"data": data})
}

// Pushes verifies and reads WeChat's message push. Its errors are ErrNoPush for
// an app that has none configured, and otherwise mean that the message is not
// WeChat's.
type Pushes interface {
	// Confirm returns what to answer when WeChat checks the address.
	Confirm(appID string, query url.Values) (string, error)
	// Read verifies a message and says what it means to us.
	Read(appID string, query url.Values, body []byte) (Push, error)
}

// ErrNoPush says that an app has no message push configured.
var ErrNoPush = errors.New("no message push is configured for this app")

// Push is a message of WeChat's about one person.
type Push struct {
	Kind   PushKind
	OpenID string
	What   string // of a withdrawal: what was withdrawn, in WeChat's numbers
}

// PushKind is what a push asks for.
type PushKind int

// The kinds of push.
const (
	PushOther     PushKind = iota // nothing to do
	PushWithdrawn                 // the person took back an authorization
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

// receivePush does what a push asks for before it answers: WeChat repeats a push
// that is not answered with success.
func (a *api) receivePush(c echo.Context) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return readProblem(err)
	}
	appID := c.Param("appId")
	push, err := a.pushes.Read(appID, c.QueryParams(), body)
	if err != nil {
		return pushProblem(err)
	}
	switch push.Kind {
	case PushWithdrawn:
		err = a.admin.Withdrawn(c.Request().Context(), appID, push.OpenID, push.What)
	case PushClosed:
		err = a.admin.AccountClosed(c.Request().Context(), appID, push.OpenID)
	case PushOther:
	}
	if err != nil {
		return err
	}
	return c.String(http.StatusOK, "success")
}

func pushProblem(err error) error {
	if errors.Is(err, ErrNoPush) {
		return newProblem("not_found", nil)
	}
	p := newProblem("forbidden", err)
	p.Detail = "The signature is not one of WeChat's for this app: compare token and EncodingAESKey with WeChat's console."
	return p
}

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
)

// verifier checks access tokens as verify.Verifier does, once it is known which
// sessions were ended. Before that the error is users.ErrUnavailable.
type verifier struct {
	tokens      *verify.Verifier
	revocations *auth.Revocations
}

// Verify checks a token.
func (v verifier) Verify(ctx context.Context, token string) (*verify.Claims, error) {
	if err := v.revocations.Ready(); err != nil {
		return nil, err
	}
	return v.tokens.Verify(ctx, token)
}

// VerifyRequest checks the token of a request.
func (v verifier) VerifyRequest(r *http.Request) (*verify.Claims, error) {
	if err := v.revocations.Ready(); err != nil {
		return nil, err
	}
	return v.tokens.VerifyRequest(r)
}

// caller is the user of a request with a valid access token.
type caller struct {
	userID, sessionID uuid.UUID
	appID             string
	roles             []string
}

// withAccess passes requests with a valid access token to next. It responds to others
// with 401 and a code that tells the client whether to refresh. The handler has not
// run then, so the client can send the same request again.
func (a *api) withAccess(next func(echo.Context, caller) error) echo.HandlerFunc {
	return a.withToken(a.verifier.VerifyRequest, next)
}

// withSignature passes requests whose access token has a valid signature to next, even
// if its session has ended or it has just expired.
func (a *api) withSignature(next func(echo.Context, caller) error) echo.HandlerFunc {
	return a.withToken(a.signed.VerifyRequest, next)
}

func (a *api) withToken(check func(*http.Request) (*verify.Claims, error), next func(echo.Context, caller) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		claims, err := check(c.Request())
		if err != nil {
			a.whoWasRefused(c, err)
			return err
		}
		who, err := callerOf(claims)
		if err != nil {
			return err
		}
		c.Set(callerKey, who)
		return next(c, who)
	}
}

// whoWasRefused records, for the log line, the owner of a token that has expired or
// whose session has ended.
func (a *api) whoWasRefused(c echo.Context, err error) {
	if a.genuine == nil || !errors.Is(err, verify.ErrExpired) && !errors.Is(err, verify.ErrRevoked) {
		return
	}
	claims, err := a.genuine.VerifyRequest(c.Request())
	if err != nil {
		return
	}
	if who, err := callerOf(claims); err == nil {
		c.Set(callerKey, who)
	}
}

// callerOf reads the ids, which the issuer (we) wrote as UUIDs.
func callerOf(claims *verify.Claims) (caller, error) {
	userID, err1 := uuid.Parse(claims.Subject)
	sessionID, err2 := uuid.Parse(claims.SessionID)
	if err1 != nil || err2 != nil {
		return caller{}, fmt.Errorf("%w: sub and sid must be UUIDs", verify.ErrInvalid)
	}
	return caller{userID: userID, sessionID: sessionID, appID: claims.ClientID, roles: claims.Roles}, nil
}

// callerWith is who got these tokens, for the log.
func callerWith(t auth.Tokens) caller { return caller{userID: t.UserID, sessionID: t.SessionID} }

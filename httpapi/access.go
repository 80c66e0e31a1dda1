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

// caller is who sent a request with a good access token.
type caller struct {
	userID, sessionID uuid.UUID
	appID             string
	roles             []string
}

// withAccess lets requests with a good access token through. Others get 401 with
// a code from which a client knows whether to refresh: the request was not
// begun, so it can be sent again as it is.
func (a *api) withAccess(next func(echo.Context, caller) error) echo.HandlerFunc {
	return a.withToken(a.verifier.VerifyRequest, next)
}

// withSignature lets requests through whose access token we have signed, also
// where its session has ended or it ran out moments ago.
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

// whoWasRefused notes for the log whose token it was that has expired or whose
// session has ended.
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

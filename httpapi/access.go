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

// client is who sent a request, known or not.
type client struct{ c echo.Context }

// ip returns the address of the client.
func (from client) ip() string { return from.c.RealIP() }

// device describes the client's device as far as the request shows it.
func (from client) device() auth.Device {
	return auth.Device{IP: from.ip(), UserAgent: userAgent(from.c)}
}

// is notes, for the log line, whose session the request was about.
func (from client) is(userID, sessionID uuid.UUID) {
	from.c.Set(callerKey, caller{client: from, userID: userID, sessionID: sessionID})
}

// loggedIn notes, for the log line, the session that a login has opened and those
// that it has ended.
func (from client) loggedIn(result auth.LoginResult) {
	from.is(result.Tokens.UserID, result.Tokens.SessionID)
	if len(result.Ended) == 0 {
		return
	}
	ended := make([]string, len(result.Ended))
	for i, x := range result.Ended {
		ended[i] = x.SessionID.String() + " " + string(x.Reason)
	}
	from.c.Set(endedKey, ended)
}

// anyone registers paths that need no token.
func anyone(e *echo.Echo) paths[client] {
	return paths[client]{
		add:      func(method, path string, handler echo.HandlerFunc) { add(e, method, path, handler) },
		identify: func(c echo.Context) (client, error) { return client{c}, nil },
	}
}

// caller is the user of a request with a valid access token.
type caller struct {
	client
	userID, sessionID uuid.UUID
	appID             string
	roles             []string
}

// callers registers paths that need a valid access token. The response to others is
// 401 and a code that tells the client whether to refresh. The endpoint has not run
// then, so the client can send the same request again.
func (a *api) callers(e *echo.Echo) paths[caller] {
	return paths[caller]{
		add:      func(method, path string, handler echo.HandlerFunc) { add(e, method, path, handler) },
		identify: a.caller,
	}
}

// caller returns the user of a request with a valid access token.
func (a *api) caller(c echo.Context) (caller, error) {
	return a.callerBy(c, a.verifier.VerifyRequest)
}

func (a *api) callerBy(c echo.Context, check func(*http.Request) (*verify.Claims, error)) (caller, error) {
	claims, err := check(c.Request())
	if err != nil {
		a.whoWasRefused(c, err)
		return caller{}, err
	}
	who, err := callerOf(claims)
	if err != nil {
		return caller{}, err
	}
	who.client = client{c}
	c.Set(callerKey, who)
	return who, nil
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

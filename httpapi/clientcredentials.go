package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// basicChallenge is the challenge of RFC 7617 to client credentials.
const basicChallenge = `Basic realm="wugan", charset="UTF-8"`

// credentials are what a client says of itself by HTTP Basic or in the form (RFC
// 6749 section 2.3.1).
type credentials struct {
	id, secret string
	basic      bool
	given      bool // by either way
}

// clientOf reads a client's credentials. Two ways at once are refused, as the RFC
// has it, but for a client_id in the form that says the same.
func clientOf(h http.Header, f form) (credentials, error) {
	c := credentials{id: f.get("client_id"), secret: f.get("client_secret")}
	c.given = c.id != "" || c.secret != ""
	values := h.Values(echo.HeaderAuthorization)
	switch {
	case len(values) == 0:
		return c, nil
	case len(values) > 1:
		return c, oauthRefusal(oauthInvalidRequest, "The header Authorization comes more than once.")
	case c.secret != "":
		return c, oauthRefusal(oauthInvalidRequest, "The client authenticates in two ways: send the header Authorization or client_secret.")
	}
	if scheme, _, _ := strings.Cut(values[0], " "); !strings.EqualFold(scheme, "Basic") {
		return c, nil
	}
	id, secret, ok := (&http.Request{Header: h}).BasicAuth()
	if !ok {
		return c, invalidClient("The header Authorization holds no client_id and client_secret.")
	}
	if id = unescaped(id); c.id != "" && c.id != id {
		return c, oauthRefusal(oauthInvalidRequest, "The client_id of the form is another one than that of the header Authorization.")
	}
	return credentials{id: id, secret: secret, basic: true, given: true}, nil
}

// unescaped undoes the encoding of RFC 6749 section 2.3.1, which some clients
// leave out.
func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// invalidClient refuses a client that came with the header Authorization (RFC
// 6749 section 5.2).
func invalidClient(description string) *oauthError {
	e := oauthRefusal(oauthInvalidClient, description)
	e.status, e.challenge = http.StatusUnauthorized, basicChallenge
	return e
}

// withClientSecret takes an operator's key as client credentials, too: libraries
// for introspection know no other way (RFC 7662 section 2.1). The secret is the
// key; the name is the client's own affair. It is handed on as withKey reads it.
func (a *api) withClientSecret(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		f, err := readForm(c, "client_id", "client_secret")
		var refused *oauthError
		switch {
		case errors.As(err, &refused):
			return next(c) // the handler says what is wrong, to whom has a key
		case err != nil:
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader([]byte(url.Values(f).Encode())))
		who, err := clientOf(r.Header, f)
		if err != nil {
			return a.refuseClient(c, err)
		}
		if who.secret == "" && !who.basic {
			return next(c)
		}
		if plain := unescaped(who.secret); plain != who.secret {
			if _, known := a.keys.Find(plain); known {
				who.secret = plain
			}
		}
		r.Header.Set(echo.HeaderAuthorization, "Bearer "+who.secret)
		err = next(c)
		if p := new(problem); errors.As(err, &p) && p.Status == http.StatusUnauthorized {
			return a.refuseClient(c, invalidClient("The client_secret is not the key of these paths."))
		}
		return err
	}
}

// refuseClient renders a refusal as RFC 6749 wants it.
func (a *api) refuseClient(c echo.Context, err error) error {
	return inOAuthForm(func(echo.Context) error { return err })(c)
}

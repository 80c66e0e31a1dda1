package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/users"
)

// keyPaths registers paths that need a key of a scope.
type keyPaths struct {
	api     *api
	echo    *echo.Echo
	needs   apikey.Scope
	withKey echo.MiddlewareFunc
	outer   []echo.MiddlewareFunc // run before withKey
}

func (a *api) keyPaths(e *echo.Echo, needs apikey.Scope) keyPaths {
	return keyPaths{api: a, echo: e, needs: needs, withKey: a.withKey(needs)}
}

func (k keyPaths) add(method, path string, handler echo.HandlerFunc, inner ...echo.MiddlewareFunc) {
	k.api.keyed[path] = append(k.api.keyed[path], k.needs)
	inner = slices.Concat(k.outer, []echo.MiddlewareFunc{k.withKey}, inner)
	if method == http.MethodGet {
		get(k.echo, path, handler, inner...)
		return
	}
	k.echo.Add(method, path, handler, inner...)
}

// withExisting responds 404 on the paths of a scope of which no key is
// configured, to any method: a 405 would tell of them.
func (a *api) withExisting(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if a.missing(c.Path()) {
			return absent(c)
		}
		return next(c)
	}
}

func (a *api) missing(path string) bool {
	scopes := a.keyed[path]
	for _, needs := range scopes {
		if a.keys.Any(needs) {
			return false
		}
	}
	return len(scopes) > 0
}

// absent responds for what is not there.
func absent(echo.Context) error { return newProblem("not_found", nil) }

// withKey passes requests with a key that has the needed scope. A valid key with
// another scope gets a different error than an unknown key, because that is a mistake
// of configuration. Wrong keys are limited for each client address.
func (a *api) withKey(needs apikey.Scope) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !a.keys.Any(needs) {
				return absent(c)
			}
			text, err := keyText(c.Request().Header)
			if err != nil {
				p := newProblem("token_missing", nil)
				p.Detail = "Send the key as: Authorization: Bearer KEY."
				return p
			}
			key, known, err := a.keyGuesses.check(c, text, a.keys)
			switch {
			case err != nil:
				return err
			case !known:
				return newProblem("key_invalid", nil)
			case !key.Scope.Allows(needs):
				return newProblem("forbidden", nil)
			}
			c.Set(keyKey, key)
			return next(c)
		}
	}
}

// keyKey is where withKey puts the key of a request.
const keyKey = "wugan.key"

// keyOf returns the key of a request that withKey passed.
func keyOf(c echo.Context) apikey.Key {
	key, _ := c.Get(keyKey).(apikey.Key)
	return key
}

// keyText reads the key from the Authorization header. Unlike an access token it
// may hold any printable character.
func keyText(h http.Header) (string, error) {
	values := h.Values(echo.HeaderAuthorization)
	if len(values) != 1 {
		return "", verify.ErrMissing
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(text) == "" {
		return "", verify.ErrMissing
	}
	return strings.TrimSpace(text), nil
}

// actor is who makes a change: the key by its name, and beside it whom the
// header X-Actor names, which is percent-encoded where it is not ASCII.
func actor(c echo.Context) (name, onBehalfOf string, err error) {
	values := c.Request().Header.Values("X-Actor")
	switch {
	case len(values) == 0:
		return keyOf(c).Name, "", nil
	case len(values) > 1:
		return "", "", invalid("The header X-Actor is given twice.")
	}
	onBehalfOf, err = url.PathUnescape(values[0])
	if err != nil || !utf8.ValidString(onBehalfOf) {
		return "", "", invalid("The header X-Actor is not UTF-8, percent-encoded where it is not ASCII.")
	}
	if err := users.CheckOnBehalfOf(onBehalfOf); err != nil {
		return "", "", err
	}
	return keyOf(c).Name, onBehalfOf, nil
}

package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/users"
)

// keyPaths registers paths that need a key of a scope.
type keyPaths struct {
	api   *api
	echo  *echo.Echo
	needs apikey.Scope
}

// add registers a handler that checks the key itself.
func (k keyPaths) add(method, path string, handler echo.HandlerFunc) {
	k.api.keyed[path] = append(k.api.keyed[path], k.needs)
	add(k.echo, method, path, handler)
}

// operator is the caller of a path for operators and support.
type operator struct {
	key    apikey.Key
	header http.Header
}

// operators registers paths for keys of a scope.
func (a *api) operators(e *echo.Echo, needs apikey.Scope) paths[operator] {
	return paths[operator]{
		add: func(method, path string, handler echo.HandlerFunc) { keyPaths{a, e, needs}.add(method, path, handler) },
		identify: func(c echo.Context) (operator, error) {
			key, err := a.keyHolder(c, needs)
			return operator{key, c.Request().Header}, err
		},
	}
}

// business is the caller of a path for business services.
type business struct{ name string }

// businesses registers paths for keys of the scope service.
func (a *api) businesses(e *echo.Echo) paths[business] {
	return paths[business]{
		add: func(method, path string, handler echo.HandlerFunc) {
			keyPaths{a, e, apikey.Service}.add(method, path, handler)
		},
		identify: func(c echo.Context) (business, error) {
			key, err := a.keyHolder(c, apikey.Service)
			return business{key.Name}, err
		},
	}
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
func absent(echo.Context) error { return newProblem(codeNotFound, nil) }

// keyHolder returns the key of a request if it has the needed scope. A valid key with
// another scope gets a different error than an unknown key, because that is a mistake
// of configuration. Wrong keys are limited for each client address.
func (a *api) keyHolder(c echo.Context, needs apikey.Scope) (apikey.Key, error) {
	if !a.keys.Any(needs) {
		return apikey.Key{}, absent(c)
	}
	text, err := keyText(c.Request().Header)
	if err != nil {
		p := newProblem(codeTokenMissing, nil)
		p.Detail = "Send the key as: Authorization: Bearer KEY."
		return apikey.Key{}, p
	}
	key, known, err := a.keyGuesses.check(c, text, a.keys)
	switch {
	case err != nil:
		return apikey.Key{}, err
	case !known:
		return apikey.Key{}, newProblem(codeKeyInvalid, nil)
	case !key.Scope.Allows(needs):
		return apikey.Key{}, newProblem(codeForbidden, nil)
	}
	c.Set(keyKey, key.Name)
	return key, nil
}

// withKey passes requests with a key that has the needed scope.
func (a *api) withKey(needs apikey.Scope, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if _, err := a.keyHolder(c, needs); err != nil {
			return err
		}
		return next(c)
	}
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

// onBehalfOf reads the header X-Actor, which names the person behind the key,
// percent-encoded where it is not ASCII.
func (o operator) onBehalfOf() (string, error) {
	values := o.header.Values("X-Actor")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", invalid("The header X-Actor is given twice.")
	}
	name, err := url.PathUnescape(values[0])
	if err != nil || !utf8.ValidString(name) {
		return "", invalid("The header X-Actor is not UTF-8, percent-encoded where it is not ASCII.")
	}
	return name, users.CheckOnBehalfOf(name)
}

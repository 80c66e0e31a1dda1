package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/httpapi/console"
	"github.com/wugan/wugan/internal/apikey"
)

// consoleRoutes are the page for support and operators. It needs no key to be
// loaded, for it holds nothing: it asks for one and calls the paths of adminRoutes.
// Where no such key is configured it does not exist.
func (a *api) consoleRoutes(e *echo.Echo) {
	if a.noConsole {
		return
	}
	site := console.New()
	for _, path := range site.Paths() {
		a.keyed[path] = []apikey.Scope{apikey.Support}
		get(e, path, echo.WrapHandler(site))
	}
	const without = "/console"
	a.keyed[without] = []apikey.Scope{apikey.Support}
	get(e, without, func(c echo.Context) error { return c.Redirect(http.StatusPermanentRedirect, console.Path) })
}

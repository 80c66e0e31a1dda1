package httpapi

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// CORS configures the access of pages of other origins (H5 clients). The zero value
// disables it: the service sets no CORS header, and upstreams may set their own.
type CORS struct {
	// Origins may call, "*" for any; a * within one stands for any characters.
	Origins []string
	// Headers may be sent to our own paths, besides those that this service
	// reads. To an upstream's paths a page may send what it asks for: which
	// headers are the application's, only the application knows.
	Headers []string
	// Expose are response headers that pages may read, besides those that this
	// service sets and those that an upstream names.
	Expose []string
}

// withCORS answers preflight requests and says on other responses which pages
// may read them. Tokens travel in headers and bodies, so no credentials are
// allowed. To upstreams go the requests for which isUpstream says so: for origins
// that are not listed they may have rules of their own.
func withCORS(c CORS, isUpstream func(echo.Context) bool) echo.MiddlewareFunc {
	config := middleware.CORSConfig{
		AllowOrigins:  c.Origins,
		AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete},
		AllowHeaders:  slices.Concat([]string{echo.HeaderAuthorization, echo.HeaderContentType, echo.HeaderXRequestID}, c.Headers),
		ExposeHeaders: slices.Concat([]string{echo.HeaderXRequestID, echo.HeaderWWWAuthenticate, "Retry-After"}, c.Expose),
		MaxAge:        600,
	}
	// A gateway asks verify with the client's own method and headers: a preflight
	// of the client's must not come out as a good token.
	config.Skipper = isVerify
	own := middleware.CORSWithConfig(config)
	config.AllowHeaders = nil // Echo then allows what a preflight asks for
	listed := originMatcher(c.Origins)
	config.Skipper = func(ec echo.Context) bool {
		r := ec.Request()
		isOptions := r.Method == http.MethodOptions && r.Header.Get(echo.HeaderAccessControlRequestMethod) == ""
		return isOptions || !listed(r.Header.Get(echo.HeaderOrigin))
	}
	upstream := middleware.CORSWithConfig(config)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		own, upstream := withPreflight(own(next)), upstream(next)
		answered := withPreflight(upstream)
		return func(ec echo.Context) error {
			if isUpstream(ec) {
				if config.Skipper(ec) {
					return upstream(ec) // an OPTIONS of the application's own
				}
				return answered(ec)
			}
			return own(ec)
		}
	}
}

// originMatcher reports which origins a list holds, as Echo does.
func originMatcher(list []string) func(string) bool {
	patterns := make([]*regexp.Regexp, len(list))
	for i, origin := range list {
		patterns[i] = regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(origin), `\*`, ".*") + "$")
	}
	return func(origin string) bool {
		return origin != "" && len(origin) <= 512 &&
			slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(origin) })
	}
}

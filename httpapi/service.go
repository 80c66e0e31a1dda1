package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// healthz says that the process lives; it asks nobody, so that an outage of the
// database restarts no pod.
func (a *api) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, status{"ok"})
}

type status struct {
	Status string `json:"status"`
}

// readyz says whether requests should be sent here, and else why not.
func (a *api) readyz(c echo.Context) error {
	err := a.ready(c.Request().Context())
	switch {
	case err == nil:
		return c.JSON(http.StatusOK, status{"ready"})
	case errors.Is(err, ErrSchemaOutdated):
		return newProblem("schema_outdated", err)
	case errors.Is(err, ErrShuttingDown):
		return newProblem("shutting_down", err)
	}
	return newProblem("database_unavailable", err)
}

// ErrShuttingDown makes readyz fall before the listener closes.
var ErrShuttingDown = errors.New("shutting down")

// jwksMaxAge is how long verifiers may keep the keys. A new key is published
// for longer than this before it signs.
const jwksMaxAge = "public, max-age=300"

func (a *api) jwks(c echo.Context) error {
	body, err := a.accessKeys.Set().Public()
	if err != nil {
		return err
	}
	return answerCached(c, "application/json", jwksMaxAge, body)
}

// answerCached sends a document that may be kept, or 304 to who has it.
func answerCached(c echo.Context, kind, control string, body []byte) error {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, control)
	h.Set("ETag", tag)
	if hasTag(c.Request().Header.Values("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, kind, body)
}

// hasTag tells whether a list of entity tags (RFC 9110 section 13.1.2) names one.
func hasTag(lists []string, tag string) bool {
	for _, list := range lists {
		for one := range strings.SplitSeq(list, ",") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}

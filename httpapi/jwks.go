package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

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

// hasTag reports whether a list of entity tags (RFC 9110 section 13.1.2) names one.
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

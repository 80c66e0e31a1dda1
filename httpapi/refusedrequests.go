package httpapi

import (
	"net/http"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/labstack/echo/v4"
)

// rememberedRefusals is how many refused requests a process remembers.
const rememberedRefusals = 10_000

// refusedRequests remembers whose requests were refused, by the id of the
// request, which a person reads off a problem document to the support team.
// It holds the last ones of this process; the log has all of them.
type refusedRequests struct {
	users *lru.Cache[string, uuid.UUID]
}

func newRefusedRequests() (refusedRequests, error) {
	cache, err := lru.New[string, uuid.UUID](rememberedRefusals)
	return refusedRequests{cache}, err
}

// note remembers a request that has been answered. An id that is known already is
// left alone: callers choose their own, and one must not pass for another's.
func (r refusedRequests) note(c echo.Context) {
	if c.Response().Status < http.StatusBadRequest {
		return
	}
	if who, ok := c.Get(callerKey).(caller); ok {
		r.users.ContainsOrAdd(requestID(c), who.userID)
	}
}

// userOf is whose request it was; zero where that is not known.
func (r refusedRequests) userOf(id string) uuid.UUID {
	user, _ := r.users.Peek(id)
	return user
}

package httpapi

import (
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Health is what /readyz tells of the service.
type Health struct {
	// Err is why nothing of use can be answered: ErrShuttingDown,
	// ErrSchemaOutdated, or an outage before the ended sessions are known. nil:
	// requests may be sent.
	Err error
	// Degraded is why logins and refreshes cannot be answered while access
	// tokens are still checked; nil: they can be.
	Degraded error
	// Since is when this began, by the database's time.
	Since time.Time
	// RevocationsAge is how old what is known of ended sessions is.
	RevocationsAge time.Duration
}

var (
	// ErrShuttingDown makes readyz fall before the listener closes.
	ErrShuttingDown = errors.New("shutting down")
	// ErrSchemaOutdated says that the database lacks migrations.
	ErrSchemaOutdated = errors.New("the database lacks migrations: run wugan migrate up")
)

// healthz says that the process lives; it asks nothing, so that an outage of the
// database restarts no pod.
func (a *api) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

type readiness struct {
	Status         string    `json:"status"`
	Database       string    `json:"database,omitempty"`
	Since          time.Time `json:"since"`
	RevocationsAge float64   `json:"revocationsAge"`
}

// readyz says whether requests should be sent here, and else why not. It answers
// from memory, as fast while the database hangs: a balancer that gave up on it
// would take all pods out, and with them the checks of access tokens, which need
// no database.
func (a *api) readyz(c echo.Context) error {
	h := a.health()
	_, strict := c.QueryParams()["strict"]
	switch {
	case errors.Is(h.Err, ErrSchemaOutdated):
		return newProblem("schema_outdated", h.Err)
	case errors.Is(h.Err, ErrShuttingDown):
		return newProblem("shutting_down", h.Err)
	case h.Err != nil:
		return newProblem("database_unavailable", h.Err)
	case strict && h.Degraded != nil:
		return newProblem("database_unavailable", h.Degraded)
	}
	out := readiness{Status: "ready", Since: h.Since.UTC().Truncate(time.Second), RevocationsAge: math.Round(10*h.RevocationsAge.Seconds()) / 10}
	if h.Degraded != nil {
		out.Status, out.Database = "degraded", "unavailable"
	}
	return c.JSON(http.StatusOK, out)
}

package httpapi

import (
	"context"
	"errors"
	"math"
	"time"
)

// Health is the state of the service as /readyz reports it.
type Health struct {
	// Err is why the service is not ready: ErrShuttingDown, ErrSchemaOutdated, or
	// an outage before the revocations are known. nil means ready.
	Err error
	// Degraded is why logins and refreshes fail while access tokens are still
	// verified. nil means that they work.
	Degraded error
	// Since is when this began, by the database's time.
	Since time.Time
	// RevocationsAge is how old what is known of ended sessions is.
	RevocationsAge time.Duration
	// Now is the time by which the service lives.
	Now time.Time
	// PurgeHeldUntil is until when nothing is purged because the clock is in
	// doubt. It is zero if there is no doubt.
	PurgeHeldUntil time.Time
}

var (
	// ErrShuttingDown makes readyz fall before the listener closes.
	ErrShuttingDown = errors.New("shutting down")
	// ErrSchemaOutdated says that the database lacks migrations.
	ErrSchemaOutdated = errors.New("the database lacks migrations: run wugan migrate up")
)

// healthz reports that the process is alive. It checks nothing else, so that an outage
// of the database restarts no pod.
func (*api) healthz(context.Context, client, none) (liveness, error) { return liveness{"ok"}, nil }

type liveness struct {
	Status string `json:"status"`
}

// readyRequest may ask to count a degraded service as not ready.
type readyRequest struct{ strict bool }

func (r *readyRequest) readURL(p *parameters) { _, r.strict = p.c.QueryParams()["strict"] }

type readiness struct {
	Status         string    `json:"status"`
	Database       string    `json:"database,omitempty"`
	Since          time.Time `json:"since"`
	RevocationsAge float64   `json:"revocationsAge"`
	Time           time.Time `json:"time"`
	PurgeHeldUntil time.Time `json:"purgeHeldUntil,omitzero"`
}

// readyz reports whether the pod should receive requests, and if not, why. It responds
// from memory, so that it is fast while the database hangs: otherwise a load balancer
// would remove all pods, and with them the verification of access tokens, which needs
// no database.
func (a *api) readyz(_ context.Context, _ client, r readyRequest) (readiness, error) {
	h := a.health()
	switch {
	case errors.Is(h.Err, ErrSchemaOutdated):
		return readiness{}, newProblem(codeSchemaOutdated, h.Err)
	case errors.Is(h.Err, ErrShuttingDown):
		return readiness{}, newProblem(codeShuttingDown, h.Err)
	case h.Err != nil:
		return readiness{}, newProblem(codeDatabaseUnavailable, h.Err)
	case r.strict && h.Degraded != nil:
		return readiness{}, newProblem(codeDatabaseUnavailable, h.Degraded)
	}
	out := readiness{
		Status: "ready", Since: h.Since.UTC().Truncate(time.Second), RevocationsAge: math.Round(10*h.RevocationsAge.Seconds()) / 10,
		Time: h.Now.UTC().Truncate(time.Millisecond), PurgeHeldUntil: h.PurgeHeldUntil.UTC().Truncate(time.Second),
	}
	if h.Degraded != nil {
		out.Status, out.Database = "degraded", "unavailable"
	}
	return out, nil
}

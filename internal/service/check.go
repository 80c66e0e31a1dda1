package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/users"
)

// Finding is one result of a check.
type Finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// checkWithin bounds each question to the database and to a platform.
const checkWithin = 10 * time.Second

// skewed is how far the database's clock may be from this machine's.
const skewed = 5 * time.Second

// Check looks at all that wugan serve needs, and goes on where something is wrong:
// the settings, and their files; the database, its schema, whether it takes changes,
// and its clock; and online each app's platform, by a login code that is none. It
// changes nothing. loaded is the error of [config.Load].
func Check(ctx context.Context, c config.Config, loaded error, online bool) []Finding {
	var out []Finding
	add := func(name, detail string, err error) bool {
		if err != nil {
			detail = err.Error()
		}
		out = append(out, Finding{name, err == nil, detail})
		return err == nil
	}
	if !add("settings", "read", loaded) {
		return out
	}
	add("needed to serve", "all set", c.Complete())
	settings, err := c.Apps()
	hasApps := add("apps", strconv.Itoa(len(settings)), err)
	addLifetimes := func(name string, of auth.Lifetimes) {
		add(name, fmt.Sprintf("access %s, refresh %s", of.AccessTTL, of.RefreshTTL), renewable(of))
	}
	addLifetimes("lifetimes", c.Lifetimes())
	for _, app := range settings {
		if app.Lifetimes != (auth.AppLifetimes{}) {
			addLifetimes("lifetimes of "+app.ID, lifetimesOf(c, app))
		}
	}
	access, refresh, err := c.Keys()
	detail := ""
	if err == nil {
		now := time.Now()
		detail = fmt.Sprintf("access %s, refresh %s", access.Signer(now).Algorithm, refresh.Signer(now).Algorithm)
	}
	add("signing keys", detail, err)
	_, err = newBox(c)
	add("data key", "good", err)
	_, err = c.Pushes()
	add("message push", "good", err)
	if c.TLSCert != "" {
		pair, err := c.Certificate()
		detail := ""
		if err == nil {
			detail = "until " + pair.Leaf.NotAfter.UTC().Format(time.RFC3339)
			if time.Now().After(pair.Leaf.NotAfter) {
				err = errors.New("the certificate has expired: " + detail)
			}
		}
		add("certificate", detail, err)
	}
	checkDatabase(ctx, c, add)
	checkRunning(ctx, c, add)
	if online && hasApps {
		checkPlatforms(ctx, settings, add)
	}
	return out
}

func checkDatabase(ctx context.Context, c config.Config, add func(name, detail string, err error) bool) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	db, err := OpenExisting(ctx, c)
	if !add("database", c.DatabaseKind()+", its schema is current", err) {
		return
	}
	defer func() { _ = db.Close() }() // nothing is left to write
	add("database takes changes", "yes", db.Writable(ctx))
	if c.DatabaseKind() == "sqlite" {
		step, err := Step(ctx, db)
		if err == nil && step.Abs() > stepDoubted {
			err = fmt.Errorf("the clock is %s the newest time in the file: it was set, or the service was down for long; once it is right, wugan sessions purge removes what is dead", aside(step))
		}
		add("clock and file", "agree", err)
		return
	}
	now, err := db.Now(ctx)
	off := -time.Until(now)
	if err == nil && off.Abs() > skewed {
		err = fmt.Errorf("this machine's clock is %s the database's: set the one that is wrong", aside(off))
	}
	add("clock", "agrees with the database's", err)
}

// aside says how far one time is from another.
func aside(d time.Duration) string {
	if d < 0 {
		return d.Abs().Round(time.Second).String() + " behind"
	}
	return d.Round(time.Second).String() + " ahead of"
}

// checkRunning asks the service that runs with these settings on this machine, if one
// does, for its state and for its clock. With SQLite that is the machine's clock at
// the start: if the machine's clock was set since, the tokens of the service are of
// another time than everyone else's, and nothing but the service knows.
func checkRunning(ctx context.Context, c config.Config, add func(name, detail string, err error) bool) {
	const name = "running service"
	url, transport, err := ownReadiness(c)
	if err != nil {
		return // the settings say so
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		add(name, "none answers on WUGAN_ADDR", nil)
		return
	}
	defer func() { _ = response.Body.Close() }()
	var state struct {
		Status, Detail       string
		Time, PurgeHeldUntil time.Time
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&state)
	switch {
	case response.StatusCode == http.StatusServiceUnavailable && err == nil:
		add(name, "", errors.New("not ready: "+state.Detail))
		return
	case err != nil || state.Time.IsZero():
		add(name, "", errors.New("another program answers on WUGAN_ADDR, or another release of wugan"))
		return
	case state.Status != "ready":
		add(name, "", errors.New(state.Status+": the database does not answer or takes no changes"))
	default:
		add(name, state.Status, nil)
	}
	if c.DatabaseKind() != "sqlite" {
		return
	}
	err = nil
	if off := -time.Until(state.Time); off.Abs() > skewed {
		err = fmt.Errorf("this machine's clock is %s that of the service, which counts on from its start: the machine's clock was set since; once it is right, restart the service", aside(off))
	}
	add("clock of the service", "agrees with this machine's", err)
	if !state.PurgeHeldUntil.IsZero() {
		add("purge", "", fmt.Errorf("nothing is purged until %s: at the start the clock was far from the newest time in the file; where it is right, wugan sessions purge removes what is dead",
			state.PurgeHeldUntil.Format(time.RFC3339)))
	}
}

// checkPlatforms asks each app's platform about a code that is none: it refuses the
// code where it knows the app, and the app where it does not.
func checkPlatforms(ctx context.Context, settings []config.App, add func(name, detail string, err error) bool) {
	all := &apps{}
	if err := all.replace(settings); err != nil {
		add("platforms", "", err)
		return
	}
	for _, app := range settings {
		ctx, cancel := context.WithTimeout(ctx, checkWithin)
		_, err := all.ExchangeCode(ctx, app.ID, "wugan-check")
		cancel()
		var refused *users.ProviderError
		if errors.As(err, &refused) && (refused.Reason == users.CodeInvalid || refused.Reason == users.CodeUsed) {
			err = nil
		}
		if errors.Is(err, auth.ErrUnknownApp) {
			err = errors.New("no such app")
		}
		add("platform of "+app.ID, app.Provider+" knows the app", err)
	}
}

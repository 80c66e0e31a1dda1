// Package events publishes the recorded events of users to services that keep data
// about them: by a feed that is read with a cursor, and by webhooks.
//
// It owns the order of the feed, which contains each event once in the order in
// which they became visible, and the rules of delivery. Other packages decide which
// events are recorded, and the stores contain the SQL.
package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// Placed is a recorded event and its place in the order.
type Placed struct {
	// Position increases from event to event, with gaps. It is assigned when the
	// event is visible to every reader, so that no event appears before it later.
	Position int64
	users.RecordedEvent
}

// Page is a part of the feed.
type Page struct {
	Events []Placed
	// Position is that of the last event that was looked at, of whatever kind; of
	// an empty feed it is the position asked for.
	Position int64
	// More reports whether there are further events after this page.
	More bool
}

// NewPage returns a page of events that were read in order behind a position, with
// a limit: those of other kinds are left out. It is for stores.
func NewPage(found []Placed, position int64, kinds []users.EventKind, limit int) Page {
	page := Page{Position: position, More: len(found) == limit}
	if len(found) > 0 {
		page.Position = found[len(found)-1].Position
	}
	for _, p := range found {
		if len(kinds) == 0 || slices.Contains(kinds, p.Kind) {
			page.Events = append(page.Events, p)
		}
	}
	return page
}

// Store reads the feed. Its methods are safe for use by any number of goroutines and
// processes. They return users.ErrUnavailable for an outage.
type Store interface {
	// EventsAfter looks at the next limit events behind the position, in order, and
	// returns those of these kinds (none named: all). An event whose transaction commits
	// late is returned in its turn, to every reader: no position before one that
	// was ever returned is given to an event.
	EventsAfter(ctx context.Context, position int64, kinds []users.EventKind, limit int) (Page, error)

	// PurgeEvents removes events older than before, in small steps, and returns
	// how many. The newest stays in any case: it holds the place.
	PurgeEvents(ctx context.Context, before time.Time) (int, error)
}

// Message is the JSON form of an event in the feed and in webhooks.
type Message struct {
	ID        string          `json:"id"`
	At        time.Time       `json:"at"` // UTC
	Kind      users.EventKind `json:"kind"`
	UserID    string          `json:"userId"`
	SessionID string          `json:"sessionId,omitempty"`
	Actor     string          `json:"actor"`
	Detail    json.RawMessage `json:"detail"` // an object
}

// Message returns the event as a Message.
func (p *Placed) Message() Message {
	m := Message{
		ID: strconv.FormatInt(p.ID, 10), At: p.At.UTC(), Kind: p.Kind, UserID: p.UserID.String(), Actor: p.Actor,
		Detail: p.Detail,
	}
	if p.SessionID != uuid.Nil {
		m.SessionID = p.SessionID.String()
	}
	if len(bytes.TrimSpace(m.Detail)) == 0 {
		m.Detail = json.RawMessage("{}")
	}
	return m
}

// ErrCursor is returned for a cursor that the feed did not issue.
var ErrCursor = errors.New("events: the cursor is not one that this service gave out")

// pollEvery is how often a reader that waits looks for news. Readers are a
// service's few pods, and a look that finds nothing costs one look into an index.
const pollEvery = 500 * time.Millisecond

// Feed reads the events of all users in order. It is safe for concurrent use.
type Feed struct{ store Store }

// NewFeed returns the feed of a store.
func NewFeed(s Store) *Feed { return &Feed{store: s} }

// Read returns the events after a cursor and the cursor after them. The cursor ""
// starts at the oldest event that is kept. If there are none, it waits for at most
// wait, or until ctx or stop ends. The error is ErrCursor or one of the store's.
func (f *Feed) Read(ctx context.Context, cursor string, kinds []users.EventKind, limit int, wait time.Duration, stop <-chan struct{}) (found []Placed, next string, err error) {
	position, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		page, err := f.store.EventsAfter(ctx, position, kinds, limit)
		if err != nil {
			return nil, "", err
		}
		position = page.Position
		// Events of other kinds only: go on behind them.
		if len(page.Events) > 0 || wait <= 0 && !page.More {
			return page.Events, strconv.FormatInt(position, 10), nil
		}
		if page.More {
			continue
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return nil, strconv.FormatInt(position, 10), nil
		case <-stop:
			return nil, strconv.FormatInt(position, 10), nil
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	}
}

func parseCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	position, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || position < 0 || strconv.FormatInt(position, 10) != cursor {
		return 0, ErrCursor
	}
	return position, nil
}

// Known reports whether the service records events of this kind.
func Known(kind users.EventKind) bool { return slices.Contains(users.EventKinds(), kind) }

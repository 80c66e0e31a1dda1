// Package dump defines the types with which one store copies all its rows to
// another: every column of every table. It contains no SQL; the stores read and write
// the rows.
package dump

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// User is a row of users, deleted ones included.
type User struct {
	ID                     uuid.UUID
	Nickname, AvatarURL    string
	PhoneSealed, PhoneHash []byte
	Roles                  []string
	Metadata               json.RawMessage
	CreatedAt, LastLoginAt time.Time
	DisabledAt             *time.Time
	DisabledReason         string
	DeletedAt              *time.Time
}

// Identity is a row of identities.
type Identity struct {
	Provider, Account string
	AppID, OpenID     string
	UserID            uuid.UUID
	UnionID           *string
	UnionIDAt         *time.Time
	SessionKey        []byte
	SessionKeyAt      *time.Time
	CreatedAt         time.Time
}

// Session is a row of sessions.
type Session struct {
	UserID, ID                          uuid.UUID
	AppID                               string
	DeviceID, DeviceName, UserAgent, IP string
	Used, Last                          int64
	CreatedAt, RotatedAt, ExpiresAt     time.Time
	RevokedAt                           *time.Time
	RevokedReason                       string
	Repeats                             int64
	RepeatsRecordedAt                   *time.Time
}

// Event is a row of events, without its id: the new table counts from the start,
// in the same order. Its position stays, for readers of the feed hold cursors.
type Event struct {
	Position  int64
	At        time.Time
	Kind      string
	UserID    *uuid.UUID
	SessionID *uuid.UUID
	Actor     string
	Detail    json.RawMessage
}

// LostSession is a row of lost_sessions.
type LostSession struct {
	ID        uuid.UUID
	RevokedAt time.Time
}

// WebhookPlace is the row of webhooks, if there is one, without the process that
// delivers: it has stopped.
type WebhookPlace struct {
	Position   int64
	StoppedFor string
}

// Delivery is a row of webhook_deliveries.
type Delivery struct {
	Position int64
	UserID   uuid.UUID
	Attempts int
	NextAt   *time.Time
}

// Rows receives the rows in parts: first all users, then identities, sessions, lost
// sessions, events, the place of webhooks and the deliveries that wait.
type Rows interface {
	Users(rows []User) error
	Identities(rows []Identity) error
	Sessions(rows []Session) error
	LostSessions(rows []LostSession) error
	Events(rows []Event) error
	Webhooks(rows []WebhookPlace) error
	Deliveries(rows []Delivery) error
}

// Count holds the number of rows of each table.
type Count struct{ Users, Identities, Sessions, LostSessions, Events, Webhooks, Deliveries int64 }

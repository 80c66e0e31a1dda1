package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/users"
)

// adminRoutes registers the paths for operators. A key of the scope support can read,
// end sessions, disable and enable. All else requires the scope admin.
func (a *api) adminRoutes(e *echo.Echo) {
	support, admin := a.operators(e, apikey.Support), a.operators(e, apikey.Admin)
	handle(support, http.MethodGet, "/api/v1/admin/users", a.adminFind)
	handle(support, http.MethodGet, "/api/v1/admin/users/:id", a.adminUser)
	handle(admin, http.MethodDelete, "/api/v1/admin/users/:id", a.adminDelete)
	handle(support, http.MethodPost, "/api/v1/admin/users/:id/disable", a.adminDisable)
	handle(support, http.MethodPost, "/api/v1/admin/users/:id/enable", a.adminEnable)
	handle(admin, http.MethodPut, "/api/v1/admin/users/:id/roles", a.adminSetRoles)
	handle(admin, http.MethodPut, "/api/v1/admin/users/:id/metadata", a.adminSetMetadata)
	handle(admin, http.MethodPost, "/api/v1/admin/users/:id/merge", a.adminMerge)
	handle(support, http.MethodPost, "/api/v1/admin/users/:id/logout-all", a.adminSignOut)
	handle(support, http.MethodGet, "/api/v1/admin/users/:id/sessions", a.adminSessions)
	handle(support, http.MethodGet, "/api/v1/admin/users/:id/events", a.adminEvents)
	handle(support, http.MethodPost, "/api/v1/admin/users/:id/phone", a.adminPhone)
	handle(support, http.MethodDelete, "/api/v1/admin/sessions/:id", a.adminEndSession)
	handle(support, http.MethodGet, "/api/v1/admin/key", a.adminKey)
	handle(support, http.MethodGet, "/api/v1/admin/stats", a.adminStats)
}

type adminIdentity struct {
	Provider  string    `json:"provider"`
	AppID     string    `json:"appId"`
	OpenID    string    `json:"openid"`
	UnionID   string    `json:"unionid"`
	CreatedAt time.Time `json:"createdAt"`
}

type adminUserResponse struct {
	ID             string          `json:"id"`
	Identities     []adminIdentity `json:"identities"`
	Nickname       string          `json:"nickname"`
	AvatarURL      string          `json:"avatarUrl"`
	Phone          string          `json:"phone"`
	Roles          []string        `json:"roles"`
	Metadata       json.RawMessage `json:"metadata"`
	CreatedAt      time.Time       `json:"createdAt"`
	LastLoginAt    time.Time       `json:"lastLoginAt"`
	DisabledAt     *time.Time      `json:"disabledAt"`
	DisabledReason string          `json:"disabledReason"`
}

func renderPerson(p users.Person) adminUserResponse {
	own := renderUser(p.User, "")
	out := adminUserResponse{
		ID: own.ID, Identities: make([]adminIdentity, len(p.Identities)),
		Nickname: own.Nickname, AvatarURL: own.AvatarURL, Phone: own.Phone, Roles: own.Roles, Metadata: object(p.Metadata),
		CreatedAt: own.CreatedAt, LastLoginAt: own.LastLoginAt, DisabledAt: utc(p.DisabledAt), DisabledReason: p.DisabledReason,
	}
	for n, i := range p.Identities {
		out.Identities[n] = adminIdentity{Provider: i.Provider, AppID: i.AppID, OpenID: i.OpenID, UnionID: i.UnionID, CreatedAt: i.CreatedAt.UTC()}
	}
	return out
}

// object makes a missing JSON object an empty one.
func object(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func (a *api) adminUser(ctx context.Context, _ operator, r byID) (adminUserResponse, error) {
	return a.person(ctx, r.id)
}

func (a *api) person(ctx context.Context, id uuid.UUID) (adminUserResponse, error) {
	p, err := a.admin.Person(ctx, id)
	return renderPerson(p), err
}

type adminSessionResponse struct {
	ID            string     `json:"id"`
	UserID        string     `json:"userId"`
	AppID         string     `json:"appId"`
	DeviceID      string     `json:"deviceId"`
	DeviceName    string     `json:"deviceName"`
	UserAgent     string     `json:"userAgent"`
	IP            string     `json:"ip"`
	CreatedAt     time.Time  `json:"createdAt"`
	LastUsedAt    time.Time  `json:"lastUsedAt"`
	ExpiresAt     time.Time  `json:"expiresAt"`
	RevokedAt     *time.Time `json:"revokedAt"`
	RevokedReason string     `json:"revokedReason"`
}

func renderAdminSession(s auth.Session) adminSessionResponse {
	return adminSessionResponse{
		ID: s.ID.String(), UserID: s.UserID.String(), AppID: s.AppID,
		DeviceID: s.Device.ID, DeviceName: s.Device.Name, UserAgent: s.Device.UserAgent, IP: s.Device.IP,
		CreatedAt: s.CreatedAt.UTC(), LastUsedAt: s.LastUsedAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		RevokedAt: utc(s.RevokedAt), RevokedReason: string(s.RevokedReason),
	}
}

type adminSessions struct {
	Sessions []adminSessionResponse `json:"sessions"`
}

func (a *api) adminSessions(ctx context.Context, _ operator, r byID) (adminSessions, error) {
	list, err := a.admin.Sessions(ctx, r.id)
	out := adminSessions{make([]adminSessionResponse, len(list))}
	for i, s := range list {
		out.Sessions[i] = renderAdminSession(s)
	}
	return out, err
}

type adminEventResponse struct {
	At        time.Time                  `json:"at"`
	Kind      users.EventKind            `json:"kind"`
	Actor     string                     `json:"actor"`
	Reason    string                     `json:"reason"`
	SessionID string                     `json:"sessionId"`
	Detail    map[string]json.RawMessage `json:"detail"`
}

// renderEvent shows the reason, which lies within the detail, as a field of its
// own.
func renderEvent(e users.RecordedEvent) (adminEventResponse, error) {
	out := adminEventResponse{At: e.At.UTC(), Kind: e.Kind, Actor: e.Actor, Detail: map[string]json.RawMessage{}}
	if e.SessionID != uuid.Nil {
		out.SessionID = e.SessionID.String()
	}
	if len(bytes.TrimSpace(e.Detail)) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(e.Detail, &out.Detail); err != nil {
		return out, err
	}
	if reason, ok := out.Detail["reason"]; ok {
		delete(out.Detail, "reason")
		if err := json.Unmarshal(reason, &out.Reason); err != nil {
			return out, err
		}
	}
	return out, nil
}

// eventsRequest asks for a page of a user's events.
type eventsRequest struct {
	byID
	limit  int
	before int64 // the cursor; 0: from the newest on
	count  bool
}

func (r *eventsRequest) readURL(p *parameters) {
	r.byID.readURL(p)
	r.limit, r.count = p.pageSize(defaultPage, maxPage), p.flag("count")
	if cursor, given := p.text("cursor", 256); given {
		var err error
		if r.before, err = strconv.ParseInt(cursor, 10, 64); err != nil || r.before < 1 {
			p.badCursor()
		}
	}
}

type adminEvents struct {
	Events     []adminEventResponse `json:"events"`
	NextCursor string               `json:"nextCursor"`
	Total      *int                 `json:"total"` // null unless it was asked for
}

func (a *api) adminEvents(ctx context.Context, _ operator, r eventsRequest) (out adminEvents, err error) {
	list, err := a.admin.Events(ctx, r.id, r.before, r.limit+1)
	if err != nil {
		return out, err
	}
	if r.count {
		n, err := a.admin.CountEvents(ctx, r.id)
		if err != nil {
			return out, err
		}
		out.Total = &n
	}
	if len(list) > r.limit {
		list = list[:r.limit]
		out.NextCursor = strconv.FormatInt(list[r.limit-1].ID, 10)
	}
	out.Events = make([]adminEventResponse, len(list))
	for i, e := range list {
		if out.Events[i], err = renderEvent(e); err != nil {
			return out, err
		}
	}
	return out, nil
}

// AdminUser returns the JSON value of a user as in the admin API. The command line
// prints the same.
func AdminUser(p users.Person) any { return renderPerson(p) }

// AdminSession returns the JSON value of a session as in the admin API.
func AdminSession(s auth.Session) any { return renderAdminSession(s) }

// AdminEvent returns the JSON value of an event as in the admin API.
func AdminEvent(e users.RecordedEvent) (any, error) { return renderEvent(e) }

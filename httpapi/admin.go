package httpapi

import (
	"bytes"
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

// Pages of the lists for operators.
const (
	defaultPage = 20
	maxPage     = 100
)

// adminRoutes registers the paths for operators. A key of the scope support can read,
// end sessions, disable and enable. All else requires the scope admin.
func (a *api) adminRoutes(e *echo.Echo) {
	support, admin := a.keyPaths(e, apikey.Support), a.keyPaths(e, apikey.Admin)
	support.add(http.MethodGet, "/api/v1/admin/users", a.adminFind)
	support.add(http.MethodGet, "/api/v1/admin/users/:id", a.adminUser)
	admin.add(http.MethodDelete, "/api/v1/admin/users/:id", a.adminDelete)
	support.add(http.MethodPost, "/api/v1/admin/users/:id/disable", a.adminDisable)
	support.add(http.MethodPost, "/api/v1/admin/users/:id/enable", a.adminEnable)
	admin.add(http.MethodPut, "/api/v1/admin/users/:id/roles", a.adminSetRoles)
	admin.add(http.MethodPut, "/api/v1/admin/users/:id/metadata", a.adminSetMetadata)
	admin.add(http.MethodPost, "/api/v1/admin/users/:id/merge", a.adminMerge)
	support.add(http.MethodPost, "/api/v1/admin/users/:id/logout-all", a.adminSignOut)
	support.add(http.MethodGet, "/api/v1/admin/users/:id/sessions", a.adminSessions)
	support.add(http.MethodGet, "/api/v1/admin/users/:id/events", a.adminEvents)
	support.add(http.MethodPost, "/api/v1/admin/users/:id/phone", a.adminPhone)
	support.add(http.MethodDelete, "/api/v1/admin/sessions/:id", a.adminEndSession)
	support.add(http.MethodGet, "/api/v1/admin/key", a.adminKey)
	support.add(http.MethodGet, "/api/v1/admin/stats", a.adminStats)
}

type adminIdentity struct {
	Provider  string    `json:"provider"`
	AppID     string    `json:"appId"`
	OpenID    string    `json:"openid"`
	UnionID   string    `json:"unionid"`
	CreatedAt time.Time `json:"createdAt"`
}

type adminUserAnswer struct {
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

func renderPerson(p users.Person) adminUserAnswer {
	own := renderUser(p.User, "")
	out := adminUserAnswer{
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

// pathID reads the id of a path. An id that is no UUID belongs to no user.
func pathID(c echo.Context) (uuid.UUID, error) {
	id, ok := parseID(c.Param("id"))
	if !ok {
		return uuid.Nil, newProblem("not_found", nil)
	}
	return id, nil
}

// parseID parses an id in the form that this service writes, 36 characters. The
// library also accepts braces, urn:uuid: and ids without hyphens.
func parseID(text string) (uuid.UUID, bool) {
	if len(text) != 36 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}

// pageSize reads the parameter limit.
func pageSize(c echo.Context) (int, error) {
	text, given, err := query(c, "limit", 4)
	if err != nil || !given {
		return defaultPage, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, invalid("The parameter limit is a number from 1 to %d.", maxPage)
	}
	return n, nil
}

// query reads a parameter that may come once.
func query(c echo.Context, name string, most int) (text string, given bool, err error) {
	values, given := c.QueryParams()[name]
	switch {
	case !given:
		return "", false, nil
	case len(values) > 1:
		return "", true, invalid("The parameter %s is given twice.", name)
	case values[0] == "":
		return "", true, invalid("The parameter %s is empty.", name)
	}
	if err := checkText(name, values[0], most); err != nil {
		return "", true, err
	}
	return values[0], true, nil
}

func (a *api) adminUser(c echo.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return a.answerPerson(c, id)
}

func (a *api) answerPerson(c echo.Context, id uuid.UUID) error {
	p, err := a.admin.Person(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, renderPerson(p))
}

type adminSessionAnswer struct {
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

func renderAdminSession(s auth.Session) adminSessionAnswer {
	return adminSessionAnswer{
		ID: s.ID.String(), UserID: s.UserID.String(), AppID: s.AppID,
		DeviceID: s.Device.ID, DeviceName: s.Device.Name, UserAgent: s.Device.UserAgent, IP: s.Device.IP,
		CreatedAt: s.CreatedAt.UTC(), LastUsedAt: s.LastUsedAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		RevokedAt: utc(s.RevokedAt), RevokedReason: string(s.RevokedReason),
	}
}

func (a *api) adminSessions(c echo.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	list, err := a.admin.Sessions(c.Request().Context(), id)
	if err != nil {
		return err
	}
	out := make([]adminSessionAnswer, len(list))
	for i, s := range list {
		out[i] = renderAdminSession(s)
	}
	return c.JSON(http.StatusOK, struct {
		Sessions []adminSessionAnswer `json:"sessions"`
	}{out})
}

type adminEventAnswer struct {
	At        time.Time                  `json:"at"`
	Kind      users.EventKind            `json:"kind"`
	Actor     string                     `json:"actor"`
	Reason    string                     `json:"reason"`
	SessionID string                     `json:"sessionId"`
	Detail    map[string]json.RawMessage `json:"detail"`
}

// renderEvent shows the reason, which lies within the detail, as a field of its
// own.
func renderEvent(e users.RecordedEvent) (adminEventAnswer, error) {
	out := adminEventAnswer{At: e.At.UTC(), Kind: e.Kind, Actor: e.Actor, Detail: map[string]json.RawMessage{}}
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

func (a *api) adminEvents(c echo.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	limit, err := pageSize(c)
	if err != nil {
		return err
	}
	cursor, given, err := query(c, "cursor", 256)
	if err != nil {
		return err
	}
	var before int64
	if given {
		if before, err = strconv.ParseInt(cursor, 10, 64); err != nil || before < 1 {
			return invalid("The parameter cursor is not one that this service gave out.")
		}
	}
	count, err := counted(c)
	if err != nil {
		return err
	}
	list, err := a.admin.Events(c.Request().Context(), id, before, limit+1)
	if err != nil {
		return err
	}
	out := struct {
		Events     []adminEventAnswer `json:"events"`
		NextCursor string             `json:"nextCursor"`
		Total      *int               `json:"total"`
	}{Events: []adminEventAnswer{}}
	if count {
		n, err := a.admin.CountEvents(c.Request().Context(), id)
		if err != nil {
			return err
		}
		out.Total = &n
	}
	if len(list) > limit {
		list = list[:limit]
		out.NextCursor = strconv.FormatInt(list[limit-1].ID, 10)
	}
	for _, e := range list {
		rendered, err := renderEvent(e)
		if err != nil {
			return err
		}
		out.Events = append(out.Events, rendered)
	}
	return c.JSON(http.StatusOK, out)
}

// AdminUser returns the JSON value of a user as in the admin API. The command line
// prints the same.
func AdminUser(p users.Person) any { return renderPerson(p) }

// AdminSession returns the JSON value of a session as in the admin API.
func AdminSession(s auth.Session) any { return renderAdminSession(s) }

// AdminEvent returns the JSON value of an event as in the admin API.
func AdminEvent(e users.RecordedEvent) (any, error) { return renderEvent(e) }

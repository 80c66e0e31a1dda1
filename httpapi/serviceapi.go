package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/users"
)

// serviceRoutes are the paths for business services. All of them need a key of
// the scope service.
func (a *api) serviceRoutes(e *echo.Echo) {
	services := a.keyPaths(e, apikey.Service)
	services.add(http.MethodGet, "/api/v1/service/users", a.serviceFind)
	services.add(http.MethodGet, "/api/v1/service/users/:id", a.serviceUser)
	services.add(http.MethodPatch, "/api/v1/service/users/:id", a.servicePatch)
	services.add(http.MethodGet, "/api/v1/service/events", a.serviceEvents)
	services.add(http.MethodPost, "/api/v1/service/wechat/sign", a.serviceSign)
	services.add(http.MethodGet, "/api/v1/service/wechat/access-token", a.serviceAccessToken)
}

type serviceIdentity struct {
	Provider  string    `json:"provider"`
	AppID     string    `json:"appId"`
	OpenID    string    `json:"openid"`
	UnionID   string    `json:"unionid"`
	CreatedAt time.Time `json:"createdAt"`
}

type serviceUserResponse struct {
	ID          string            `json:"id"`
	Nickname    string            `json:"nickname"`
	AvatarURL   string            `json:"avatarUrl"`
	Phone       string            `json:"phone"` // E.164, or ""
	Roles       []string          `json:"roles"`
	Metadata    json.RawMessage   `json:"metadata"`
	Disabled    bool              `json:"disabled"`
	CreatedAt   time.Time         `json:"createdAt"`
	LastLoginAt time.Time         `json:"lastLoginAt"`
	Identities  []serviceIdentity `json:"identities"`
}

func renderServiceUser(p users.Person) serviceUserResponse {
	own := renderUser(p.User, "")
	out := serviceUserResponse{
		ID: own.ID, Nickname: own.Nickname, AvatarURL: own.AvatarURL, Phone: p.Phone.E164(), Roles: own.Roles,
		Metadata: object(p.Metadata), Disabled: p.Disabled(), CreatedAt: own.CreatedAt, LastLoginAt: own.LastLoginAt,
		Identities: make([]serviceIdentity, len(p.Identities)),
	}
	for n, i := range p.Identities {
		out.Identities[n] = serviceIdentity{
			Provider: i.Provider, AppID: i.AppID, OpenID: i.OpenID, UnionID: i.UnionID, CreatedAt: i.CreatedAt.UTC(),
		}
	}
	return out
}

func (a *api) serviceUser(c echo.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return a.respondServiceUser(c, id)
}

func (a *api) respondServiceUser(c echo.Context, id uuid.UUID) error {
	p, err := a.directory.Person(c.Request().Context(), keyOf(c).Name, id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, renderServiceUser(p))
}

// serviceFind looks people up by one of the three things that name them.
func (a *api) serviceFind(c echo.Context) error {
	found := map[string]string{}
	for _, name := range []string{"appId", "openid", "unionid", "phone"} {
		value, given, err := query(c, name, 128)
		if err != nil {
			return err
		}
		if given {
			found[name] = value
		}
	}
	_, byApp := found["appId"]
	_, byOpenID := found["openid"]
	ways := 0
	for _, way := range []bool{byApp || byOpenID, found["unionid"] != "", found["phone"] != ""} {
		if way {
			ways++
		}
	}
	if ways != 1 || byApp != byOpenID {
		return invalid("Name the person by one of: appId and openid, unionid, phone.")
	}
	q := users.Query{AppID: found["appId"], OpenID: found["openid"], UnionID: found["unionid"]}
	people, err := a.directory.Find(c.Request().Context(), keyOf(c).Name, q, found["phone"])
	if err != nil {
		return err
	}
	out := struct {
		Users []serviceUserResponse `json:"users"`
	}{make([]serviceUserResponse, len(people))}
	for i, p := range people {
		out.Users[i] = renderServiceUser(p)
	}
	return c.JSON(http.StatusOK, out)
}

func (a *api) servicePatch(c echo.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	var r struct {
		Metadata json.RawMessage `json:"metadata"`
		Roles    *[]string       `json:"roles"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	if len(r.Metadata) == 0 && r.Roles == nil {
		return invalid("The fields metadata and roles are both missing: send one of them.")
	}
	err = a.directory.Change(c.Request().Context(), keyOf(c).Name, id, r.Metadata, r.Roles)
	var input *users.InputError
	switch {
	case errors.As(err, &input):
		return invalid("The field %s %s.", input.Field, input.Problem)
	case err != nil:
		return err
	}
	return a.respondServiceUser(c, id)
}

// maxEvents is how many events a page holds at most; defaultEvents is how many
// without a word about it.
const (
	defaultEvents = 100
	maxEvents     = 1000
)

// serviceEvents is the feed of all users' events. With wait the response is held
// back until there is something to tell.
func (a *api) serviceEvents(c echo.Context) error {
	after, _, err := query(c, "after", 32)
	if err != nil {
		return err
	}
	wait, err := parseWait(c.QueryParam("wait"))
	if err != nil {
		return err
	}
	limit := defaultEvents
	if text, given, err := query(c, "limit", 4); err != nil {
		return err
	} else if given {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxEvents {
			return invalid("The parameter limit is a number from 1 to %d.", maxEvents)
		}
	}
	var kinds []users.EventKind
	for _, name := range c.QueryParams()["kind"] {
		kind := users.EventKind(name)
		if !events.Known(kind) {
			return invalid("The parameter kind is not a kind of event that this service records.")
		}
		kinds = append(kinds, kind)
	}
	if wait > 0 {
		holdOpen(c)
	}
	found, cursor, err := a.events.Read(c.Request().Context(), after, kinds, limit, wait, a.stopping)
	switch {
	case errors.Is(err, events.ErrCursor):
		return invalid("The parameter after is not a cursor of this feed: leave it out to read everything.")
	case err != nil:
		return err
	}
	out := struct {
		Cursor string           `json:"cursor"`
		Events []events.Message `json:"events"`
	}{cursor, make([]events.Message, len(found))}
	for i := range found {
		out.Events[i] = found[i].Message()
	}
	return c.JSON(http.StatusOK, out)
}

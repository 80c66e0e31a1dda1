package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/users"
)

// serviceRoutes are the paths for business services. All of them need a key of
// the scope service.
func (a *api) serviceRoutes(e *echo.Echo) {
	services := a.businesses(e)
	handle(services, http.MethodGet, "/api/v1/service/users", a.serviceFind)
	handle(services, http.MethodGet, "/api/v1/service/users/:id", a.serviceUser)
	handle(services, http.MethodPatch, "/api/v1/service/users/:id", a.servicePatch)
	handle(services, http.MethodGet, "/api/v1/service/events", a.serviceEvents)
	handle(services, http.MethodPost, "/api/v1/service/wechat/sign", a.serviceSign)
	handle(services, http.MethodGet, "/api/v1/service/wechat/access-token", a.serviceAccessToken)
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

func (a *api) serviceUser(ctx context.Context, by business, r byID) (serviceUserResponse, error) {
	p, err := a.directory.Person(ctx, by.name, r.id)
	return renderServiceUser(p), err
}

// findRequest names people by one of three criteria.
type findRequest struct {
	query users.Query
	phone string
}

func (r *findRequest) readURL(p *parameters) {
	var byApp, byOpenID, byUnionID, byPhone bool
	r.query.AppID, byApp = p.text("appId", 128)
	r.query.OpenID, byOpenID = p.text("openid", 128)
	r.query.UnionID, byUnionID = p.text("unionid", 128)
	r.phone, byPhone = p.text("phone", 128)
	ways := 0
	for _, given := range []bool{byApp || byOpenID, byUnionID, byPhone} {
		if given {
			ways++
		}
	}
	if (ways != 1 || byApp != byOpenID) && len(p.wrong) == 0 {
		p.refuse(invalid("Name the person by one of: appId and openid, unionid, phone."))
	}
}

type serviceUsers struct {
	Users []serviceUserResponse `json:"users"`
}

func (a *api) serviceFind(ctx context.Context, by business, r findRequest) (serviceUsers, error) {
	people, err := a.directory.Find(ctx, by.name, r.query, r.phone)
	out := serviceUsers{make([]serviceUserResponse, len(people))}
	for i, p := range people {
		out.Users[i] = renderServiceUser(p)
	}
	return out, err
}

type patchRequest struct {
	byID
	Metadata json.RawMessage `json:"metadata"`
	Roles    *[]string       `json:"roles"`
}

func (r patchRequest) check() error {
	if len(r.Metadata) == 0 && r.Roles == nil {
		return invalid("The fields metadata and roles are both missing: send one of them.")
	}
	return nil
}

func (a *api) servicePatch(ctx context.Context, by business, r patchRequest) (serviceUserResponse, error) {
	if err := a.directory.Change(ctx, by.name, r.id, r.Metadata, r.Roles); err != nil {
		return serviceUserResponse{}, err
	}
	return a.serviceUser(ctx, by, r.byID)
}

// Pages of the feed of events.
const (
	defaultEvents = 100
	maxEvents     = 1000
)

// feedRequest asks for the events after a cursor.
type feedRequest struct {
	after string
	wait  time.Duration
	limit int
	kinds []users.EventKind
}

func (r *feedRequest) readURL(p *parameters) {
	r.after, _ = p.text("after", 32)
	r.wait, r.limit = p.wait(), p.pageSize(defaultEvents, maxEvents)
	for _, name := range p.c.QueryParams()["kind"] {
		kind := users.EventKind(name)
		if !events.Known(kind) {
			p.refuse(invalid("The parameter kind is not a kind of event that this service records."))
			return
		}
		r.kinds = append(r.kinds, kind)
	}
}

type feedResponse struct {
	Cursor string           `json:"cursor"`
	Events []events.Message `json:"events"`
}

// serviceEvents is the feed of all users' events. With wait the response is held
// back until there are events.
func (a *api) serviceEvents(ctx context.Context, _ business, r feedRequest) (feedResponse, error) {
	found, cursor, err := a.events.Read(ctx, r.after, r.kinds, r.limit, r.wait, a.stopping)
	if errors.Is(err, events.ErrCursor) {
		err = invalid("The parameter after is not a cursor of this feed: leave it out to read everything.")
	}
	out := feedResponse{cursor, make([]events.Message, len(found))}
	for i := range found {
		out.Events[i] = found[i].Message()
	}
	return out, err
}

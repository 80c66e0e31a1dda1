package httpapi

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// searchRequest asks for a page of the users that match all given criteria.
type searchRequest struct {
	limit int
	count bool
	query users.Query
	phone string
	// id, sessionID and requestID name one user each; "" is not given.
	id, sessionID, requestID string
}

func (r *searchRequest) readURL(p *parameters) {
	r.limit, r.count = p.pageSize(defaultPage, maxPage), p.flag("count")
	r.id, _ = p.text("id", 64)
	r.phone, _ = p.text("phone", 32)
	r.query.Nickname, _ = p.text("nickname", maxNickname)
	r.query.NicknamePart, _ = p.text("nicknamePart", maxNickname)
	var byApp, byOpenID bool
	r.query.AppID, byApp = p.text("appId", 128)
	r.query.OpenID, byOpenID = p.text("openid", 128)
	r.query.UnionID, _ = p.text("unionid", 128)
	r.sessionID, _ = p.text("sessionId", 64)
	r.requestID, _ = p.text("requestId", 128)
	if byApp != byOpenID && len(p.wrong) == 0 {
		p.refuse(invalid("The parameters appId and openid go together."))
	}
	if cursor, given := p.text("cursor", 256); given {
		var ok bool
		if r.query.Before, ok = parseID(cursor); !ok || r.query.Before == uuid.Nil {
			p.badCursor()
		}
	}
}

// narrow adds to the query the users that the search names by an id. impossible
// reports that no user can match.
func (a *api) narrow(ctx context.Context, r *searchRequest) (impossible bool, err error) {
	only := func(id uuid.UUID) {
		impossible = impossible || id == uuid.Nil || r.query.ID != uuid.Nil && r.query.ID != id
		r.query.ID = id
	}
	if r.id != "" {
		id, _ := parseID(r.id)
		only(id)
	}
	if r.sessionID != "" {
		owner, err := a.sessionOwner(ctx, r.sessionID)
		if err != nil {
			return false, err
		}
		only(owner)
	}
	if r.requestID != "" {
		only(a.refused.userOf(r.requestID))
	}
	return impossible, nil
}

// sessionOwner returns the user of a session, or uuid.Nil if there is no such session.
func (a *api) sessionOwner(ctx context.Context, text string) (uuid.UUID, error) {
	id, ok := parseID(text)
	if !ok {
		return uuid.Nil, nil
	}
	owner, err := a.admin.OwnerOf(ctx, id)
	if errors.Is(err, auth.ErrNoSession) {
		return uuid.Nil, nil
	}
	return owner, err
}

type adminUsers struct {
	Users      []adminUserResponse `json:"users"`
	NextCursor string              `json:"nextCursor"`
	Total      *int                `json:"total"` // null unless it was asked for and can be had
}

func (a *api) adminFind(ctx context.Context, _ operator, r searchRequest) (adminUsers, error) {
	out := adminUsers{Users: []adminUserResponse{}}
	impossible, err := a.narrow(ctx, &r)
	if err != nil {
		return out, err
	}
	if impossible {
		if r.count {
			out.Total = new(int)
		}
		return out, nil
	}
	people, next, err := a.admin.Page(ctx, r.query, r.phone, r.limit)
	if err != nil {
		return out, err
	}
	// Counting everyone who has a part of a nickname would take too long.
	if r.count && r.query.NicknamePart == "" {
		n, err := a.admin.Count(ctx, r.query, r.phone)
		if err != nil {
			return out, err
		}
		out.Total = &n
	}
	if next != uuid.Nil {
		out.NextCursor = next.String()
	}
	for _, p := range people {
		out.Users = append(out.Users, renderPerson(p))
	}
	return out, nil
}

type keyResponse struct {
	Name  string `json:"name"`
	Scope string `json:"scope"`
}

// adminKey describes the caller's own key.
func (*api) adminKey(_ context.Context, by operator, _ none) (keyResponse, error) {
	return keyResponse{by.key.Name, string(by.key.Scope)}, nil
}

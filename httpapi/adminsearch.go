package httpapi

import (
	"errors"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/users"
)

// search is what GET /api/v1/admin/users asks for.
type search struct {
	query users.Query
	phone string
	// none: the search names what belongs to no one.
	none bool
}

// narrow keeps the people of one id. Two that differ fit no one.
func (s *search) narrow(id uuid.UUID) {
	s.none = s.none || id == uuid.Nil || s.query.ID != uuid.Nil && s.query.ID != id
	s.query.ID = id
}

// searchOf reads the parameters of a search.
func (a *api) searchOf(c echo.Context) (s search, err error) {
	text := map[string]string{}
	for _, p := range []struct {
		name string
		most int
	}{
		{"id", 64},
		{"phone", 32},
		{"nickname", maxNickname},
		{"nicknamePart", maxNickname},
		{"appId", 128},
		{"openid", 128},
		{"unionid", 128},
		{"sessionId", 64},
		{"requestId", 128},
		{"cursor", 256},
	} {
		value, given, err := query(c, p.name, p.most)
		if err != nil {
			return s, err
		}
		if given {
			text[p.name] = value
		}
	}
	if (text["appId"] == "") != (text["openid"] == "") {
		return s, invalid("The parameters appId and openid go together.")
	}
	s.phone = text["phone"]
	s.query = users.Query{
		Nickname: text["nickname"], NicknamePart: text["nicknamePart"],
		AppID: text["appId"], OpenID: text["openid"], UnionID: text["unionid"],
	}
	if text["cursor"] != "" {
		var ok bool
		if s.query.Before, ok = parseID(text["cursor"]); !ok || s.query.Before == uuid.Nil {
			return s, invalid("The parameter cursor is not one that this service gave out.")
		}
	}
	// What is no id of ours belongs to no one.
	if text["id"] != "" {
		id, _ := parseID(text["id"])
		s.narrow(id)
	}
	if text["sessionId"] != "" {
		owner, err := a.sessionOwner(c, text["sessionId"])
		if err != nil {
			return s, err
		}
		s.narrow(owner)
	}
	if text["requestId"] != "" {
		s.narrow(a.refused.userOf(text["requestId"]))
	}
	return s, nil
}

// sessionOwner is whose session it is; zero where it is no one's.
func (a *api) sessionOwner(c echo.Context, text string) (uuid.UUID, error) {
	id, ok := parseID(text)
	if !ok {
		return uuid.Nil, nil
	}
	owner, err := a.admin.OwnerOf(c.Request().Context(), id)
	if errors.Is(err, auth.ErrNoSession) {
		return uuid.Nil, nil
	}
	return owner, err
}

// counted reads the parameter count.
func counted(c echo.Context) (bool, error) {
	switch text, given, err := query(c, "count", 5); {
	case err != nil || !given:
		return false, err
	case text == "true", text == "false":
		return text == "true", nil
	}
	return false, invalid("The parameter count is true or false.")
}

func (a *api) adminFind(c echo.Context) error {
	limit, err := pageSize(c)
	if err != nil {
		return err
	}
	count, err := counted(c)
	if err != nil {
		return err
	}
	s, err := a.searchOf(c)
	if err != nil {
		return err
	}
	out := struct {
		Users      []adminUserAnswer `json:"users"`
		NextCursor string            `json:"nextCursor"`
		Total      *int              `json:"total"`
	}{Users: []adminUserAnswer{}}
	if s.none {
		if count {
			out.Total = new(int)
		}
		return c.JSON(http.StatusOK, out)
	}
	people, next, err := a.admin.Page(c.Request().Context(), s.query, s.phone, limit)
	if err != nil {
		return err
	}
	// All who have a part of a nickname cannot be counted in a moment.
	if count && s.query.NicknamePart == "" {
		n, err := a.admin.Count(c.Request().Context(), s.query, s.phone)
		if err != nil {
			return err
		}
		out.Total = &n
	}
	if next != uuid.Nil {
		out.NextCursor = next.String()
	}
	for _, p := range people {
		out.Users = append(out.Users, renderPerson(p))
	}
	return c.JSON(http.StatusOK, out)
}

// adminPhone shows a phone number in clear, and records that it did.
func (a *api) adminPhone(c echo.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	reader, onBehalfOf, err := actor(c)
	if err != nil {
		return inputProblem(err)
	}
	number, err := a.admin.ReadPhone(c.Request().Context(), id, reader, onBehalfOf)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Phone string `json:"phone"`
	}{number})
}

// adminKey tells whose key it is, and what it may do.
func (*api) adminKey(c echo.Context) error {
	key := keyOf(c)
	return c.JSON(http.StatusOK, struct {
		Name  string `json:"name"`
		Scope string `json:"scope"`
	}{key.Name, string(key.Scope)})
}

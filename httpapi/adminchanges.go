package httpapi

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/users"
)

// change reads whom a change is about and who makes it, then makes it.
func (a *api) change(c echo.Context, reason string, do func(ctx context.Context, change users.Change) error) (uuid.UUID, error) {
	id, err := pathID(c)
	if err != nil {
		return uuid.Nil, err
	}
	by, onBehalfOf, err := actor(c)
	if err == nil {
		err = do(c.Request().Context(), users.Change{UserID: id, Actor: by, OnBehalfOf: onBehalfOf, Reason: reason})
	}
	return id, inputProblem(err)
}

// inputProblem says which header or field an *users.InputError is about. Other
// errors stay as they are.
func inputProblem(err error) error {
	var input *users.InputError
	switch {
	case !errors.As(err, &input):
		return err
	case input.Field == "actor":
		return invalid("The header X-Actor %s.", input.Problem)
	}
	return invalid("The field %s %s.", input.Field, input.Problem)
}

type reasonRequest struct {
	Reason string `json:"reason"`
}

func (a *api) adminDisable(c echo.Context) error {
	return a.adminChange(c, a.admin.Disable)
}

func (a *api) adminEnable(c echo.Context) error {
	return a.adminChange(c, a.admin.Enable)
}

// adminChange makes a change that needs a reason alone, and answers the user.
func (a *api) adminChange(c echo.Context, do func(context.Context, users.Change) error) error {
	var r reasonRequest
	if err := bind(c, &r); err != nil {
		return err
	}
	id, err := a.change(c, r.Reason, do)
	if err != nil {
		return err
	}
	return a.answerPerson(c, id)
}

func (a *api) adminSetRoles(c echo.Context) error {
	var r struct {
		reasonRequest
		Roles *[]string `json:"roles"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	if r.Roles == nil {
		return invalid("The field roles is missing.")
	}
	id, err := a.change(c, r.Reason, func(ctx context.Context, change users.Change) error {
		return a.admin.SetRoles(ctx, change, *r.Roles)
	})
	if err != nil {
		return err
	}
	return a.answerPerson(c, id)
}

func (a *api) adminSetMetadata(c echo.Context) error {
	var r struct {
		reasonRequest
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := bind(c, &r); err != nil {
		return err
	}
	if len(r.Metadata) == 0 {
		return invalid("The field metadata is missing.")
	}
	id, err := a.change(c, r.Reason, func(ctx context.Context, change users.Change) error {
		return a.admin.SetMetadata(ctx, change, r.Metadata)
	})
	if err != nil {
		return err
	}
	return a.answerPerson(c, id)
}

func (a *api) adminSignOut(c echo.Context) error {
	var r reasonRequest
	if err := bind(c, &r); err != nil {
		return err
	}
	if _, err := a.change(c, r.Reason, a.admin.SignOut); err != nil {
		return err
	}
	return noContent(c)
}

func (a *api) adminDelete(c echo.Context) error {
	reason, _, err := query(c, "reason", users.MaxReason)
	if err != nil {
		return err
	}
	if _, err := a.change(c, reason, a.admin.Delete); err != nil {
		return err
	}
	return noContent(c)
}

func (a *api) adminEndSession(c echo.Context) error {
	reason, _, err := query(c, "reason", users.MaxReason)
	if err != nil {
		return err
	}
	_, err = a.change(c, reason, func(ctx context.Context, change users.Change) error {
		session := change.UserID // the id of this path is a session's
		return a.admin.EndSession(ctx, change, session)
	})
	if err != nil {
		return err
	}
	return noContent(c)
}

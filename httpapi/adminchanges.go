package httpapi

import (
	"context"
	"encoding/json"

	"github.com/wugan/wugan/users"
)

// changeRequest asks for a change of the object whose id is in the path.
type changeRequest struct {
	byID
	Reason string `json:"reason"`
}

// removeRequest is a changeRequest of the method DELETE, whose reason is in the query.
type removeRequest struct{ change changeRequest }

func (r *removeRequest) readURL(p *parameters) {
	r.change.readURL(p)
	r.change.Reason, _ = p.text("reason", users.MaxReason)
}

// change makes a change in the name of its caller.
func (o operator) change(ctx context.Context, r changeRequest, do func(context.Context, users.Change) error) error {
	onBehalfOf, err := o.onBehalfOf()
	if err != nil {
		return err
	}
	return do(ctx, users.Change{UserID: r.id, Actor: o.key.Name, OnBehalfOf: onBehalfOf, Reason: r.Reason})
}

// changed makes a change and returns the user as it is then.
func (a *api) changed(ctx context.Context, by operator, r changeRequest, do func(context.Context, users.Change) error) (adminUserResponse, error) {
	if err := by.change(ctx, r, do); err != nil {
		return adminUserResponse{}, err
	}
	return a.person(ctx, r.id)
}

func (a *api) adminDisable(ctx context.Context, by operator, r changeRequest) (adminUserResponse, error) {
	return a.changed(ctx, by, r, a.admin.Disable)
}

func (a *api) adminEnable(ctx context.Context, by operator, r changeRequest) (adminUserResponse, error) {
	return a.changed(ctx, by, r, a.admin.Enable)
}

type setRolesRequest struct {
	changeRequest
	Roles *[]string `json:"roles"`
}

func (r setRolesRequest) check() error {
	if r.Roles == nil {
		return invalid("The field roles is missing.")
	}
	return nil
}

func (a *api) adminSetRoles(ctx context.Context, by operator, r setRolesRequest) (adminUserResponse, error) {
	return a.changed(ctx, by, r.changeRequest, func(ctx context.Context, change users.Change) error {
		return a.admin.SetRoles(ctx, change, *r.Roles)
	})
}

type setMetadataRequest struct {
	changeRequest
	Metadata json.RawMessage `json:"metadata"`
}

func (r setMetadataRequest) check() error {
	if len(r.Metadata) == 0 {
		return invalid("The field metadata is missing.")
	}
	return nil
}

func (a *api) adminSetMetadata(ctx context.Context, by operator, r setMetadataRequest) (adminUserResponse, error) {
	return a.changed(ctx, by, r.changeRequest, func(ctx context.Context, change users.Change) error {
		return a.admin.SetMetadata(ctx, change, r.Metadata)
	})
}

type mergeRequest struct {
	changeRequest
	From string `json:"from"`
}

func (a *api) adminMerge(ctx context.Context, by operator, r mergeRequest) (adminUserResponse, error) {
	from, ok := parseID(r.From)
	if !ok {
		return adminUserResponse{}, invalid("The field from is not the id of a user.")
	}
	return a.changed(ctx, by, r.changeRequest, func(ctx context.Context, change users.Change) error {
		return a.admin.Merge(ctx, change, from)
	})
}

func (a *api) adminSignOut(ctx context.Context, by operator, r changeRequest) (none, error) {
	return none{}, by.change(ctx, r, a.admin.SignOut)
}

func (a *api) adminDelete(ctx context.Context, by operator, r removeRequest) (none, error) {
	return none{}, by.change(ctx, r.change, a.admin.Delete)
}

func (a *api) adminEndSession(ctx context.Context, by operator, r removeRequest) (none, error) {
	return none{}, by.change(ctx, r.change, func(ctx context.Context, change users.Change) error {
		session := change.UserID // the id of this path is a session's
		return a.admin.EndSession(ctx, change, session)
	})
}

type phoneResponse struct {
	Phone string `json:"phone"`
}

// adminPhone returns a phone number in clear, and records that it did.
func (a *api) adminPhone(ctx context.Context, by operator, r byID) (phoneResponse, error) {
	onBehalfOf, err := by.onBehalfOf()
	if err != nil {
		return phoneResponse{}, err
	}
	number, err := a.admin.ReadPhone(ctx, r.id, by.key.Name, onBehalfOf)
	return phoneResponse{number}, err
}

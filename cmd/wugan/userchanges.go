package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/httpapi"
	"github.com/wugan/wugan/users"
)

func usersRolesCommand() *cobra.Command {
	var none bool
	c := &cobra.Command{
		Use:   "roles USER_ID ROLE ... --reason WHY, or roles USER_ID --none --reason WHY",
		Short: "Replace a user's roles, which access tokens carry from the next refresh on",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := argID(args[0])
			if err != nil {
				return err
			}
			roles := args[1:]
			if none != (len(roles) == 0) {
				return usageError{errors.New("name the roles that the user is to have, or --none")}
			}
			var input *users.InputError
			if err := users.CheckRoles(roles); errors.As(err, &input) {
				return usageError{fmt.Errorf("%s %s", input.Field, input.Problem)}
			}
			change, err := changeOf(cmd, id)
			if err != nil {
				return err
			}
			return operate(cmd, func(ctx context.Context, o operator) error {
				if err := o.SetRoles(ctx, change, roles); err != nil {
					return err
				}
				p, err := o.Person(ctx, id)
				if err != nil {
					return err
				}
				if o.asJSON {
					return o.json(httpapi.AdminUser(p))
				}
				_, err = fmt.Fprintf(o.out, "%s has the roles: %s\n", p.ID, clip(strings.Join(p.Roles, ", "), 400))
				return err
			})
		},
	}
	c.Flags().BoolVar(&none, "none", false, "take every role away")
	changeFlags(c)
	return c
}

func usersDeleteCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "delete USER_ID --reason WHY",
		Short: "Erase a person: profile, phone number, identities and sessions. There is no way back",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := argID(args[0])
			if err != nil {
				return err
			}
			change, err := changeOf(cmd, id)
			if err != nil {
				return err
			}
			return operate(cmd, func(ctx context.Context, o operator) error {
				if err := o.Delete(ctx, change); err != nil {
					return err
				}
				if o.asJSON {
					return o.json(map[string]any{"deleted": id})
				}
				_, err := fmt.Fprintf(o.out, "%s is erased\n", id)
				return err
			})
		},
	}
	changeFlags(c)
	return c
}

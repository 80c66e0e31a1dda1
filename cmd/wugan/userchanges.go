package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/users"
)

func usersRolesCommand() *cobra.Command {
	var none bool
	c := &cobra.Command{
		Use:     "roles USER_ID ROLE ... --reason WHY, or roles USER_ID --none --reason WHY",
		Short:   "Replace a user's roles; access tokens carry them from the next refresh on",
		Example: `  wugan users roles 0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f editor --reason "new editor"`,
		Args:    cobra.MinimumNArgs(1),
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
				return o.tell(ctx, id, func(p users.Person) string {
					return fmt.Sprintf("%s has the roles: %s", p.ID, clip(strings.Join(p.Roles, ", "), 400))
				})
			})
		},
	}
	c.Flags().BoolVar(&none, "none", false, "take every role away")
	changeFlags(c)
	return c
}

func usersDeleteCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "delete USER_ID --reason WHY",
		Short:   "Erase a user: profile, phone number, identities and sessions. This cannot be undone",
		Example: `  wugan users delete 0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f --reason "asked by letter"`,
		Args:    cobra.ExactArgs(1),
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

func usersMergeCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:     "merge USER_ID --from USER_ID --reason WHY",
		Short:   "Merge two users: the first remains, with the identities of the other",
		Example: `  wugan users merge 0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f --from 0192f0c4-7c1e-7b5a-9d3e-bbbbbbbbbbbb --reason "same person"`,
		Long: `Make one user of two. USER_ID remains and gets the identities of the user that
--from names, and what it lacks: nickname, avatar, phone number, metadata. The
sessions of the other user end, and the other user is no more. There is no way back.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err1 := argID(args[0])
			other, err2 := argID(from)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if id == other {
				return usageError{errors.New("--from names another user than the one who remains")}
			}
			change, err := changeOf(cmd, id)
			if err != nil {
				return err
			}
			return operate(cmd, func(ctx context.Context, o operator) error {
				if err := o.Merge(ctx, change, other); err != nil {
					return err
				}
				return o.tell(ctx, id, func(p users.Person) string {
					return fmt.Sprintf("%s has %d identities now; %s is no more", p.ID, len(p.Identities), other)
				})
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "the user whose identities move (needed)")
	changeFlags(c)
	return c
}

// Command wugan logs in the users of mini programs and keeps them logged in. This
// package contains the command line, one file for each command, and the exit
// statuses. Package internal/config reads the settings, and internal/service runs
// the service.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "devel"

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "wugan:", err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "wugan",
		Short:         "Log the users of mini programs in, and keep them logged in without their noticing",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		Version:       version, // for --version
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return usageError{errors.New("a command is missing")}
		},
	}
	root.SetVersionTemplate("wugan {{.Version}}\n") // as wugan version prints it
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		devCommand(), serveCommand(), migrateCommand(), keysCommand(), fakewechatCommand(), fakeCommand(),
		healthcheckCommand(), usersCommand(), sessionsCommand(), webhooksCommand(), copyCommand(), rekeyCommand(), versionCommand(),
		backupCommand(), restoreCommand(), checkCommand(), eventsCommand(),
	)
	root.InitDefaultCompletionCmd() // else cobra adds it later, without what follows
	strictArgs(root)
	strictHelp(root)
	return root
}

// strictArgs makes a wrong number of arguments, or a command that is not there,
// a mistake of usage rather than a failure.
func strictArgs(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if cmd.HasSubCommands() && len(args) > 0 {
			return usageError{unknownCommand(cmd, args[0])}
		}
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
	if c.HasSubCommands() && c.RunE == nil {
		c.RunE = func(cmd *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("%s needs one of its commands: see %s --help", cmd.CommandPath(), cmd.CommandPath())}
		}
	}
	for _, sub := range c.Commands() {
		strictArgs(sub)
	}
}

// unknownCommand says that there is no such command, and which are spelt like it.
func unknownCommand(parent *cobra.Command, name string) error {
	parent.SuggestionsMinimumDistance = 2
	near := parent.SuggestionsFor(name)
	if len(near) == 0 {
		return fmt.Errorf("there is no command %q: see %s --help", name, parent.CommandPath())
	}
	for i, n := range near {
		near[i] = parent.CommandPath() + " " + n
	}
	return fmt.Errorf("there is no command %q; did you mean %s?", name, strings.Join(near, " or "))
}

// strictHelp makes help about a command that is not there a mistake of usage,
// too; cobra would show the help of the command above it.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			continue
		}
		c.Args = func(_ *cobra.Command, args []string) error {
			if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
				return usageError{fmt.Errorf("there is no command %q: see %s --help", strings.Join(args, " "), root.Name())}
			}
			return nil
		}
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: `  wugan version`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "wugan", version)
			return err
		},
	}
}

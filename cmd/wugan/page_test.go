package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page of the command line has a row for each command, with each of its flags
// there or in the text above the table, and no row for anything else.
func TestThePageOfTheCommandLineListsEveryCommandAndFlag(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/en/commands.md")
	require.NoError(t, err)
	rows := map[string]string{}
	var intro strings.Builder
	section := ""
	for line := range strings.SplitSeq(string(page), "\n") {
		switch m := regexp.MustCompile("^\\| `(wugan [^`]+)` \\|").FindStringSubmatch(line); {
		case m != nil:
			name := regexp.MustCompile(`^wugan(?: [a-z]+)+`).FindString(m[1])
			require.NotContains(t, rows, name, "listed twice")
			rows[name] = section + line
		case strings.HasPrefix(line, "## "):
			section = ""
		default:
			section += line
			intro.WriteString(line)
		}
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" {
			return
		}
		if c.Runnable() && c.HasParent() && !c.HasAvailableSubCommands() || c.Name() == "completion" {
			row, found := rows[c.CommandPath()]
			delete(rows, c.CommandPath())
			if assert.True(t, found, "docs/en/commands.md has no row for %s", c.CommandPath()) {
				c.LocalFlags().VisitAll(func(f *pflag.Flag) {
					if f.Hidden || f.Name == "help" || f.Name == "json" {
						return
					}
					assert.Contains(t, row, "--"+f.Name, "docs/en/commands.md, %s", c.CommandPath())
				})
			}
		}
		if c.Name() == "completion" {
			return
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(rootCommand())
	require.Empty(t, rows, "docs/en/commands.md names commands that are not there")
}

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

var call = regexp.MustCompile(`(?:^|\s)wugan ([^&>]*)`)

// words splits a line as a shell does, as far as the examples need it.
func words(line string) (out []string) {
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}

// Every command has an example in its help, and the examples can be typed.
func TestEveryCommandHasAnExampleThatIsUnderstood(t *testing.T) {
	t.Parallel()
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if name := sub.Name(); name != "help" && name != "completion" {
				visit(sub)
			}
		}
		if c.HasSubCommands() {
			return
		}
		require.NotEmpty(t, c.Example, c.CommandPath())
		for _, line := range strings.Split(c.Example, "\n") {
			calls := call.FindAllStringSubmatch(line, -1)
			require.NotEmpty(t, calls, line)
			last := words(calls[len(calls)-1][1])
			found, rest, err := rootCommand().Find(last)
			require.NoError(t, err, line)
			require.Equal(t, c.CommandPath(), found.CommandPath(), line)
			require.NoError(t, found.ParseFlags(rest), line)
			require.NoError(t, found.ValidateArgs(found.Flags().Args()), line)
		}
	}
	visit(rootCommand())
}

func TestTheHelpOfServeNamesEverySetting(t *testing.T) {
	t.Parallel()
	help := serveCommand().Long + "\n"
	for _, name := range config.Names() {
		line := "  WUGAN_" + name
		if value := config.Default(name); value != "" {
			line += "=" + value
		}
		require.Contains(t, help, line+"\n")
	}
	require.Contains(t, help, "WUGAN_REFRESH_TTL=168h\n")
}

func TestACommandThatIsMisspeltIsGuessed(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"srve":           `there is no command "srve"; did you mean wugan serve?`,
		"user list":      `there is no command "user"; did you mean wugan users?`,
		"keys rotat":     `there is no command "rotat"; did you mean wugan keys rotate?`,
		"users lst":      `there is no command "lst"; did you mean wugan users list?`,
		"frobnicate":     `there is no command "frobnicate": see wugan --help`,
		"users frobnify": `there is no command "frobnify": see wugan users --help`,
	} {
		root := rootCommand()
		root.SetArgs(strings.Fields(typed))
		err := root.Execute()
		require.EqualError(t, err, want)
		require.ErrorAs(t, err, new(usageError))
	}
}

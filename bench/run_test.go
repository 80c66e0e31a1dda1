package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
)

func TestMain(m *testing.M) { devserver.Main(m) }

// shortRun is a run that says nothing of speed, and takes seconds.
func shortRun(t *testing.T) (o options, out *bytes.Buffer) {
	t.Helper()
	out = &bytes.Buffer{}
	return options{
		out: out, each: 50 * time.Millisecond, binary: devserver.Wugan(t), algorithm: "HS256", level: "warn", clients: []int{2}, repeats: 100,
	}, out
}

func TestARunWritesItsFiguresIntoThePagesOfBothLanguages(t *testing.T) {
	t.Parallel()
	o, out := shortRun(t)
	o.clients = []int{64} // of which profiles are taken, and which has goals
	o.docs, o.profile = t.TempDir(), t.TempDir()
	for _, folder := range []string{"en", "zh", "images"} {
		require.NoError(t, os.Mkdir(filepath.Join(o.docs, folder), 0o700))
	}
	page := func(language string) string { return filepath.Join(o.docs, language, "performance.md") }
	for _, language := range []string{"en", "zh"} {
		require.NoError(t, os.WriteFile(page(language), []byte("before\n"+beginMark+"\nold figures\n"+endMark+"\nafter\n"), 0o600))
	}
	require.NoError(t, run(t.Context(), o))
	for _, language := range []string{"en", "zh"} {
		text, err := os.ReadFile(page(language))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), "before\n"+beginMark), language)
		require.True(t, strings.HasSuffix(string(text), endMark+"\nafter\n"), language)
		require.NotContains(t, string(text), "old figures")
		require.NotRegexp(t, `NaN|Inf`, string(text))
		picture, err := os.ReadFile(filepath.Join(o.docs, "images", "performance-"+language+".svg"))
		require.NoError(t, err)
		require.Contains(t, string(picture), "<svg")
	}
	said := out.String()
	require.Regexp(t, `(?m)^\| 64 \| \d+, \d+/s \| \d+/s \| \*\*\d`, said)
	require.Contains(t, said, "| rows added by 100 refreshes of one session | 0 |")
	require.Regexp(t, `access tokens in ES256, log level warn \| \d+ \| \d+ \|`, said)

	require.Contains(t, said, "| refresh of pgbench, 64 clients | ≥ 1.00 |")
	for _, name := range []string{"refresh.pprof", "login.pprof", "verify.pprof"} {
		info, err := os.Stat(filepath.Join(o.profile, name))
		require.NoError(t, err)
		require.NotZero(t, info.Size(), name)
	}

	o.docs = t.TempDir()
	require.Error(t, put(filepath.Join(o.docs, "none.md"), ""), "a page that is not there")
	bare := filepath.Join(o.docs, "bare.md")
	require.NoError(t, os.WriteFile(bare, []byte("no marks"), 0o600))
	require.ErrorContains(t, put(bare, ""), "lacks the marks")
}

func TestTheGoBenchmarksOfSingleCallsAreRead(t *testing.T) {
	require.Equal(t, []micro{{"Issue/ES256", 30_100 * time.Nanosecond}, {"VerifyHS256Cached", 481 * time.Nanosecond}}, readMicro(
		"goos: linux\nBenchmarkIssue/ES256-2   \t   41254\t     30100 ns/op\nPASS\nBenchmarkVerifyHS256Cached \t 1000000\t 481.0 ns/op\nok\n"))
}

func TestTwoBinariesAreMeasuredInTurn(t *testing.T) {
	t.Parallel()
	o, out := shortRun(t)
	o.against, o.runs, o.operations = o.binary, 2, []string{"refresh", "verify"}
	require.NoError(t, runCompare(t.Context(), o))
	var names []string
	for _, line := range regexp.MustCompile(`(?m)^Benchmark(\S+) 1 \d+ cpu-ns/op \d+ B/op [\d.]+ allocs/op \d+ op/s \d+ p99-ns$`).FindAllStringSubmatch(out.String(), -1) {
		names = append(names, line[1])
	}
	one := []string{
		"Refresh/clients=2/binary=old", "Verify/clients=2/binary=old", "Refresh/clients=2/binary=new", "Verify/clients=2/binary=new",
	}
	require.Equal(t, append(one, one...), names, "as benchstat reads them")
}

func TestALargeDatabaseIsMeasuredBesideASmallOne(t *testing.T) {
	t.Parallel()
	o, out := shortRun(t)
	o.rows = leastCrowd - 1
	require.ErrorContains(t, runScale(t.Context(), o), "-rows takes 1000 or more")
	o.rows = 3000
	require.NoError(t, runScale(t.Context(), o))
	said := out.String()
	for _, line := range []string{
		`(?m)^\| 10000 sessions \|`, `(?m)^\| 3000 sessions \|`, `refresh, of pgbench \| \d+/s, \*\*\d+\.\d\d\*\*`,
		`start to ready with 3 revoked sessions`, `purge of 300 dead sessions among them`,
	} {
		require.Regexp(t, line, said)
	}
	require.NotRegexp(t, `NaN|Inf`, said)
}

func TestAServiceThatCannotStartEndsTheRun(t *testing.T) {
	t.Parallel()
	o, out := shortRun(t)
	o.algorithm = "none"
	require.ErrorContains(t, run(t.Context(), o), "keys new")
	require.Empty(t, out.String())
}

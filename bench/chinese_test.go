package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A word of the report that inChinese does not know would stand in English on
// docs/zh/performance.md.
func TestTheChineseReportHasEveryFigureAndNoEnglishWord(t *testing.T) {
	one := load{rate: 1234, p50: 1500 * time.Microsecond, p99: 20 * time.Millisecond}
	spent := cost{commits: 0.25, cpu: 70 * time.Microsecond, memory: 5000, clients: 20 * time.Microsecond}
	r := results{
		machine: machine(), algorithm: "HS256", level: "warn",
		figures: []figures{
			{
				clients: 16, before: 9000, after: 9100, refresh: one, login: one, verify: one, healthz: one,
				refreshCost: spent, loginCost: spent, verifyCost: spent,
			},
			{
				clients: 64, before: 9000, after: 9100, refresh: one, login: one, verify: one, healthz: one,
				refreshCost: spent, loginCost: spent, verifyCost: spent,
			},
		},
		idleMiB: 20, loadedMiB: 30, binaryMiB: 22, ready: 30 * time.Millisecond, refreshed: 10000,
		variants: []variant{{algorithm: "ES256", level: "info", clients: 64, refresh: one, limit: 9000, cost: spent}},
		micro:    []micro{{"Issue/ES256", 42 * time.Microsecond}},
	}
	english := regexp.MustCompile(`[A-Za-z]{2,}`)
	names := map[string]bool{}
	processor, _, _ := strings.Cut(r.machine, ";")
	for _, name := range append(english.FindAllString(processor, -1),
		"HS", "ES", "PostgreSQL", "pgbench", "verify", "healthz", "Issue", "MiB", "ms", "ns", "warn", "info") {
		names[name] = name != "cores"
	}
	figure := regexp.MustCompile(`[0-9]+(?:\.[0-9]+)*`)
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, text := range []string{r.markdown(), tags.ReplaceAllString(r.svg(), ">")} {
		translated := inChinese.Replace(text)
		for _, word := range english.FindAllString(translated, -1) {
			require.True(t, names[word], "%s stands untranslated in\n%s", word, translated)
		}
		require.Equal(t, figure.FindAllString(text, -1), figure.FindAllString(translated, -1))
	}
}

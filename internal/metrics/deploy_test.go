package metrics_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/metrics"
)

// exported are the names, and the labels of each, of everything that a busy
// service exports.
func exported(t *testing.T) map[string]map[string]bool {
	t.Helper()
	revocations := auth.NewRevocations(time.Hour, auth.TrustedClock(func() time.Time { return start }), nil)
	require.NoError(t, revocations.Sync(t.Context(), noRevocations{}, start))
	m := metrics.New(metrics.Config{
		Version: "v1", Apps: []string{app}, Now: func() time.Time { return start }, Revocations: revocations,
		Clock:      auth.NewClock(time.Now, nil),
		Degraded:   func() bool { return true },
		Database:   func() metrics.Pool { return metrics.Pool{} },
		AccessKeys: ring(t, start.Add(-time.Hour), start.Add(time.Hour)),

		CertificateExpiry: func() time.Time { return start },
	})
	m.Request(http.MethodGet, "/healthz", 200, time.Millisecond)
	m.Provider("wechat", "jscode2session", "0", "ok", time.Millisecond)
	families, err := m.Gatherer().Gather()
	require.NoError(t, err)
	out := map[string]map[string]bool{}
	for _, f := range families {
		labels := map[string]bool{"job": true, "instance": true, "le": true} // Prometheus' own, and a histogram's
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[l.GetName()] = true
		}
		names := []string{f.GetName()}
		if f.GetMetric()[0].GetHistogram() != nil {
			names = []string{f.GetName() + "_bucket", f.GetName() + "_sum", f.GetName() + "_count"}
		}
		for _, name := range names {
			out[name] = labels
		}
	}
	return out
}

// noRevocations is a database in which none is.
type noRevocations struct{}

func (noRevocations) RevokedSince(context.Context, time.Time, uuid.UUID, int) ([]auth.Revocation, error) {
	return nil, nil
}
func (noRevocations) Now(context.Context) (time.Time, error) { return start, nil }
func (noRevocations) RestoreRevocations(context.Context, []auth.Revocation, time.Time) (int, error) {
	return 0, nil
}
func (noRevocations) WatchRevocations(context.Context, func()) error { return nil }

var (
	figure  = regexp.MustCompile(`\b(?:wugan|process|go)_[a-z0-9_]+`)
	matcher = regexp.MustCompile(`\b((?:wugan|process|go)_[a-z0-9_]+)\{([^}]*)\}`)
	label   = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	grouped = regexp.MustCompile(`\b(?:by|on) \(([a-z_, ]+)\)`)
)

// checkQuery holds a query against what is exported.
func checkQuery(t *testing.T, have map[string]map[string]bool, query string) {
	t.Helper()
	for _, name := range figure.FindAllString(query, -1) {
		require.Contains(t, have, name, query)
		for _, list := range grouped.FindAllStringSubmatch(query, -1) {
			for l := range strings.SplitSeq(list[1], ", ") {
				require.Contains(t, have[name], l, query)
			}
		}
	}
	for _, m := range matcher.FindAllStringSubmatch(query, -1) {
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			require.Contains(t, have[m[1]], l[1], query)
		}
	}
}

func TestTheDashboardShowsOnlyWhatIsExportedAndAllOfIt(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/grafana/wugan.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(text, &board))
	have := exported(t)
	var all []string
	ids := map[int]string{}
	for _, p := range board.Panels {
		require.NotContains(t, ids, p.ID, "Grafana knows a panel by its id")
		ids[p.ID] = p.Title
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	require.Greater(t, len(all), 25)
	for _, a := range board.Annotations.List {
		all = append(all, a.Expr)
	}
	for _, query := range all {
		require.Regexp(t, figure, query)
		checkQuery(t, have, query)
	}
	shown := strings.Join(all, "\n")
	for name := range have {
		if strings.HasPrefix(name, "wugan_") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") {
			require.Contains(t, shown, name, "nobody would see it")
		}
	}
}

func TestAlertsAreAboutWhatIsExported(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/prometheus/wugan.rules.yml")
	require.NoError(t, err)
	have := exported(t)
	for rule := range strings.SplitSeq(string(text), "- alert:") {
		_, query, found := strings.Cut(rule, "expr:")
		if !found {
			continue
		}
		query, _, _ = strings.Cut(query, "labels:")
		checkQuery(t, have, query)
	}
}

func TestEveryFigureIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/en/metrics.md")
	require.NoError(t, err)
	have := exported(t)
	for name := range have {
		if strings.HasPrefix(name, "wugan_") {
			name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
			require.Contains(t, string(text), "`"+name+"`")
		}
	}
	for _, name := range regexp.MustCompile("`(wugan_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		_, plain := have[name[1]]
		_, histogram := have[name[1]+"_bucket"]
		require.True(t, plain || histogram, "%s is explained, and not there", name[1])
	}
}

//go:build e2e

package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// run runs a program in a directory of the repository, to its end.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = filepath.Join(root, dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

func TestPrometheusLoadsTheAlertsAndEachFiresWhenItShould(t *testing.T) {
	need(t, "promtool=prometheus")
	require.Contains(t, run(t, "deploy/prometheus", "promtool", "check", "rules", "wugan.rules.yml"), "SUCCESS")
	require.Contains(t, run(t, "deploy/prometheus", "promtool", "test", "rules", "wugan.rules.test.yml"), "SUCCESS")

	// Every alert is tried.
	rules, err := os.ReadFile(filepath.Join(root, "deploy/prometheus/wugan.rules.yml"))
	require.NoError(t, err)
	tests, err := os.ReadFile(filepath.Join(root, "deploy/prometheus/wugan.rules.test.yml"))
	require.NoError(t, err)
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		require.Regexp(t, `alertname: `+alert[1]+`\n +exp_alerts:\n +- exp_labels`, string(tests), "it is never seen to fire")
	}
}

func TestPrometheusParsesEveryQueryOfTheDashboard(t *testing.T) {
	need(t, "promtool=prometheus")
	text, err := os.ReadFile(filepath.Join(root, "deploy/grafana/wugan.json"))
	require.NoError(t, err)
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(text, &board))
	// What Grafana would put in the place of its variables.
	variables := strings.NewReplacer("$__rate_interval", "1m", "$job", ".*")
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			rules = append(rules, rule{"query_" + string(rune('a'+len(rules)/26)) + string(rune('a'+len(rules)%26)), variables.Replace(target.Expr)})
		}
	}
	// JSON is YAML.
	file, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "queries.yml")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	require.Contains(t, run(t, ".", "promtool", "check", "rules", path), "SUCCESS")
}

func TestKubernetesTakesTheManifests(t *testing.T) {
	run(t, "deploy/kubernetes", "go", "vet", ".")
	run(t, "deploy/kubernetes", "go", "test", "-count=1", ".")
}

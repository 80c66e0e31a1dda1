//go:build e2e

package gateways

import (
	"encoding/json"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var buildClient = sync.OnceValues(func() ([]byte, error) {
	if out, err := exec.Command("make", "-C", root, "client/node_modules/.package-lock.json").CombinedOutput(); err != nil {
		return out, err
	}
	build := exec.Command("npm", "run", "build")
	build.Dir = root + "/client"
	return build.CombinedOutput()
})

// theClientStaysSilent lets the real client make five requests at once: without
// a session, with a token that the gateway refuses, and with a session that
// another login of its device replaced. The caller sees five answers each time.
func (s *site) theClientStaysSilent(t *testing.T) {
	t.Helper()
	need(t, "node=nodejs", "npm", "make")
	out, err := buildClient()
	require.NoError(t, err, "%s", out)
	out, err = exec.CommandContext(t.Context(), "node", "client.mjs", "http://"+s.gateway, s.wugan.URL).CombinedOutput()
	require.NoError(t, err, "%s", out)
	type round struct {
		Statuses []int
		Count    map[string]int
	}
	var report struct{ ColdStart, Refused, Ended round }
	require.NoError(t, json.Unmarshal(out, &report), "%s", out)

	five := []int{200, 200, 200, 200, 200}
	require.Equal(t, five, report.ColdStart.Statuses)
	require.Equal(t, map[string]int{"/api/v1/auth/login 200": 1, "/shop/orders 200": 5}, report.ColdStart.Count)

	require.Equal(t, five, report.Refused.Statuses)
	require.Equal(t, 1, report.Refused.Count["/api/v1/auth/refresh 200"], "%v", report.Refused.Count)
	require.Zero(t, report.Refused.Count["/api/v1/auth/login 200"], "a refusal by the gateway is no reason to log in")

	require.Equal(t, five, report.Ended.Statuses)
	require.Equal(t, 1, report.Ended.Count["/api/v1/auth/login 200"], "%v", report.Ended.Count)
}

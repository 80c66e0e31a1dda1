package auth_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

func TestALoginEndsItsDevicesSessionAndThoseBeyondTheLimit(t *testing.T) {
	const app, otherApp = "wx1", "wx2"
	session := func(n byte, app, device string) auth.Session {
		return auth.Session{ID: uuid.UUID{15: n}, AppID: app, Device: auth.Device{ID: device}}
	}
	ended := func(n byte, reason auth.Reason) auth.Ended {
		return auth.Ended{SessionID: uuid.UUID{15: n}, Reason: reason}
	}
	for name, c := range map[string]struct {
		most   int
		device string
		live   []auth.Session // newest use first
		want   []auth.Ended
	}{
		"none is alive":        {most: 1, device: "phone"},
		"within the limit":     {most: 3, live: []auth.Session{session(1, app, ""), session(2, app, "")}},
		"one beyond the limit": {most: 2, live: []auth.Session{session(1, app, ""), session(2, app, "")}, want: []auth.Ended{ended(2, auth.ReasonEvicted)}},
		"a limit of one":       {most: 1, live: []auth.Session{session(1, otherApp, "tablet")}, want: []auth.Ended{ended(1, auth.ReasonEvicted)}},
		"a limit that was lowered": {
			most: 2, live: []auth.Session{session(1, app, ""), session(2, app, ""), session(3, app, "")},
			want: []auth.Ended{ended(2, auth.ReasonEvicted), ended(3, auth.ReasonEvicted)},
		},
		"no limit": {live: []auth.Session{session(1, app, ""), session(2, app, ""), session(3, app, "")}},
		"the same device": {
			most: 3, device: "phone", live: []auth.Session{session(1, app, "tablet"), session(2, app, "phone")},
			want: []auth.Ended{ended(2, auth.ReasonReplaced)},
		},
		"the session that is replaced takes no place": {
			most: 2, device: "phone", live: []auth.Session{session(1, app, "phone"), session(2, app, "tablet")},
			want: []auth.Ended{ended(1, auth.ReasonReplaced)},
		},
		"the device replaced twice, beyond the limit": {
			most: 1, device: "phone", live: []auth.Session{session(1, app, "tablet"), session(2, app, "phone"), session(3, app, "phone")},
			want: []auth.Ended{ended(1, auth.ReasonEvicted), ended(2, auth.ReasonReplaced), ended(3, auth.ReasonReplaced)},
		},
		"the same device in another app": {
			most: 3, device: "phone", live: []auth.Session{session(1, otherApp, "phone")},
		},
		"no device is no device": {
			most: 3, live: []auth.Session{session(1, app, "")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := auth.Login{AppID: app, Device: auth.Device{ID: c.device}}
			require.Equal(t, c.want, auth.Lifetimes{MaxSessions: c.most}.EndedBy(l, c.live))
		})
	}
}

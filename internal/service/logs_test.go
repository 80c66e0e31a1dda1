package service

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

// What no line of any log may look like, whatever the test knows of.
var (
	jwtForm      = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`)
	phoneForm    = regexp.MustCompile(`(^|[^0-9:.a-f-])(\+?86)?1[3-9][0-9]{9}($|[^0-9a-f])`) // a duration has a colon before it
	sessionForm  = regexp.MustCompile(`[A-Za-z0-9+/]{22}==`)                                 // a session_key
	passwordForm = regexp.MustCompile(`postgres(ql)?://[^:@/ "]+:[^@ "]+@`)
)

// leaks tells which secrets a text holds: those that are known to have been in
// play, and whatever has the form of one. A part of a token is as good as the
// token to one who has the rest.
func leaks(text string, known []string) []string {
	var found []string
	for _, secret := range known {
		for part := range strings.SplitSeq(secret, ".") {
			if len(part) > 20 && strings.Contains(text, part) {
				found = append(found, fmt.Sprintf("a secret: %.12s…", part))
			}
		}
	}
	for name, form := range map[string]*regexp.Regexp{
		"a token": jwtForm, "a phone number": phoneForm, "a session key": sessionForm, "a database's password": passwordForm,
	} {
		if at := form.FindStringIndex(text); at != nil {
			line := text[strings.LastIndexByte(text[:at[0]], '\n')+1:]
			line, _, _ = strings.Cut(line, "\n")
			found = append(found, name+": "+line)
		}
	}
	return found
}

// privateParts are the members of key files that sign.
func privateParts(t *testing.T, sets ...*auth.KeySet) []string {
	t.Helper()
	var parts []string
	for _, set := range sets {
		data, err := set.Private()
		require.NoError(t, err)
		var file struct {
			Keys []struct{ D, K string }
		}
		require.NoError(t, json.Unmarshal(data, &file))
		for _, key := range file.Keys {
			parts = append(parts, key.D, key.K)
		}
	}
	return parts
}

// Every world of this suite checks its whole log (at level debug) when its test
// ends; this shows that the check would find each kind.
func TestTheCheckOfLogsFindsEachKindOfSecret(t *testing.T) {
	t.Parallel()
	code := "0123456789abcdefghijklmnopqrstuv"
	for name, line := range map[string]string{
		"a code":             `{"msg":"x","error":"code ` + code + ` refused"}`,
		"a token":            `{"error":"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"}`,
		"half a token":       `{"error":"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0"}`,
		"a phone number":     `{"phone":"13800000000"}`,
		"a foreign form":     `{"phone":"+8613800000000"}`,
		"a session key":      `{"key":"tiihtNczf5v6AKRyjwEUhQ=="}`,
		"a database address": `{"error":"connect postgres://wugan:hunter2@db/wugan"}`,
	} {
		require.NotEmpty(t, leaks(line, []string{code}), name)
	}
	for _, line := range []string{
		`{"time":"2026-11-21T09:27:47.378062154Z","msg":"request","took":13800000000,"user":"0192f0c4-7c1e-7b5a-9d3e-013800000000"}`,
		`{"msg":"request","route":"/api/v1/auth/login","ip":"192.0.2.7","requestId":"0192f0c4-7c1e-7b5a-9d3e-aaaaaaaaaaaa"}`,
	} {
		require.Empty(t, leaks(line, []string{code}), line)
	}
}

func TestOneLineTellsWhoseRequestItWasAndHowItEnded(t *testing.T) {
	t.Parallel()
	w := newSQLiteWorld(t)
	p := w.pod()
	alice := p.signIn("alice")
	id, session := p.userOf(alice.access), p.sessionOf(alice.access)
	p.do("GET", "/api/v1/sessions", alice.access, nil, "X-Request-Id", "mine-1")
	p.do("POST", "/api/v1/auth/refresh", "", map[string]any{"refreshToken": alice.access}, "X-Request-Id", "mine-2")

	lines := map[string][]map[string]any{}
	for text := range strings.Lines(w.log.String()) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line))
		if line["msg"] == "request" {
			id, _ := line["requestId"].(string)
			lines[id] = append(lines[id], line)
		}
	}
	require.Len(t, lines["mine-1"], 1)
	line := lines["mine-1"][0]
	require.Equal(t, "/api/v1/sessions", line["route"])
	require.EqualValues(t, 200, line["status"])
	require.Equal(t, id, line["user"])
	require.Equal(t, session, line["session"])
	require.Len(t, lines["mine-2"], 1)
	require.Equal(t, "refresh_invalid", lines["mine-2"][0]["outcome"])
	require.EqualValues(t, 401, lines["mine-2"][0]["status"])
}

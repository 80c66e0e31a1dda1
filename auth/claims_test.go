package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// awkward are texts that JSON cannot hold as they are, or that encoding/json
// writes in a way of its own.
var awkward = []string{
	"", "plain", `say "hi"`, `back\slash`, "</script>", "a&b", "tab\tnew\nline\x00\x1f", "del\x7f", "名字", "\u2028", "\xff broken", "😀", strings.Repeat("long", 400),
}

// What is written by hand is what encoding/json writes, byte for byte: a token
// that is issued again for one state of a session is the same token.
func TestClaimsAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	subject, session := uuid.New(), uuid.New()
	at, until := time.Unix(1_800_000_000, 0), time.Unix(1_800_014_400, 0)
	id := [16]byte{0xff, 1, 2}
	for _, text := range awkward {
		for _, roles := range [][]string{nil, {}, {text}, {"editor", text, "admin"}} {
			want, err := json.Marshal(struct {
				Issuer    string   `json:"iss"`
				Subject   string   `json:"sub"`
				Audience  string   `json:"aud"`
				ClientID  string   `json:"client_id"`
				IssuedAt  int64    `json:"iat"`
				ExpiresAt int64    `json:"exp"`
				ID        string   `json:"jti"`
				SessionID string   `json:"sid"`
				Roles     []string `json:"roles,omitempty"`
			}{text, subject.String(), text, text, at.Unix(), until.Unix(), base64.RawURLEncoding.EncodeToString(id[:]), session.String(), roles})
			require.NoError(t, err)
			got := accessClaims{
				issuer: text, subject: subject, audience: text, clientID: text, issuedAt: at, expiresAt: until, id: id, sessionID: session, roles: roles,
			}.appendTo(nil)
			require.Equal(t, string(want), string(got))
		}
		want, err := json.Marshal(struct {
			Issuer    string `json:"iss"`
			Subject   string `json:"sub"`
			Audience  string `json:"aud"`
			ClientID  string `json:"client_id"`
			IssuedAt  int64  `json:"iat"`
			ExpiresAt int64  `json:"exp"`
			SessionID string `json:"sid"`
			Seq       int64  `json:"seq"`
			Prev      int64  `json:"prev"`
		}{text, subject.String(), text, text, at.Unix(), until.Unix(), session.String(), 1 << 60, -1})
		require.NoError(t, err)
		got := refreshClaims{
			issuer: text, subject: subject, clientID: text, issuedAt: at, expiresAt: until, sessionID: session, seq: 1 << 60, prev: -1,
		}.appendTo(nil)
		require.Equal(t, string(want), string(got))
	}
}

func TestMembersOfTheMetadataFollowTheClaims(t *testing.T) {
	got := accessClaims{extra: []extraClaim{{"tier", json.RawMessage(`"gold"`)}, {"limits", json.RawMessage(`{"a": [1, null]}`)}}}.appendTo([]byte("x"))
	require.True(t, strings.HasPrefix(string(got), `x{"iss":""`))
	var all map[string]any
	require.NoError(t, json.Unmarshal(got[1:], &all))
	require.Equal(t, "gold", all["tier"])
	require.Equal(t, map[string]any{"a": []any{1.0, nil}}, all["limits"])
	require.NotContains(t, all, "roles")
}

// A buffer that went back holds nothing of the token that was put together in
// it.
func TestABufferThatWentBackIsEmpty(t *testing.T) {
	b := takeBuffer()
	*b = append(*b, "secret"...)
	giveBuffer(b)
	for _, c := range (*b)[:cap(*b)] {
		require.Zero(t, c)
	}
}

func TestJitterShortensAccessTokensByItsShareAtMost(t *testing.T) {
	t.Parallel()
	p := Lifetimes{AccessTTL: 1000 * time.Second, AccessJitter: 0.2, MaxAge: time.Hour}
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for draw, want := range map[float64]time.Duration{0: 1000 * time.Second, 0.5: 900 * time.Second, 1: 800 * time.Second} {
		require.Equal(t, now.Add(want), p.accessEnd(now, now, draw))
	}
	require.Equal(t, now.Add(time.Minute), p.accessEnd(now.Add(time.Minute-p.MaxAge), now, 0.5), "and not beyond the end of the session")
	p.AccessJitter = 0
	require.Equal(t, now.Add(1000*time.Second), p.accessEnd(now, now, 1))
}

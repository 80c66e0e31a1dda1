package verify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// headerOf returns the encoded header of a token.
func headerOf(token string) string { return token[:strings.IndexByte(token, '.')] }

func TestAHeaderThatWasSeenIsHeldAgainstProfileAndKeyEachTime(t *testing.T) {
	for _, algorithm := range algorithms() {
		s := signers()[algorithm]
		token := s.good()
		_, err := profile().Check(t.Context(), token)
		require.NoError(t, err)
		require.True(t, verify.HeaderSeen(headerOf(token)))

		other := withID(signers()[verify.ES256].key, s.key.ID)
		if algorithm == verify.ES256 {
			other = withID(signers()[verify.EdDSA].key, s.key.ID)
		}
		for says, change := range map[string]func(*verify.Profile){
			"typ":         func(p *verify.Profile) { p.Type = verify.RefreshTokenType },
			"alg":         func(p *verify.Profile) { p.Algorithms = []string{"PS256"} },
			"unknown key": func(p *verify.Profile) { p.Keys = verify.Static(withID(s.key, "another")) },
			"of the key":  func(p *verify.Profile) { p.Keys = verify.Static(other) },
			"issuer":      func(p *verify.Profile) { p.Issuer = "https://other.example.com" },
			"audience":    func(p *verify.Profile) { p.Audience = "https://other.example.com" },
		} {
			p := profile()
			change(p)
			_, err := p.Check(t.Context(), token)
			require.ErrorIs(t, err, verify.ErrInvalid, says)
			require.ErrorContains(t, err, says)
		}
	}
}

func withID(k verify.Key, id string) verify.Key {
	k.ID = id
	return k
}

// A header that is written in another way than ours is read like any other, and
// so is one that is a beginning of ours, or goes on after it.
func TestNoHeaderPassesForOneThatWasSeen(t *testing.T) {
	s := signers()[verify.HS256]
	token := s.good()
	_, err := profile().Check(t.Context(), token)
	require.NoError(t, err)
	header, rest := headerOf(token), token[strings.IndexByte(token, '.'):]
	refused(t, header[:len(header)-4]+rest, "header")
	refused(t, header+"IA"+rest, "header") // goes on after the closing brace
	refused(t, header+"A"+rest, "header")
	spaced := s.signText(`{ "typ":"application/at+jwt", "kid":"hs-1", "alg":"HS256", "cty":"x" }`, `{"iss":"x"}`)
	refused(t, spaced, "no sub") // read, and refused for its claims
	refused(t, s.signText(`{"alg":"HS256","kid":"hs-1","typ":"at+jwt","crit":["x"]}`, `{}`), "crit")
}

func TestOnlyHeadersOfGoodSignaturesAreRememberedAndNoMoreThanSixteen(t *testing.T) {
	s := signers()[verify.HS256]
	var last string
	for i := range 40 {
		key := withID(s.key, fmt.Sprintf("many-%d", i))
		p := profile()
		p.Keys = verify.Static(key)
		token := signer{key, s.private}.good()
		_, err := p.Check(t.Context(), token[:len(token)-8]+"AAAAAAAA")
		require.ErrorIs(t, err, verify.ErrInvalid)
		require.False(t, verify.HeaderSeen(headerOf(token)), "its signature is no good")
		_, err = p.Check(t.Context(), token)
		require.NoError(t, err)
		require.True(t, verify.HeaderSeen(headerOf(token)))
		require.LessOrEqual(t, verify.HeadersSeen(), 16)
		last = token
	}
	_, err := profile().Check(t.Context(), s.good())
	require.NoError(t, err, "one that was pushed out is read again")
	require.True(t, verify.HeaderSeen(headerOf(last)))
}

// The claims that Parse gives are those that Check gives as text.
func TestParseGivesTheClaimsThatCheckGives(t *testing.T) {
	s := signers()[verify.HS256]
	token := s.sign(s.header(nil), claims(map[string]any{"seq": 7, "prev": -1, "half": 1.5, "nick": "名\"<"}))
	used := errors.New("used")
	require.ErrorIs(t, profile().Parse(t.Context(), token, func(payload verify.Payload) error {
		checkPayload(t, payload)
		return used
	}), used, "the error is that of the function")
	err := profile().Parse(t.Context(), token[:len(token)-4]+"AAAA", func(verify.Payload) error {
		t.Error("a payload without a signature is not used")
		return nil
	})
	require.ErrorIs(t, err, verify.ErrInvalid)
}

func checkPayload(t *testing.T, payload verify.Payload) {
	t.Helper()
	for name, want := range map[string]string{"sub": "user-1", "iss": issuer, "nick": "名\"<"} {
		got, ok := payload.Text(name)
		require.True(t, ok, name)
		require.Equal(t, want, got)
		raw, ok := payload.Bytes(name)
		require.True(t, ok, name)
		require.Equal(t, want, string(raw))
	}
	for name, want := range map[string]int64{"seq": 7, "prev": -1, "exp": now.Unix() + 3600} {
		got, ok := payload.Integer(name)
		require.True(t, ok, name)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"none", "SEQ", "half", "sub", "roles"} {
		_, ok := payload.Integer(name)
		require.False(t, ok, name)
	}
	for _, name := range []string{"none", "SUB", "seq", "roles"} {
		_, ok := payload.Text(name)
		require.False(t, ok, name)
		_, ok = payload.Bytes(name)
		require.False(t, ok, name)
	}
}

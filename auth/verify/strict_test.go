package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// The first tests are what golang-jwt v5.3.1 was found to accept.

func TestAnUnknownCriticalHeaderIsRefused(t *testing.T) {
	s := signers()[verify.ES256]
	for _, crit := range []any{[]string{"exp"}, []string{"b64"}, []string{}, "b64", true} {
		refused(t, s.sign(s.header(map[string]any{"crit": crit}), claims(nil)), "crit is not allowed")
	}
	refused(t, s.sign(s.header(map[string]any{"b64": false}), claims(nil)), "b64 is not allowed")
	refused(t, s.sign(s.header(map[string]any{"CRIT": []string{"exp"}}), claims(nil)), "crit is not allowed")
}

func TestALineBreakInAnySegmentIsRefused(t *testing.T) {
	s := signers()[verify.ES256]
	for _, lineBreak := range []string{"\n", "\r", "\r\n"} {
		parts := strings.Split(s.good(), ".")
		parts[2] = parts[2][:20] + lineBreak + parts[2][20:]
		refused(t, strings.Join(parts, "."), "line break")

		header, payload := b64(`{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`), b64(`{}`)
		refused(t, s.signSegments(header[:8]+lineBreak+header[8:], payload), "line break")
		refused(t, s.signSegments(header, payload+lineBreak), "line break")
	}
}

func TestUnusedBitsOfTheLastCharacterMustBeZero(t *testing.T) {
	// 64 bytes of signature leave 4 unused bits in the last character.
	token := signers()[verify.ES256].good()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	require.Zero(t, last%16)
	for other := last + 1; other < last+16; other++ {
		refused(t, token[:len(token)-1]+alphabet[other:other+1], "base64url")
	}
}

func TestPaddingAndTheOtherBase64AlphabetAreRefused(t *testing.T) {
	s := signers()[verify.HS256]
	token := s.good()
	refused(t, token+"=", "base64url")
	refused(t, token+"==", "base64url")
	refused(t, s.signSegments(base64.URLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"hs-1","typ":"at+jwt"} `)), b64("{}")), "base64url")
	for _, c := range []string{"+", "/", " ", "\t", "\x00", "é", "%2d"} {
		refused(t, token[:len(token)-3]+c+token[len(token)-2:], "base64url")
	}
}

func TestTheECDSATwinIsAcceptedAsTheSameToken(t *testing.T) {
	// (r, n−s) verifies wherever (r, s) does, and Go signs with either half, so
	// that the high ones cannot be refused. Nothing may therefore take a token's
	// text for its identity: the twin is one more entry in the cache, and replay
	// of refresh tokens is judged by sid, seq and prev.
	token := signers()[verify.ES256].good()
	parts := strings.Split(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	twin := parts[0] + "." + parts[1] + "." + b64(string(signature))
	require.NotEqual(t, token, twin)

	v := verifier()
	first, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	second, err := v.Verify(t.Context(), twin)
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestClaimNamesMatchInTheirExactCaseOnly(t *testing.T) {
	s := signers()[verify.ES256]
	for name, right := range map[string]string{
		"SUB": "sub", "Exp": "exp", "ISS": "iss", "AUD": "aud", "Sid": "sid", "roleS": "roles", "CLIENT_ID": "client_id",
		"Seq": "seq", "PREV": "prev", "\u017fub": "sub", // encoding/json folds the long s, too
	} {
		changed := claims(map[string]any{right: nil})
		changed[name] = claims(nil)[right]
		refused(t, s.sign(s.header(nil), changed), "is spelt like "+right)
	}
	refused(t, s.sign(s.header(nil), claims(map[string]any{"SUB": "admin"})), "two spellings")
}

func TestDuplicateMembersAreRefused(t *testing.T) {
	s := signers()[verify.ES256]
	header := `{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`
	base := `"iss":"` + issuer + `","aud":"` + audience + `","exp":1900000000,"iat":1,"jti":"j","sid":"s","client_id":"c"`
	require.NotEmpty(t, accepted(t, s.signText(header, `{"sub":"user-1",`+base+`}`)))
	for _, payload := range []string{
		`{"sub":"user-1","sub":"user-2",` + base + `}`,
		`{"sub":"user-1",` + base + `,"sub":"user-1"}`,
		`{"sub":"user-1","s\u0075b":"user-2",` + base + `}`,
		`{"sub":"user-1","x":{"a":1,"a":2},` + base + `}`,
		`{"sub":"user-1","x":[[{"a":1,"b":{},"A":2}]],` + base + `}`,
	} {
		refused(t, s.signText(header, payload), "twice")
	}
	refused(t, s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt","kid":"es-1"}`, `{"sub":"user-1",`+base+`}`), "header")
	refused(t, s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt","KID":"x"}`, `{"sub":"user-1",`+base+`}`), "header")
}

func TestTimesAreWholeSecondsAndNothingElse(t *testing.T) {
	s := signers()[verify.ES256]
	payload := func(exp string) string {
		return `{"sub":"u","iss":"` + issuer + `","aud":"` + audience + `","exp":` + exp + `,"iat":1,"jti":"j","sid":"s","client_id":"c"}`
	}
	header := `{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`
	require.NotEmpty(t, accepted(t, s.signText(header, payload("1900000000"))))
	for _, exp := range []string{
		`"1900000000"`, `0`, `-1`, `1.9e9`, `1900000000.5`, `1e400`, `99999999999999999999`,
		`253402300800`, `null`, `true`, `[]`, `{}`, `""`,
	} {
		refused(t, s.signText(header, payload(exp)), "exp")
	}
	for _, name := range []string{"iat", "nbf"} {
		for _, value := range []any{"1", 0, -5, 1.5, true, []int{1}} {
			refused(t, s.sign(s.header(nil), claims(map[string]any{name: value})), name)
		}
	}
}

func TestATokenWithoutExpIsRefused(t *testing.T) {
	s := signers()[verify.ES256]
	refused(t, s.sign(s.header(nil), claims(map[string]any{"exp": nil})), "no exp")
}

func TestClaimsOfAnotherTypeAreRefused(t *testing.T) {
	s := signers()[verify.ES256]
	for _, name := range []string{"iss", "sub", "jti", "client_id", "sid"} {
		for _, value := range []any{1, true, "", []string{"x"}, map[string]any{}, new(*int)} {
			refused(t, s.sign(s.header(nil), claims(map[string]any{name: value})), name)
		}
	}
	for _, value := range []any{1, "", []any{}, []any{audience, 1}, []any{audience, nil}, []any{audience, ""}, map[string]any{audience: 1}} {
		refused(t, s.sign(s.header(nil), claims(map[string]any{"aud": value})), "aud")
	}
	for _, value := range []any{"admin", 1, []any{1}, []any{nil}, map[string]any{}} {
		_, err := verifier().Verify(t.Context(), s.sign(s.header(nil), claims(map[string]any{"roles": value})))
		require.ErrorIs(t, err, verify.ErrInvalid)
	}
}

func TestEveryClaimOfAnAccessTokenIsNeeded(t *testing.T) {
	s := signers()[verify.ES256]
	for _, name := range []string{"iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid"} {
		refused(t, s.sign(s.header(nil), claims(map[string]any{name: nil})), "no "+name)
	}
}

func TestMalformedTokensAreRefused(t *testing.T) {
	s := signers()[verify.ES256]
	good := s.good()
	parts := strings.Split(good, ".")
	for _, token := range []string{
		".", "..", "...", "a", "a.b", "a.b.c", "e30.e30.e30", good + ".", "." + good, good + ".e30.e30",
		" " + good, good + " ", "Bearer " + good, parts[0] + "." + parts[1], parts[0] + "." + parts[1] + ".",
		parts[0] + "..", ".." + parts[2], strings.ToUpper(good), good[:len(good)-1], good + "A",
		`{"payload":"` + parts[1] + `","signatures":[]}`,
	} {
		refused(t, token, "")
	}
	for _, payload := range []string{``, `null`, `[]`, `"x"`, `1`, `{`, `{}x`, `{} {}`, `{"a":1,}`, `{'a':1}`, "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}"} {
		refused(t, s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`, payload), "payload")
		refused(t, s.signText(payload, `{}`), "header")
	}
	deep := strings.Repeat(`{"a":`, 20) + `1` + strings.Repeat(`}`, 20)
	refused(t, s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`, deep), "deep")
	refused(t, s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`, `{"a":`+strings.Repeat(`[`, 20)+strings.Repeat(`]`, 20)+`}`), "deep")
}

func TestAnOversizedTokenIsRefusedUnread(t *testing.T) {
	s := signers()[verify.HS256]
	fits := s.sign(s.header(nil), claims(map[string]any{"pad": strings.Repeat("x", 4000)}))
	require.Less(t, len(fits), verify.MaxTokenSize)
	require.NotEmpty(t, accepted(t, fits))
	refused(t, s.sign(s.header(nil), claims(map[string]any{"pad": strings.Repeat("x", verify.MaxTokenSize)})), "longer than")
}

func TestAnEmptyTokenIsMissing(t *testing.T) {
	_, err := profile().Check(t.Context(), "")
	require.ErrorIs(t, err, verify.ErrMissing)
	_, err = verifier().Verify(t.Context(), "")
	require.ErrorIs(t, err, verify.ErrMissing)
}

func TestASignatureOverAnotherTextIsRefused(t *testing.T) {
	for _, algorithm := range algorithms() {
		s := signers()[algorithm]
		parts := strings.Split(s.good(), ".")
		other := strings.Split(s.sign(s.header(nil), claims(map[string]any{"sub": "user-2"})), ".")
		refused(t, parts[0]+"."+other[1]+"."+parts[2], "signature")
		refused(t, parts[0]+"."+parts[1]+".", "signature")
		for i := range 8 {
			signature, err := base64.RawURLEncoding.DecodeString(parts[2])
			require.NoError(t, err)
			signature[i*len(signature)/8] ^= 1 << i
			refused(t, parts[0]+"."+parts[1]+"."+b64(string(signature)), "signature")
		}
	}
}

func TestExpiryIsExactToTheSecondAndTheLeeway(t *testing.T) {
	s := signers()[verify.ES256]
	token := s.sign(s.header(nil), claims(map[string]any{"exp": now.Unix(), "nbf": now.Unix() - 100}))
	at := func(offset, leeway time.Duration) error {
		p := profile()
		p.Leeway, p.Now = leeway, func() time.Time { return now.Add(offset) }
		_, err := p.Check(t.Context(), token)
		return err
	}
	require.NoError(t, at(-time.Nanosecond, 0))
	require.ErrorIs(t, at(0, 0), verify.ErrExpired)
	require.NoError(t, at(59*time.Second, time.Minute))
	require.ErrorIs(t, at(time.Minute, time.Minute), verify.ErrExpired)
	require.NotErrorIs(t, at(0, 0), verify.ErrInvalid)

	require.NoError(t, at(-100*time.Second, 0))
	require.ErrorIs(t, at(-101*time.Second, 0), verify.ErrInvalid)
	require.NoError(t, at(-101*time.Second, time.Second))
}

func TestAnExpiredForgeryIsInvalidAndNotExpired(t *testing.T) {
	// Otherwise anybody could make a client refresh, or learn what we know.
	s := signers()[verify.ES256]
	token := s.sign(s.header(nil), claims(map[string]any{"exp": now.Unix() - 1}))
	_, err := profile().Check(t.Context(), token)
	require.ErrorIs(t, err, verify.ErrExpired)
	refused(t, token[:len(token)-40]+strings.Repeat("A", 40), "signature")
}

func TestATokenOfAPodWhoseClockIsAheadIsAccepted(t *testing.T) {
	s := signers()[verify.ES256]
	require.NotEmpty(t, accepted(t, s.sign(s.header(nil), claims(map[string]any{"iat": now.Unix() + 2}))))
}

func TestAnAudienceMayBeOneOfSeveral(t *testing.T) {
	s := signers()[verify.ES256]
	got := accepted(t, s.sign(s.header(nil), claims(map[string]any{"aud": []string{"https://other.example.com", audience}})))
	require.Equal(t, []string{"https://other.example.com", audience}, got.Audience)
}

func TestOtherClaimsAreHandedOnWithoutLoss(t *testing.T) {
	s := signers()[verify.ES256]
	payload := `{"sub":"u\u00e9\ud83d\ude00","iss":"` + issuer + `","aud":"` + audience + `","exp":1900000000,"iat":1,"jti":"j",` +
		`"sid":"s","client_id":"c","big":9007199254740993,"nested":{"a":[1,"x",null,true]},"none":null}`
	got := accepted(t, s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`, payload))
	require.Equal(t, "ué😀", got.Subject)
	require.Equal(t, "9007199254740993", got.Extra["big"].(interface{ String() string }).String())
	require.Len(t, got.Extra, 3)
	require.Nil(t, got.Roles)
}

func TestCheckReturnsThePayloadAsItWasSigned(t *testing.T) {
	s := signers()[verify.ES256]
	payload := "{ \"iss\":\"" + issuer + "\",\t\"aud\":\"" + audience + "\",\"exp\":1900000000,\n\"sub\":\"u\",\"client_id\":\"c\",\"iat\":1,\"jti\":\"j\",\"sid\":\"s\" }"
	got, err := profile().Check(t.Context(), s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`, payload))
	require.NoError(t, err)
	require.Equal(t, payload, string(got))
}

func TestAnIncompletePolicyAcceptsNothing(t *testing.T) {
	token := signers()[verify.ES256].good()
	for i, change := range []func(*verify.Profile){
		func(p *verify.Profile) { p.Type = "" },
		func(p *verify.Profile) { p.Issuer = "" },
		func(p *verify.Profile) { p.Audience = "" },
		func(p *verify.Profile) { p.Keys = nil },
		func(p *verify.Profile) { p.Leeway = -1 },
		func(p *verify.Profile) { p.Leeway = time.Hour },
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			p := profile()
			change(p)
			_, err := p.Check(t.Context(), token)
			require.Error(t, err)
			require.Equal(t, "internal", verify.Code(err), "a mistake in the program logs nobody out")
		})
	}
	require.Panics(t, func() { verify.New("", audience, allKeys()) })
	require.Panics(t, func() { verify.New(issuer, "", allKeys()) })
	require.Panics(t, func() { verify.New(issuer, audience, nil) })
}

func TestAKeySourceThatDoesNotValidateIsHeldToTheRules(t *testing.T) {
	// A P-384 key under ES256: golang-jwt would use it.
	s := signers()[verify.ES256]
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	weak := s.key
	weak.Public = &private.PublicKey
	p := profile()
	p.Keys = sourceFunc(func(string) (verify.Key, error) { return weak, nil })
	_, err = p.Check(t.Context(), s.good())
	require.Equal(t, "internal", verify.Code(err))
}

// accepted asserts that a token passes and returns its claims.
func accepted(t *testing.T, token string) *verify.Claims {
	t.Helper()
	_, err := profile().Check(t.Context(), token)
	require.NoError(t, err)
	got, err := verifier().Verify(t.Context(), token)
	require.NoError(t, err)
	return got
}

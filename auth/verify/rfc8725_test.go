package verify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// RFC 8725, "JSON Web Token Best Current Practices", section by section.

type sourceFunc func(kid string) (verify.Key, error)

func (f sourceFunc) Key(_ context.Context, kid string) (verify.Key, error) { return f(kid) }

func TestRFC8725Section3_1TheAlgorithmIsTheOneOfTheKey(t *testing.T) {
	t.Run("none is never accepted", func(t *testing.T) {
		for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
			for _, s := range signers() {
				header := `{"alg":"` + none + `","kid":"` + s.key.ID + `","typ":"at+jwt"}`
				parts := strings.Split(s.good(), ".")
				refused(t, b64(header)+"."+parts[1]+".", "alg")
				refused(t, b64(header)+"."+parts[1]+"."+parts[2], "alg")
			}
		}
	})
	t.Run("a public key is never an HMAC secret", func(t *testing.T) {
		for _, algorithm := range []string{verify.RS256, verify.ES256, verify.EdDSA} {
			s := signers()[algorithm]
			der, err := x509.MarshalPKIXPublicKey(s.key.Public)
			require.NoError(t, err)
			for _, secret := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})} {
				forger := signer{key: verify.Key{ID: s.key.ID, Algorithm: verify.HS256}, private: secret}
				refused(t, forger.good(), "alg is not the one of the key")
			}
		}
	})
	t.Run("a key works with no other algorithm", func(t *testing.T) {
		s := signers()[verify.RS256]
		for _, algorithm := range []string{"PS256", "RS384", "RS512", "PS512", "ES256", "HS256", "EdDSA", "rs256"} {
			token := s.good()
			if method := jwt.GetSigningMethod(algorithm); strings.HasPrefix(algorithm, "PS") || strings.HasPrefix(algorithm, "RS") {
				signed := b64(`{"alg":"`+algorithm+`","kid":"rs-1","typ":"at+jwt"}`) + "." + strings.Split(token, ".")[1]
				signature, err := method.Sign(signed, s.private)
				require.NoError(t, err)
				refused(t, signed+"."+b64(string(signature)), "alg is not the one of the key")
				continue
			}
			refused(t, s.sign(s.header(map[string]any{"alg": algorithm}), claims(nil)), "alg is not the one of the key")
		}
	})
	t.Run("alg must be a text", func(t *testing.T) {
		s := signers()[verify.ES256]
		for _, alg := range []any{nil, 1, true, []string{"ES256"}, map[string]any{}} {
			refused(t, s.sign(s.header(map[string]any{"alg": alg}), claims(nil)), "alg")
		}
	})
	t.Run("a verifier may narrow the algorithms further", func(t *testing.T) {
		p := profile()
		p.Algorithms = []string{verify.EdDSA}
		_, err := p.Check(t.Context(), signers()[verify.EdDSA].good())
		require.NoError(t, err)
		_, err = p.Check(t.Context(), signers()[verify.ES256].good())
		require.ErrorIs(t, err, verify.ErrInvalid)
		_, err = verifier(verify.WithAlgorithms(verify.EdDSA)).Verify(t.Context(), signers()[verify.ES256].good())
		require.ErrorIs(t, err, verify.ErrInvalid)
	})
}

func TestRFC8725Section3_2OnlyAppropriateAlgorithmsExist(t *testing.T) {
	s := signers()[verify.RS256]
	for _, algorithm := range []string{"none", "HS1", "RS1", "HS384", "RS512", "PS256", "ES256K", "ES384", "RSA1_5", "dir", ""} {
		require.Error(t, verify.Key{ID: "k", Algorithm: algorithm, Public: s.key.Public}.Validate(), algorithm)
	}
}

func TestRFC8725Section3_3EveryCryptographicOperationIsValidated(t *testing.T) {
	for _, algorithm := range algorithms() {
		s := signers()[algorithm]
		parts := strings.Split(s.good(), ".")
		for _, signature := range []string{"", "A", "AA", b64(strings.Repeat("\x00", 64)), b64(strings.Repeat("\x00", 32)), b64(strings.Repeat("\x00", 256)), b64(strings.Repeat("\xff", 64))} {
			refused(t, parts[0]+"."+parts[1]+"."+signature, "signature")
		}
		// One of several keys is not enough: it must be the key that is named.
		for _, other := range algorithms() {
			if other != algorithm {
				refused(t, s.sign(s.header(map[string]any{"kid": signers()[other].key.ID, "alg": other}), claims(nil)), "signature")
			}
		}
	}
}

func TestRFC8725Section3_4CryptographicInputsAreValidated(t *testing.T) {
	p256 := elliptic.P256().Params()
	ec := func(x, y *big.Int) verify.Key {
		public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}
		return verify.Key{ID: "k", Algorithm: verify.ES256, Public: public}
	}
	good, ok := signers()[verify.ES256].key.Public.(*ecdsa.PublicKey)
	require.True(t, ok)
	point, err := good.Bytes()
	require.NoError(t, err)
	x, y := new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
	require.NoError(t, ec(x, y).Validate())
	require.Error(t, ec(new(big.Int), new(big.Int)).Validate(), "infinity")
	require.Error(t, ec(x, new(big.Int).Add(y, big.NewInt(1))).Validate(), "not on the curve")
	require.Error(t, ec(new(big.Int).Add(x, p256.P), y).Validate(), "not reduced")
	require.Error(t, ec(new(big.Int).Neg(x), y).Validate(), "negative")

	t.Run("an Ed25519 key for which anybody can sign is refused", func(t *testing.T) {
		for _, text := range []string{
			"0000000000000000000000000000000000000000000000000000000000000000",
			"0000000000000000000000000000000000000000000000000000000000000080",
			"0100000000000000000000000000000000000000000000000000000000000000",
			"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
			"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
			"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
			"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
			"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
			"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
			"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		} {
			public, err := hex.DecodeString(text)
			require.NoError(t, err)
			require.ErrorContains(t, verify.Key{ID: "k", Algorithm: verify.EdDSA, Public: ed25519.PublicKey(public)}.Validate(), "small order", text)
			require.True(t, forgeable(public), "%s is on the list without reason", text)
		}
	})
	require.Error(t, verify.Key{ID: "k", Algorithm: verify.EdDSA, Public: ed25519.PublicKey(make([]byte, 31))}.Validate())
	require.Error(t, verify.Key{ID: "k", Algorithm: verify.EdDSA, Public: ed25519.PublicKey(nil)}.Validate())

	rs, ok := signers()[verify.RS256].key.Public.(*rsa.PublicKey)
	require.True(t, ok)
	for _, e := range []int{-1, 0, 1, 2, 65536} {
		require.Error(t, verify.Key{ID: "k", Algorithm: verify.RS256, Public: &rsa.PublicKey{N: rs.N, E: e}}.Validate(), "e=%d", e)
	}
	for _, public := range []any{nil, (*ecdsa.PublicKey)(nil), (*rsa.PublicKey)(nil), "text", []byte("0123456789abcdef0123456789abcdef"), &rsa.PublicKey{}, &ecdsa.PublicKey{}} {
		for _, algorithm := range algorithms() {
			require.Error(t, verify.Key{ID: "k", Algorithm: algorithm, Public: public}.Validate(), "%s %T", algorithm, public)
		}
	}
}

// forgeable reports whether a signature made without the private key passes for
// one of a few messages: S = 0 and R one of the points of small order.
func forgeable(public ed25519.PublicKey) bool {
	var points [][]byte
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		point, err := hex.DecodeString(text)
		must(err)
		points = append(points, point)
	}
	for i := range 200 {
		message := sha512.Sum512([]byte{byte(i)})
		for _, point := range points {
			if ed25519.Verify(public, message[:], append(append([]byte{}, point...), make([]byte, 32)...)) {
				return true
			}
		}
	}
	return false
}

func TestRFC8725Section3_5KeysHaveEnoughEntropy(t *testing.T) {
	secret := func(s string) verify.Key {
		return verify.Key{ID: "k", Algorithm: verify.HS256, Public: verify.Secret(s)}
	}
	require.NoError(t, secret("0123456789abcdef0123456789abcdef").Validate())
	require.ErrorContains(t, secret("0123456789abcdef0123456789abcde").Validate(), "32 bytes")
	require.Error(t, secret("").Validate())
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	require.ErrorContains(t, verify.Key{ID: "k", Algorithm: verify.RS256, Public: &short.PublicKey}.Validate(), "2048")
}

func TestRFC8725Section3_6NothingIsDecompressed(t *testing.T) {
	// Encrypted tokens, where compression leaks, are not accepted at all, and a
	// signed one is read as it is.
	refused(t, "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIiwiemlwIjoiREVGIn0..AAAA.AAAA.AAAA", "not a compact JWS")
}

func TestRFC8725Section3_7TextIsUTF8(t *testing.T) {
	s := signers()[verify.ES256]
	var utf16be []byte
	for _, unit := range utf16.Encode([]rune(`{"sub":"x"}`)) {
		utf16be = append(utf16be, byte(unit>>8), byte(unit))
	}
	refused(t, s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`, string(utf16be)), "UTF-8")
	refused(t, s.signText(`{"alg":"ES256","kid":"es-1","typ":"at+jwt"}`, "{\"sub\":\"\xc3\x28\"}"), "UTF-8")
	refused(t, s.signText("{\"alg\":\"ES256\",\"kid\":\"\xff\",\"typ\":\"at+jwt\"}", "{}"), "UTF-8")
}

func TestRFC8725Section3_8IssuerAndSubjectAreValidated(t *testing.T) {
	s := signers()[verify.ES256]
	for _, iss := range []any{nil, "https://evil.example.com", issuer + "/", strings.ToUpper(issuer), " " + issuer, "", 1, []string{issuer}} {
		refused(t, s.sign(s.header(nil), claims(map[string]any{"iss": iss})), "iss")
	}
	for _, sub := range []any{nil, "", 1, []string{"user-1"}} {
		refused(t, s.sign(s.header(nil), claims(map[string]any{"sub": sub})), "sub")
	}
}

func TestRFC8725Section3_9TheAudienceIsValidated(t *testing.T) {
	s := signers()[verify.ES256]
	for _, aud := range []any{nil, "https://other.example.com", issuer, []string{"https://other.example.com"}, []string{}, audience + "/"} {
		refused(t, s.sign(s.header(nil), claims(map[string]any{"aud": aud})), "aud")
	}
}

func TestRFC8725Section3_10ReceivedClaimsAreNotTrusted(t *testing.T) {
	s := signers()[verify.ES256]
	t.Run("a key that the token brings or points to is refused", func(t *testing.T) {
		for _, name := range []string{"jku", "jwk", "x5u", "x5c", "JKU", "Jwk"} {
			refused(t, s.sign(s.header(map[string]any{name: "https://evil.example.com/keys"}), claims(nil)), "not allowed")
		}
	})
	t.Run("a kid is a name and nothing more", func(t *testing.T) {
		var asked []string
		p := profile()
		p.Keys = sourceFunc(func(kid string) (verify.Key, error) {
			asked = append(asked, kid)
			return verify.Key{}, verify.ErrUnknownKey
		})
		for _, kid := range []any{nil, "", 1, []string{"es-1"}, map[string]any{"a": 1}, strings.Repeat("k", 257)} {
			_, err := p.Check(t.Context(), s.sign(s.header(map[string]any{"kid": kid}), claims(nil)))
			require.ErrorIs(t, err, verify.ErrInvalid)
		}
		require.Empty(t, asked)
		for _, kid := range []string{"../../etc/passwd", "' OR 1=1 --", "\x00", "es-1\n"} {
			_, err := p.Check(t.Context(), s.sign(s.header(map[string]any{"kid": kid}), claims(nil)))
			require.ErrorIs(t, err, verify.ErrInvalid)
			require.ErrorIs(t, err, verify.ErrUnknownKey)
			require.NotContains(t, err.Error(), kid)
		}
		require.Equal(t, []string{"../../etc/passwd", "' OR 1=1 --", "\x00", "es-1\n"}, asked)
	})
	t.Run("a source that gives another key than was asked for is not believed", func(t *testing.T) {
		p := profile()
		p.Keys = sourceFunc(func(string) (verify.Key, error) { return s.key, nil })
		_, err := p.Check(t.Context(), s.sign(s.header(map[string]any{"kid": "other"}), claims(nil)))
		require.ErrorIs(t, err, verify.ErrInvalid)
	})
}

func TestRFC8725Section3_11TheTypeIsExplicit(t *testing.T) {
	s := signers()[verify.ES256]
	for _, typ := range []any{nil, "", "JWT", "jwt", "AT+JWT", "at+jwt ", "application/AT+JWT", "application/application/at+jwt", "text/at+jwt", "/at+jwt", "rt+jwt", "logout+jwt", 1, []string{"at+jwt"}} {
		refused(t, s.sign(s.header(map[string]any{"typ": typ}), claims(nil)), "typ")
	}
	// RFC 9068 section 4 wants both accepted.
	accepted(t, s.sign(s.header(map[string]any{"typ": "application/at+jwt"}), claims(nil)))
}

func TestRFC8725Section3_12KindsOfTokensExcludeOneAnother(t *testing.T) {
	// Even were both kinds signed with one key for one audience.
	s := signers()[verify.HS256]
	access, refresh := s.good(), s.sign(s.header(map[string]any{"typ": verify.RefreshTokenType}), claims(map[string]any{"seq": 1, "prev": 0}))
	refreshProfile := profile()
	refreshProfile.Type = verify.RefreshTokenType
	refreshProfile.RequiredClaims = []string{"sub", "sid", "seq", "prev"}

	_, err := refreshProfile.Check(t.Context(), refresh)
	require.NoError(t, err)
	refused(t, refresh, "typ is not at+jwt")
	_, err = refreshProfile.Check(t.Context(), access)
	require.ErrorIs(t, err, verify.ErrInvalid)
	for _, name := range refreshProfile.RequiredClaims {
		_, err := refreshProfile.Check(t.Context(), s.sign(s.header(map[string]any{"typ": verify.RefreshTokenType}), with(claims(map[string]any{"seq": 1, "prev": 0}), map[string]any{name: nil})))
		require.ErrorIs(t, err, verify.ErrInvalid, name)
	}
}

package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// The vectors of RFC 6979 appendix A.2.5 for SHA-256.
func TestES256SignsWithTheNonceOfRFC6979(t *testing.T) {
	private, err := hex.DecodeString("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	require.NoError(t, err)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), private)
	require.NoError(t, err)
	for text, want := range map[string]string{
		"sample": "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		"test":   "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
	} {
		signature, err := signES256(nil, key, []byte(text))
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(signature), text)
	}
}

// One number in 128 begins with a zero byte, which its ASN.1 leaves out.
func TestES256NumbersHaveTheirFullLength(t *testing.T) {
	k, err := GenerateKey(verify.ES256, time.Time{})
	require.NoError(t, err)
	short := 0
	for i := range 1000 {
		text := strconv.Itoa(i)
		signature, err := k.signature(nil, []byte(text))
		require.NoError(t, err)
		require.Len(t, signature, 64)
		if signature[0] == 0 || signature[32] == 0 {
			short++
			require.NoError(t, jwt.SigningMethodES256.Verify(text, signature, k.public().Public))
		}
	}
	require.Positive(t, short)
}

// The key and the signing input of RFC 7515 appendix A.1.
func TestHS256SignsLikeTheExampleOfRFC7515(t *testing.T) {
	secret, err := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	require.NoError(t, err)
	k, err := newSigningKey("example", secret, time.Time{})
	require.NoError(t, err)
	signature, err := k.signature(nil, []byte("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"))
	require.NoError(t, err)
	require.Equal(t, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", base64.RawURLEncoding.EncodeToString(signature))
}

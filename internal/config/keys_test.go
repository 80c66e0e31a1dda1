package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/stretchr/testify/require"
)

func TestASecretInsteadOfAKeyFileIsEnoughFrom32BytesOn(t *testing.T) {
	goodEnvironment(t)
	unset(t, "ACCESS_KEYS")
	unset(t, "REFRESH_KEYS")
	a, b := strong, strings.ToLower(strong)
	set(t, "ACCESS_SECRET", a)
	set(t, "REFRESH_SECRET", b)
	c, err := startUp(t)
	require.NoError(t, err)
	access, refresh, err := c.Keys()
	require.NoError(t, err)
	require.Equal(t, "HS256", access.Signer(time.Now()).Algorithm)
	require.NotEqual(t, access.Signer(time.Now()).ID, refresh.Signer(time.Now()).ID)
	again, _, err := c.Keys()
	require.NoError(t, err)
	require.Equal(t, access.Signer(time.Now()).ID, again.Signer(time.Now()).ID, "every pod names the key alike")

	set(t, "REFRESH_SECRET", a)
	refuses(t, "REFRESH_SECRET", "another", a)
	set(t, "REFRESH_SECRET", b)
	set(t, "ACCESS_KEYS", "/some/file.jwks")
	refuses(t, "ACCESS_KEYS", "WUGAN_ACCESS_SECRET: expected one of them", a)
}

func TestKeyFilesThatAreWeakMixedUpOrNoKeysAreRefusedWithoutAWordOfThem(t *testing.T) {
	privateJWK := func(t *testing.T, key any) string {
		t.Helper()
		jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
			Marshal: jwkset.JWKMarshalOptions{Private: true}, Metadata: jwkset.JWKMetadataOptions{KID: "mine"},
		})
		require.NoError(t, err)
		text, err := json.Marshal(map[string]any{"keys": []any{jwk.Marshal()}})
		require.NoError(t, err)
		return string(text)
	}
	octet := func(id string, secret []byte) string {
		return `{"kty":"oct","kid":"` + id + `","k":"` + base64.RawURLEncoding.EncodeToString(secret) + `"}`
	}
	weakRSA, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	good := keySet(t, "ES256")
	private, err := good.Private()
	require.NoError(t, err)
	public, err := good.Public()
	require.NoError(t, err)
	secretBytes := []byte("0123456789abcdef0123456789abcdef")
	for name, x := range map[string]struct{ text, expected string }{
		"no JSON":                  {"hunter2hunter2", "not a JWK Set"},
		"a PEM file":               {"-----BEGIN EC PRIVATE KEY-----\nhunter2hunter2\n", "not a JWK Set"},
		"another JSON":             {`{"kty":"oct","k":"hunter2hunter2"}`, "empty"},
		"no keys":                  {`{"keys":[]}`, "empty"},
		"public keys":              {string(public), "not a private key"},
		"a secret under 32 bytes":  {`{"keys":[` + octet("mine", secretBytes[:31]) + `]}`, "32 bytes"},
		"RSA of 1024 bits":         {privateJWK(t, weakRSA), "2048"},
		"another curve":            {privateJWK(t, p384), "P-256"},
		"no kid":                   {`{"keys":[` + octet("", secretBytes) + `]}`, "no kid"},
		"two keys of one id":       {`{"keys":[` + octet("mine", secretBytes) + `,` + octet("mine", []byte(adminKey)) + `]}`, "two keys have the id"},
		"one key under two ids":    {`{"keys":[` + octet("a", secretBytes) + `,` + octet("b", secretBytes) + `]}`, "the same key"},
		"another algorithm":        {strings.Replace(string(private), `"ES256"`, `"RS256"`, 1), "alg"},
		"for encryption":           {strings.Replace(string(private), `"sig"`, `"enc"`, 1), "use"},
		"a line break in the name": {`{"keys":[{"kty":"oct","kid":"a\nb","k":"aHVudGVyMmh1bnRlcjI"}]}`, `a\nb`},
		"a broken number":          {`{"keys":[{"kty":"EC","crv":"P-256","kid":"mine","x":"hunter2!","y":"hunter2!","d":"hunter2!"}]}`, "32 bytes each"},
	} {
		t.Run(name, func(t *testing.T) {
			goodEnvironment(t)
			path := filepath.Join(t.TempDir(), "access.jwks")
			require.NoError(t, os.WriteFile(path, []byte(x.text), 0o600))
			set(t, "ACCESS_KEYS", path)
			refuses(t, "ACCESS_KEYS", x.expected, "hunter2", base64.RawURLEncoding.EncodeToString(secretBytes[:16]))
		})
	}

	t.Run("an access key that also is a refresh key, under another name", func(t *testing.T) {
		goodEnvironment(t)
		folder := t.TempDir()
		for file, id := range map[string]string{"access.jwks": "a", "refresh.jwks": "b"} {
			require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(`{"keys":[`+octet(id, secretBytes)+`]}`), 0o600))
		}
		set(t, "ACCESS_KEYS", filepath.Join(folder, "access.jwks"))
		set(t, "REFRESH_KEYS", filepath.Join(folder, "refresh.jwks"))
		refuses(t, "REFRESH_KEYS", "other keys than for access tokens")
		require.NoError(t, os.WriteFile(filepath.Join(folder, "refresh.jwks"), []byte(`{"keys":[`+octet("a", []byte(adminKey))+`]}`), 0o600))
		refuses(t, "REFRESH_KEYS", "the same id")
	})
	t.Run("a file that others own", func(t *testing.T) {
		if os.Getuid() == 0 {
			// Root reads every file; a folder is what even root cannot read.
			goodEnvironment(t)
			set(t, "ACCESS_KEYS", t.TempDir())
			refuses(t, "ACCESS_KEYS", "is a directory")
			return
		}
		goodEnvironment(t)
		path := filepath.Join(t.TempDir(), "access.jwks")
		require.NoError(t, os.WriteFile(path, private, 0))
		set(t, "ACCESS_KEYS", path)
		refuses(t, "ACCESS_KEYS", "permission denied")
	})
}

func TestKeysOfOperatorsMustDiffer(t *testing.T) {
	goodEnvironment(t)
	set(t, "ADMIN_KEY", adminKey)
	set(t, "GATEWAY_KEY", adminKey)
	refuses(t, "GATEWAY_KEY", "another key than WUGAN_ADMIN_KEY", adminKey)
}

// Package standintest holds the mock server of every platform to what
// standin.Server promises, and asks one over plain HTTP, without the client that the
// service has for the platform.
package standintest

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

// Platform is how a test deals with the mock server of one platform.
type Platform struct {
	New func(standin.Options) (standin.Server, error)
	// Life is how long a code works.
	Life time.Duration
	// Login exchanges a code as the platform's documentation says, and returns the
	// user's id; "" if the code was refused.
	Login func(t *testing.T, app providers.App, code string) (subject string)
	// Offered are the kinds of codes besides standin.Login.
	Offered []standin.Kind
	// OneUser: an id is a user's in all apps, and a code that of no app.
	OneUser bool
}

// Run tests the mock server.
func Run(t *testing.T, p Platform) {
	t.Helper()
	key := sync.OnceValues(standin.NewKey)
	server, err := p.New(standin.Options{PlatformKey: key})
	require.NoError(t, err)
	base := Serve(t, server.Handler())
	first, err := server.NewApp("first", base)
	require.NoError(t, err)
	second, err := server.NewApp("second", base)
	require.NoError(t, err)
	code := func(app providers.App, user string) string {
		t.Helper()
		text, err := server.Code(standin.Login, app.ID, user)
		require.NoError(t, err)
		return text
	}

	once := code(first, "alice")
	alice := p.Login(t, first, once)
	require.NotEmpty(t, alice)
	require.Empty(t, p.Login(t, first, once), "a code works once")
	require.Equal(t, alice, p.Login(t, first, code(first, "alice")))
	require.NotEqual(t, alice, p.Login(t, first, code(first, "bob")))
	require.Empty(t, p.Login(t, first, "made-up"))
	require.Empty(t, p.Login(t, first, "dev:alice"), "not unless it is asked for")
	if !p.OneUser {
		require.NotEqual(t, alice, p.Login(t, second, code(second, "alice")), "an id is of one app")
		require.Empty(t, p.Login(t, second, code(first, "alice")), "and so is a code")
	}
	late := code(first, "alice")
	server.MoveClock(p.Life + time.Second)
	require.Empty(t, p.Login(t, first, late))

	for _, kind := range []standin.Kind{standin.PhoneNumber, standin.Guest} {
		_, err := server.Code(kind, first.ID, "alice")
		if slices.Contains(p.Offered, kind) {
			require.NoError(t, err, kind)
		} else {
			require.ErrorIs(t, err, standin.ErrNotOffered, kind)
		}
	}

	// The same app at another process, as its settings tell of it, and with codes for
	// a first try.
	other, err := p.New(standin.Options{PlatformKey: key, DevCodes: true})
	require.NoError(t, err)
	known, err := other.AddApp(first, Serve(t, other.Handler()))
	require.NoError(t, err)
	require.Equal(t, alice, p.Login(t, known, "dev:alice"))
	require.Equal(t, alice, p.Login(t, known, "dev:alice"), "as often as one likes")
	require.Empty(t, p.Login(t, known, "dev:"))
}

// Serve serves a handler until the test ends.
func Serve(t *testing.T, h http.Handler) (base string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// Get asks for JSON.
func Get(t *testing.T, url string) (status int, out map[string]any) {
	t.Helper()
	return ask(t, http.MethodGet, url, "", "")
}

// Post sends a body of a type; header are names and values of further fields.
func Post(t *testing.T, url, contentType, body string, header ...string) (status int, out map[string]any) {
	t.Helper()
	return ask(t, http.MethodPost, url, contentType, body, header...)
}

func ask(t *testing.T, method, url, contentType, body string, header ...string) (status int, out map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	_ = json.Unmarshal(text, &out) // some answers are no JSON
	return res.StatusCode, out
}

// Open decrypts what Encrypt of a mock server made, by AES-CBC with PKCS #7 padding to
// blocks of a size.
func Open(t *testing.T, sessionKey string, e standin.Encrypted, block int) []byte {
	t.Helper()
	decode := func(text string) []byte {
		raw, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		return raw
	}
	data := decode(e.Data)
	c, err := aes.NewCipher(decode(sessionKey))
	require.NoError(t, err)
	cipher.NewCBCDecrypter(c, decode(e.IV)).CryptBlocks(data, data)
	pad := int(data[len(data)-1])
	require.LessOrEqual(t, pad, block)
	return data[:len(data)-pad]
}

package interop_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/test/devserver"
)

func TestMain(m *testing.M) { devserver.Main(m) }

func TestOtherLibrariesVerifyOurTokens(t *testing.T) {
	for _, algorithm := range []string{verify.ES256, verify.EdDSA, verify.RS256} {
		t.Run(algorithm, func(t *testing.T) {
			server := devserver.Start(t, "WUGAN_ACCESS_KEYS="+devserver.Keys(t, algorithm))
			tokens := server.Login(t, "alice")
			address := server.URL + "/.well-known/jwks.json"
			tampered := strings.Replace(tokens.AccessToken, ".ey", ".eX", 1)

			t.Run("auth/verify", func(t *testing.T) {
				keys := verify.JWKS(address)
				defer keys.Close()
				v := verify.New(server.URL, server.URL, keys, verify.WithClientIDs(tokens.User.AppID))
				got, err := v.Verify(t.Context(), tokens.AccessToken)
				require.NoError(t, err)
				require.Equal(t, tokens.User.ID, got.Subject)
				require.NotEmpty(t, got.SessionID)
				require.WithinDuration(t, time.Now().Add(4*time.Hour), got.ExpiresAt, time.Minute)
				for _, wrong := range []string{tampered, tokens.RefreshToken} {
					_, err = v.Verify(t.Context(), wrong)
					require.ErrorIs(t, err, verify.ErrInvalid)
				}
			})
			t.Run("go-oidc", func(t *testing.T) {
				keys := oidc.NewRemoteKeySet(t.Context(), address)
				payload, err := keys.VerifySignature(t.Context(), tokens.AccessToken)
				require.NoError(t, err)
				require.Contains(t, string(payload), tokens.User.ID)
				_, err = keys.VerifySignature(t.Context(), tampered)
				require.Error(t, err)

				v := oidc.NewVerifier(server.URL, keys, &oidc.Config{ClientID: server.URL, SupportedSigningAlgs: []string{algorithm}})
				token, err := v.Verify(t.Context(), tokens.AccessToken)
				require.NoError(t, err)
				require.Equal(t, tokens.User.ID, token.Subject)
				_, err = v.Verify(t.Context(), tokens.RefreshToken)
				require.Error(t, err)
			})
			t.Run("jwx", func(t *testing.T) {
				keys, err := jwk.Fetch(t.Context(), address)
				require.NoError(t, err)
				options := []jwt.ParseOption{jwt.WithKeySet(keys), jwt.WithIssuer(server.URL), jwt.WithAudience(server.URL)}
				token, err := jwt.Parse([]byte(tokens.AccessToken), options...)
				require.NoError(t, err)
				subject, _ := token.Subject()
				require.Equal(t, tokens.User.ID, subject)
				message, err := jws.Parse([]byte(tokens.AccessToken))
				require.NoError(t, err)
				typ, _ := message.Signatures()[0].ProtectedHeaders().Type()
				require.Equal(t, verify.AccessTokenType, typ)
				for _, wrong := range []string{tampered, tokens.RefreshToken} {
					_, err = jwt.Parse([]byte(wrong), options...)
					require.Error(t, err)
				}
			})
		})
	}
}

// TestTheMiddlewareAnswersWordForWordAsTheService: a client has one rule for both.
func TestTheMiddlewareAnswersWordForWordAsTheService(t *testing.T) {
	const life = 3 * time.Second
	server := devserver.Start(t, "WUGAN_ACCESS_TTL="+life.String())
	tokens := server.Login(t, "alice")
	ended := server.Login(t, "bob")
	server.Logout(t, ended)
	keys := verify.JWKS(server.URL + "/.well-known/jwks.json")
	defer keys.Close()

	// The revocation is known here by other means than the feed.
	v := verify.New(server.URL, server.URL, keys, verify.WithRevocations(everySessionOf(t, ended)))
	business := httptest.NewServer(v.Middleware(http.NotFoundHandler()))
	defer business.Close()

	for _, test := range []struct{ name, authorization string }{
		{"token_missing", ""},
		{"token_invalid", "Bearer x.y.z"},
		{"session_revoked", "Bearer " + ended.AccessToken},
		{"two headers", "Bearer " + tokens.AccessToken + "\nBearer " + tokens.AccessToken},
		{"another scheme", "Basic YTpi"},
		{"token_expired", "Bearer " + tokens.AccessToken}, // the last, for it waits
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "token_expired" {
				time.Sleep(life)
			}
			ours, theirs := get(t, business.URL+"/x", test.authorization), get(t, server.URL+"/api/v1/users/me", test.authorization)
			require.Equal(t, theirs, ours)
			if strings.Contains(test.name, "_") {
				require.Equal(t, test.name, ours.body["code"])
			}
		})
	}
}

type answer struct {
	status                                         int
	contentType, challenge, cacheControl, retryAge string
	body                                           map[string]any
}

func get(t *testing.T, address, authorization string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	for value := range strings.SplitSeq(authorization, "\n") {
		if value != "" {
			request.Header.Add("Authorization", value)
		}
	}
	request.Header.Set("X-Request-Id", "interop")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "interop", response.Header.Get("X-Request-Id"))
	got := answer{
		status: response.StatusCode, contentType: response.Header.Get("Content-Type"),
		challenge: response.Header.Get("WWW-Authenticate"), cacheControl: response.Header.Get("Cache-Control"),
		retryAge: response.Header.Get("Retry-After"),
	}
	require.NoError(t, json.Unmarshal(data, &got.body), "%s", data)
	return got
}

// sessions is a fixed verify.Revocations: ended sessions and why they ended.
type sessions map[string]string

func (s sessions) Revoked(id string) bool { return s[id] != "" }

func (s sessions) RevocationReason(id string) string { return s[id] }

func everySessionOf(t *testing.T, tokens devserver.Tokens) sessions {
	t.Helper()
	token, err := jwt.ParseInsecure([]byte(tokens.AccessToken))
	require.NoError(t, err)
	var id string
	require.NoError(t, token.Get("sid", &id))
	return sessions{id: "logged_out"}
}

package service

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/auth/verify/verifytest"
	"github.com/wugan/wugan/internal/test/devserver"
)

// issuing runs an issuer, and sets the settings that lead to it.
func issuing(t *testing.T) *verifytest.Issuer {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	issuer := verifytest.New(verifytest.WithIssuer(server.URL), verifytest.WithAudience(server.URL))
	mux.Handle("/", issuer.Handler())
	t.Setenv("AUTH_URL", server.URL)
	t.Setenv("GATEWAY_KEY", verifytest.GatewayKey)
	return issuer
}

func get(t *testing.T, url, token string) (status int, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func TestWhatWasAcceptedIsAnsweredBeforeTheEnd(t *testing.T) {
	issuer := issuing(t)
	address := devserver.FreeAddress(t)
	t.Setenv("ADDR", address)
	begun, finish, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		Run(func(verifier *verify.Verifier) http.Handler {
			mux := http.NewServeMux()
			mux.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) {
				close(begun)
				<-finish
			})
			mux.Handle("/", verifier.Middleware(http.NotFoundHandler()))
			return mux
		})
	}()
	token := issuer.Token(verifytest.Session("session"))
	require.Eventually(t, func() bool {
		status, err := get(t, "http://"+address+"/", token)
		return err == nil && status == http.StatusNotFound
	}, 20*time.Second, 10*time.Millisecond, "the token is good, and there is no such path")
	status, err := get(t, "http://"+address+"/", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	issuer.Revoke("session")
	require.Eventually(t, func() bool {
		status, err := get(t, "http://"+address+"/", token)
		return err == nil && status == http.StatusUnauthorized
	}, 20*time.Second, 10*time.Millisecond, "the feed tells of the end of the session")

	slow := make(chan int, 1)
	go func() {
		status, _ := get(t, "http://"+address+"/slow", "")
		slow <- status
	}()
	<-begun
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	require.Eventually(t, func() bool {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		return err != nil || connection.Close() != nil
	}, 20*time.Second, 10*time.Millisecond, "it accepts nothing new")
	close(finish)
	require.Equal(t, http.StatusOK, <-slow)
	<-ended
}

func TestWithoutTheGatewayKeyTokensLiveUntilTheyExpire(t *testing.T) {
	issuer := issuing(t)
	t.Setenv("GATEWAY_KEY", "")
	verifier, closeReaders, err := trust(issuer.Issuer(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer closeReaders()
	issuer.Revoke("session")
	require.Eventually(t, func() bool {
		_, err := verifier.Verify(t.Context(), issuer.Token(verifytest.Session("session")))
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)

	_, _, err = trust("", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "AUTH_URL is not set")
	require.Error(t, serve("127.0.0.1:no-port", http.NotFoundHandler()))
}

package service

import (
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
)

func TestWhatWasAcceptedIsAnsweredBeforeTheEnd(t *testing.T) {
	address := devserver.FreeAddress(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- serve(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(begun)
				<-finish
			}
			w.WriteHeader(http.StatusNoContent)
		}))
	}()
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + address)
		return err == nil && response.Body.Close() == nil
	}, 5*time.Second, 10*time.Millisecond)

	status := make(chan int, 1)
	go func() {
		response, err := http.Get("http://" + address + "/slow")
		if err != nil {
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	<-begun
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	require.Eventually(t, func() bool {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		return err != nil || connection.Close() != nil
	}, 5*time.Second, 10*time.Millisecond, "it accepts nothing new")
	close(finish)
	require.Equal(t, http.StatusNoContent, <-status)
	require.NoError(t, <-ended)
}

package fakewechat

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExpiredCodesAreForgottenAndLiveOnesAreNot(t *testing.T) {
	s := New(Options{})
	s.AddApp("wx", "s", "")
	for range 10 {
		for range 1200 {
			_, err := s.Login("wx", "alice")
			require.NoError(t, err)
		}
		s.MoveClock(codeLife + time.Second)
	}
	require.LessOrEqual(t, len(s.codes), 4*sweepFrom)
	for i := range 5_000 { // all alive: no sweep may be tried at each of them
		_, err := s.Login("wx", fmt.Sprint("user", i%10))
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, len(s.codes), 5_000)
}

package collector

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheTargetFallsAsMoreIsAlive(t *testing.T) {
	for alive, want := range map[uint64]int{
		0: 400, 1: 400, 1 << 20: 400, 7 << 20: 400, 10 << 20: 260, 12 << 20: 200, 16 << 20: 120, 18 << 20: 100, 40 << 20: 100, 1 << 40: 100,
	} {
		require.Equal(t, want, target(alive), "%d bytes alive", alive)
	}
}

// The target is the process's, which no other test reads.
func TestTheTargetFollowsTheHeap(t *testing.T) {
	debug.SetGCPercent(least) // whatever GOGC says
	percent := func() int {
		for range 3 { // the finalizer of one collection runs before the next but one
			runtime.GC()
		}
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		return now
	}
	Steer()
	require.Equal(t, most, percent())
	alive := make([]byte, 64<<20)
	for i := range alive {
		alive[i] = 1
	}
	require.Eventually(t, func() bool { return percent() == least }, 10*time.Second, 20*time.Millisecond)
	runtime.KeepAlive(alive)
	require.Eventually(t, func() bool { return percent() == most }, 10*time.Second, 20*time.Millisecond)
}

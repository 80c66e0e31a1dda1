package collector

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheTargetFallsAsMoreIsAlive(t *testing.T) {
	for alive, want := range map[uint64]int{
		0: 400, 1: 400, 1 << 20: 400, 8 << 20: 400, 10 << 20: 300, 16 << 20: 140, 20 << 20: 100, 40 << 20: 100, 1 << 40: 100,
	} {
		require.Equal(t, want, target(alive), "%d bytes alive", alive)
	}
}

// In a process of its own: the target is the process's.
func TestTheTargetFollowsTheHeap(t *testing.T) {
	if os.Getenv("COLLECTOR_CHILD") == "" {
		self := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		self.Env = append(os.Environ(), "COLLECTOR_CHILD=1", "GOGC=")
		out, err := self.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "--- PASS")
		return
	}
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

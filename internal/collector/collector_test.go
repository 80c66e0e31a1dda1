package collector

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheTargetFallsAsMoreIsAlive(t *testing.T) {
	for alive, want := range map[uint64]int{
		0: 400, 1: 400, 1 << 20: 400, 6 << 20: 400, 8 << 20: 260, 10 << 20: 200, 13 << 20: 120, 15 << 20: 100, 40 << 20: 100, 1 << 40: 100,
	} {
		require.Equal(t, want, target(alive, 0), "%d bytes alive", alive)
	}
	require.Equal(t, 400, target(0, 3<<20))
	require.Equal(t, 220, target(8<<20, 2<<20), "22 MiB of room are left, which are 220 % of 10 MiB")
}

// Go reckons the target from stacks and globals, too.
func TestTheHeapStaysWithinItsRoom(t *testing.T) {
	debug.SetGCPercent(least) // whatever GOGC says
	Steer()
	alive := make([]byte, 10<<20)
	stop := make(chan struct{})
	defer close(stop)
	for range 200 { // 4 MiB of stacks
		go func() {
			var stack [20 << 10]byte
			<-stop
			runtime.KeepAlive(&stack)
		}()
	}
	goal := func() uint64 {
		for range 3 { // the finalizer of one collection runs before the next but one
			runtime.GC()
		}
		sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	require.Eventually(t, func() bool { return goal() > room*3/4 }, 10*time.Second, 20*time.Millisecond, "the room is used")
	require.LessOrEqual(t, goal(), uint64(room))
	runtime.KeepAlive(alive)
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

// Package collector sets how much garbage Go's collector lets gather before it
// works. It owns that one number.
//
// A request leaves some kilobytes of garbage, and next to nothing of the service
// lives longer than a request. With Go's own target the heap may double, which is
// four megabytes here: under load the collector then runs a hundred times a
// second and takes a quarter of the processor time. A larger heap costs memory
// that every machine has.
package collector

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// room is the size in bytes that the heap may reach, garbage included, as
	// long as less than half of it is alive.
	room = 40 << 20
	// most and least bound the target, in percent of what is alive: with more
	// than most, collections are so rare that nothing is won any more; least is
	// Go's own target.
	most, least = 400, 100
)

// Steer sets the target now and after each collection, for as long as the process
// lives. GOMEMLIMIT holds as ever. It is for programs in whose environment GOGC is
// not set, and is called once.
func Steer() {
	c := &cycle{percent: least}
	c.adjust()
}

// cycle is garbage from one collection to the next: its finalizer tells that there
// was one.
type cycle struct{ percent int }

func (c *cycle) adjust() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	// Setting the target stops the world for a moment.
	if percent := target(sample[0].Value.Uint64()); percent != c.percent {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
	runtime.SetFinalizer(c, (*cycle).adjust)
}

// target is the percentage for a heap of which so many bytes are alive, in steps
// of twenty: it is to change seldom.
func target(alive uint64) int {
	const step = 20
	percent := most
	if alive > 0 {
		percent = int(min(room*100/alive, 100+most)) - 100
	}
	return max(least, percent/step*step)
}

// Package collector tunes the target of Go's garbage collector (GOGC).
//
// A request allocates some kilobytes, and almost nothing lives longer than a
// request. With Go's default target the heap may double, which is four megabytes
// here: under load the collector then runs a hundred times a second and takes a
// quarter of the processor time. A larger heap costs memory that every machine has.
package collector

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// room is the size in bytes that the heap may reach, garbage included, as
	// long as less than half of it is alive.
	room = 30 << 20
	// most and least bound the target, in percent of what is alive: with more
	// than most, collections are so rare that nothing is won any more; least is
	// Go's own target.
	most, least = 400, 100
)

// Steer sets the target now and after each collection, until the process ends.
// GOMEMLIMIT still applies. A program calls it once, if GOGC is not set.
func Steer() {
	c := &cycle{percent: least}
	c.adjust()
}

// cycle is an object that becomes garbage at each collection. Its finalizer runs
// after it.
type cycle struct{ percent int }

func (c *cycle) adjust() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(sample)
	bytes := func(i int) uint64 { return sample[i].Value.Uint64() }
	// Setting the target stops the world for a moment.
	if percent := target(bytes(0), bytes(1)+bytes(2)); percent != c.percent {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
	runtime.SetFinalizer(c, (*cycle).adjust)
}

// target returns the percentage with which a heap with the given live bytes stays
// within room, in steps of twenty so that it seldom changes. Go lets the heap grow by
// that share of the live bytes and of the roots, which are stacks and globals
// (https://go.dev/doc/gc-guide#GOGC).
func target(alive, roots uint64) int {
	const step = 20
	percent := most
	if alive+roots > 0 {
		percent = int(min((room-min(alive, room))*100/(alive+roots), most))
	}
	return max(least, percent/step*step)
}

package main

import (
	"fmt"
	"time"
)

// goal is what a figure was to become, and what it is in this run.
type goal struct{ name, goal, reached string }

// goals lists the goals whose figures were measured.
func (r results) goals() (list []goal) {
	atLeast := func(name string, want, got float64) {
		list = append(list, goal{name, fmt.Sprintf("≥ %.2f", want), fmt.Sprintf("%.2f", got)})
	}
	atMost := func(name string, want, got time.Duration) {
		list = append(list, goal{name, "≤ " + short(want), short(got)})
	}
	for _, f := range r.figures {
		switch f.clients {
		case 16:
			atLeast("refresh of pgbench, 16 clients", 0.75, f.refresh.rate/f.limit())
			atMost("p99 of refresh, 16 clients", 3*time.Millisecond, f.refresh.p99)
		case 64:
			atLeast("refresh of pgbench, 64 clients", 1, f.refresh.rate/f.limit())
			atMost("processor time of the service a refresh, 64 clients", 42*time.Microsecond, f.refreshCost.cpu)
			list = append(list, goal{"bytes allocated a refresh", "≤ 6000", fmt.Sprintf("%.0f", f.refreshCost.memory)})
			atMost("processor time of the service a login, 64 clients", 90*time.Microsecond, f.loginCost.cpu)
			atLeast("verify of healthz, 64 clients", 0.9, f.verify.rate/f.healthz.rate)
		}
	}
	for _, v := range r.variants {
		if v.algorithm == "ES256" && v.clients == 64 {
			atLeast("refresh of pgbench with ES256, 64 clients", 0.85, v.refresh.rate/v.limit)
			atMost("processor time of the service a refresh with ES256, 64 clients", 65*time.Microsecond, v.cost.cpu)
		}
	}
	list = append(list, goal{"resident memory after the load", "≤ 64 MiB", fmt.Sprintf("%.1f MiB", r.loadedMiB)})
	atMost("start to ready", 50*time.Millisecond, r.ready)
	return list
}

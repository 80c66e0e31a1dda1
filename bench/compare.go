package main

import (
	"context"
	"fmt"
	"strings"
)

// runCompare measures two binaries of the service in turn, under the same load and
// on the same database, and prints what one operation costs as lines for benchstat:
//
//	go run ./bench -against old -binary new -clients 64 -each 3s >runs
//	benchstat -col /binary runs
//
// On a machine that other work shares, only such pairs tell a small difference.
func runCompare(ctx context.Context, o options) error {
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	current := b.service
	defer func() { b.service = current }()
	b.o.binary = o.against
	before, err := b.start(ctx)
	if err != nil {
		return err
	}
	b.stop = append(b.stop, before.end)
	for range o.runs {
		for _, n := range o.clients {
			for _, one := range []struct {
				name    string
				service *process
			}{{"old", before}, {"new", current}} {
				b.service = one.service
				if err := b.compareOnce(ctx, one.name, n); err != nil {
					return fmt.Errorf("%s: %w", one.name, err)
				}
			}
		}
	}
	return nil
}

// compareOnce measures each operation of one binary once.
func (b *bench) compareOnce(ctx context.Context, binary string, n int) error {
	for _, op := range []struct {
		name string
		load func() (load, error)
	}{
		{"Refresh", func() (load, error) { return b.refreshes(ctx, n) }},
		{"Login", func() (load, error) { return b.logins(ctx, n) }},
		{"Verify", func() (load, error) {
			// Of a new session: the logins that are measured evict older ones.
			access, err := b.accessToken(ctx)
			if err != nil {
				return load{}, err
			}
			return b.verifies(ctx, n, access)
		}},
		{"Healthz", func() (load, error) { return b.probes(ctx, n) }},
	} {
		if !b.o.measured(op.name) {
			continue
		}
		l, c, err := b.spent(ctx, strings.ToLower(op.name), n, op.load)
		if err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
		_, _ = fmt.Fprintf(b.o.out, "Benchmark%s/clients=%d/binary=%s 1 %d cpu-ns/op %.0f B/op %.2f allocs/op %.0f op/s %d p99-ns\n",
			op.name, n, binary, c.cpu.Nanoseconds(), c.memory, c.objects, l.rate, l.p99.Nanoseconds())
	}
	return nil
}

// Command bench measures the service and, in the same run, PostgreSQL's own
// limit, because absolute figures of one machine mean little. It starts a private
// PostgreSQL with fsync on, pgbench, the service as one process, and a mock server
// of WeChat. It writes the results to docs/en/performance.md and
// docs/images/performance-en.svg, and the same in Chinese.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	o := options{out: os.Stdout, repeats: 10_000}
	flag.DurationVar(&o.each, "each", 7*time.Second, "how long each figure is measured")
	flag.StringVar(&o.docs, "docs", "docs", "folder that gets the pages and pictures of the figures, in both languages; empty: print only")
	flag.StringVar(&o.binary, "binary", "", "the wugan binary (default: build it)")
	flag.StringVar(&o.profile, "profile", "", "folder that gets CPU profiles of the service under 64 clients")
	flag.StringVar(&o.algorithm, "alg", "HS256", "algorithm of the access keys")
	flag.StringVar(&o.level, "log", "warn", "log level of the service")
	flag.IntVar(&o.rows, "rows", 0, "measure a database with so many sessions instead, such as 10000000, beside one with 10000")
	flag.BoolVar(&o.inProcess, "in-process", true, "run the Go benchmarks of single calls, too")
	flag.StringVar(&o.against, "against", "", "another wugan binary: measure both in turn instead, and print lines for benchstat")
	flag.IntVar(&o.runs, "runs", 10, "with -against: how often each is measured")
	operations := flag.String("operations", "", "with -against: what is measured, such as refresh,login; empty: everything")
	only := flag.String("clients", "1,16,64", "numbers of clients")
	flag.Parse()
	for one := range strings.SplitSeq(*only, ",") {
		n, err := strconv.Atoi(one)
		if err != nil || n < 1 || n > rows {
			fmt.Fprintln(os.Stderr, "bench: -clients takes numbers such as 1,16,64")
			os.Exit(2)
		}
		o.clients = append(o.clients, n)
	}
	if *operations != "" {
		o.operations = strings.Split(strings.ToLower(*operations), ",")
	}
	// Clients and stand-in share the processor with what is measured.
	debug.SetGCPercent(800)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	measure := run
	switch {
	case o.rows > 0:
		measure = runScale
	case o.against != "":
		measure = runCompare
	}
	if err := measure(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	out     io.Writer // gets the figures
	each    time.Duration
	docs    string
	binary  string
	profile string
	// algorithm of the access keys.
	algorithm string
	// level of the service's log.
	level     string
	inProcess bool  // run the Go benchmarks, too
	repeats   int   // refreshes of one session, after which its rows are counted
	clients   []int // numbers of connections that each figure is measured with
	// rows is the number of sessions that scale is measured with; 0: it is not.
	rows int
	// against is a binary to compare with, runs how often, and operations what.
	against    string
	runs       int
	operations []string
}

// measured reports whether a comparison includes an operation.
func (o options) measured(name string) bool {
	return len(o.operations) == 0 || slices.Contains(o.operations, strings.ToLower(name))
}

func run(ctx context.Context, o options) error {
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()

	var r results
	r.machine, r.algorithm, r.level = machine(), o.algorithm, o.level
	if err := b.resources(ctx, &r); err != nil {
		return err
	}
	for _, n := range o.clients {
		fmt.Fprintf(os.Stderr, "%d clients …\n", n)
		f, err := b.figures(ctx, n)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "  %s\n", f)
		r.figures = append(r.figures, f)
	}
	if r.loadedMiB, err = b.service.memory(); err != nil {
		return err
	}
	if err := b.variants(ctx, &r); err != nil {
		return err
	}
	if err := b.rowsAfter(ctx, o.repeats, &r); err != nil {
		return err
	}
	if o.inProcess {
		if r.micro, err = microbenchmarks(ctx, o.each); err != nil {
			return err
		}
	}
	_, _ = io.WriteString(o.out, r.markdown())
	if o.docs == "" {
		return nil
	}
	return r.write(o.docs)
}

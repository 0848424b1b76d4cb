package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sentientcore/upshift/bench/proc"
)

// bar is one thing to measure.
type bar struct {
	name, about string
	run         func(context.Context, *rig) error
}

// bars are all of them, in the order in which they run.
func bars() []bar {
	return []bar{
		{"start", "seconds until the demo's dashboard has live numbers", measureStart},
		{"idle", "memory, processor time and size of an idle server", measureIdle},
		{"gateway", "latency that the gateway adds at 1,000 requests/s", measureGateway},
		{"hit", "latency of answers from the gateway's cache", measureHits},
		{"saturation", "throughput of the gateway against a bare reverse proxy", measureSaturation},
		{"sse", "first byte and token delay of event streams", measureStreams},
		{"api", "every reading route while the demo runs at 200 requests/s", measureAPI},
		{"term", "SIGTERM under load: no short request fails", measureTerm},
		{"kill9", "kill -9 under load: restarts, loses no sample", measureKill},
		{"web", "milliseconds until the dashboard is interactive", measureWeb},
	}
}

// rig is what a measurement works with.
type rig struct {
	options
	*proc.Set
	*report
	// name is the bar's.
	name string
	// self is this program, to be started in a role.
	self string
	// dir is a folder that is removed afterwards.
	dir string
	// log receives progress.
	log io.Writer
}

// measure gives a bar a rig and takes everything down behind it.
func measure(ctx context.Context, b bar, o options, rep *report, log io.Writer) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "upshift-bench-")
	if err != nil {
		return err
	}
	r := &rig{options: o, Set: proc.NewSet(), report: rep, name: b.name, self: self, dir: dir, log: log}
	defer func() { err = errors.Join(err, r.Close(), os.RemoveAll(dir)) }()
	return b.run(ctx, r)
}

// progress says what is going on.
func (r *rig) progress(format string, args ...any) {
	fmt.Fprintf(r.log, "# "+r.name+": "+format+"\n", args...)
}

// length shortens a measurement of a quick run.
func (r *rig) length(d time.Duration) time.Duration {
	if r.quick {
		return max(d/8, time.Second)
	}
	return d
}

// times is how often something is repeated; a quick run takes a quarter.
func (r *rig) times(n int) int {
	if r.quick {
		return max(n/4, 1)
	}
	return n
}

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
	// inside measures packages in this process: it needs no program.
	inside bool
}

// bars are all of them, in the order in which they run.
func bars() []bar {
	return []bar{
		{name: "start", about: "seconds until the demo's dashboard has live numbers", run: measureStart},
		{name: "idle", about: "memory, processor time and size of an idle server", run: measureIdle},
		{name: "gateway", about: "latency that the gateway adds at 1,000 requests/s", run: measureGateway},
		{name: "hit", about: "latency of answers from the gateway's cache", run: measureHits},
		{name: "saturation", about: "throughput of the gateway against a bare reverse proxy", run: measureSaturation},
		{name: "sse", about: "first byte and token delay of event streams", run: measureStreams},
		{name: "api", about: "every reading route while the demo runs at 200 requests/s", run: measureAPI},
		{name: "term", about: "SIGTERM under load: no short request fails", run: measureTerm},
		{name: "kill9", about: "kill -9 under load: restarts, loses no sample", run: measureKill},
		{name: "chaos", about: "one of three backends killed, frozen, slow, failing, breaking off, in turn", run: measureChaos},
		{name: "cancel", about: "100,000 cancelled requests leave nothing behind", run: measureCancel},
		{name: "reload", about: "configuration reloaded at 1,000 requests/s", run: measureReload},
		{name: "flight", about: "loads of a cold key that crowds in eight processes ask for", run: measureFlight, inside: true},
		{name: "invalidate", about: "milliseconds until another process has forgotten a key", run: measureInvalidate, inside: true},
		{name: "tags", about: "clearing a tag of a million entries; what expired ones leave", run: measureTags, inside: true},
		{name: "web", about: "milliseconds until the dashboard is interactive", run: measureWeb},
		{name: "hitratio", about: "hit ratio of the cache and its rivals, below the optimum", run: measureHitRatio, inside: true},
		{name: "mrc", about: "what the cache says of other sizes against caches of these sizes", run: measureCurves, inside: true},
		{name: "price", about: "money that a cache saves when answers have prices", run: measurePrice, inside: true},
		{name: "cachehit", about: "a hit of a cached call against other caches", run: measureCalls, inside: true},
		{name: "outage", about: "latency that a Redis which fails adds to loads, with redis-server", run: measureOutage, inside: true},
		{name: "restart", about: "a disk tier after kill -9: time to open, hit ratio at once", run: measureRestart, inside: true},
		{name: "record", about: "what recording a call takes, and rivals", run: measureRecord, inside: true},
		{name: "attribution", about: "processor time and bytes of calls, against the truth", run: measureAttribution, inside: true},
		{name: "causes", about: "planted bottlenecks, and clean services: the cause named", run: measureCauses, inside: true},
		{name: "leaks", about: "an hour in a minute: leaks found, clean places left alone", run: measureLeaks, inside: true},
		{name: "gctuner", about: "processor time and peak memory under the collector's tuner", run: measureTuner, inside: true},
		{name: "sim", about: "the balancer's strategies in virtual time, -rounds seeds each", run: measureSimulation, inside: true},
		{name: "pgadvise", about: "indexes for 22 statements on a database like TPC-H's, -sf its scale, with postgres", run: measureAdvice, inside: true},
		{name: "replay", about: "what replay foretells against what happens, 50 made-up logs", run: measureReplay, inside: true},
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

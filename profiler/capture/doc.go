// Package capture takes profiles of this process, or of another Go service, and reads them:
// CPU, wall time, heap, allocations, goroutines, blocking, mutexes and execution traces.
//
// Use it to see where a service that has become slow spends its time, without a restart:
//
//	captures, err := capture.Open(dir, capture.Config{}, capture.Signals{})
//	if err != nil {
//		return err
//	}
//	go captures.Run(ctx)
//	c, err := captures.Start(capture.Request{Kind: capture.CPU, Seconds: 10})
//
// A capture that has ended is a file in pprof's format ([Recorder.Data]) that every tool of that
// format reads; [Recorder.Profile] with [NewFlamegraph], [NewTop] and [Compare] are what a
// program or a dashboard reads.
//
// # By itself
//
// Every five seconds [Recorder.Run] looks at the processor, the heap, the goroutines and, where
// [Signals] tells it, the slowest p99, and captures what explains a surge: at most once in
// [Config.AutomaticInterval] for each of them, and never while memory is nearly used up, when
// a capture would be what ends the process.
//
// # What is bounded
//
// Captures kept: by number and bytes, the oldest goes first. A single one: 64 MiB, 256 MiB
// uncompressed. Waiting: 16. Running: four of this process and four of targets, one of a kind and
// place at a time, so that a target that hangs holds up only itself.
//
// # One CPU profile
//
// A process has one CPU profiler. [CPUProfiler] shares it: recordings that overlap are cut at
// each begin and end and put together again for each of them.
//
// # What calls cost
//
// With [Signals.Profiler] an [Attributor] measures every minute, for ten seconds, what calls of its functions
// take of a processor and allocate. With four goroutines at once it is within a tenth of the truth where
// there are some hundred samples, and its intervals hold the truth in nine of ten cases or more, where reading the process
// before and after a call is off by 16 to 4,500 % (scripts/bench.sh attribution, two processors).
//
// # What it does not do
//
// It does not symbolise: profiles of Go programs carry their names. It draws no call graph and
// reads no execution trace; go tool trace does. A comparison takes samples as
// independent of each other, which those of one long burst are not. While a block or mutex capture
// runs it sets the runtime's rate of those profiles, and turns the block profile off afterwards.
package capture

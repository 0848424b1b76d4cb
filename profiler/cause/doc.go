// Package cause finds out why profiled functions are slow: processor, lock, I/O, queue, scheduler,
// garbage collector, too many calls, a tail, or a change for the worse.
//
// Use it beside package profiler, when a function is known to be slow and the reason is not:
//
//	finder, err := cause.NewFinder(p, cause.Config{})
//	if err != nil {
//		return err
//	}
//	report, err := finder.Look(ctx, 2*time.Second)
//	for _, f := range report.Findings {
//		fmt.Println(f.Function, f.Kind, f.Evidence)
//	}
//
// # How
//
// A look records an execution trace (runtime/trace's flight recorder, with a bound on its bytes) in which
// timed calls say when they begin and end. From it each function's own time, without the calls
// inside it, is split exactly: running, ready but without a processor, helping the collector, and waiting, by what the
// runtime says that the goroutine waits for and, for channels, by the code that it waits in:
// what waits inside of package net waits for the network. A finding needs both a share of the
// function's time and a weight in the whole: see the constants in judge.go. A function has at most one.
//
// # What it does not do
//
// It sees this process only, and calls that end on the goroutine on which they began; others are left out and counted in
// [Report.Unmatched]. It does not know what a lock protects, nor the code of a server that
// answers late. Time in which the operating system ran something else counts as running.
// Waiting for goroutines that a call has started (sync.WaitGroup) is the time of those, and no cause.
package cause

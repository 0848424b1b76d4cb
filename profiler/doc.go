// Package profiler counts and times functions, always on: calls, errors, the whole
// distribution of durations, self time of nested calls, and the slow and the failed
// calls themselves.
//
// Use it around whatever may become slow: a function ([Wrap]), a block
// ([Profiler.Start], [Call.Done]), an http.Handler ([Profiler.Handler]), an
// http.RoundTripper ([Profiler.RoundTripper]), gRPC ([UnaryServer], [StreamServer],
// [UnaryClient]) or, for pgx and the like, a pair of hooks ([Site.Enter], [Site.Leave]).
//
//	p, err := profiler.New(profiler.Config{Threshold: 200 * time.Millisecond})
//	if err != nil {
//		return err
//	}
//	ctx, call := p.StartContext(ctx, "retriever.search")
//	defer call.Done(&err)
//
// # How it counts
//
// Each function has one log-linear histogram of atomics: 32 buckets to a power of two
// of nanoseconds, so a quantile is within 1/64 = 1.5625 % of a true duration (exact
// below 32 ns and at the minimum and maximum). A call reads the monotonic clock twice, takes no
// lock and allocates nothing unless it was slow, failed or has a context of its own.
// One histogram serves all processors; those that do nothing but record one and the same
// function hold each other up (BenchmarkSiteParallel).
// Percentiles are read from buckets and are never averaged; two histograms merge by
// adding their buckets.
//
// Where even that is too much, [Config.TimeEvery] times one call in so many and only counts the
// others: 8 ns a call with one in 64, against 59 ns where all are timed, 2 ns while the profiler is
// disabled, and 89 ns for Observe of a Prometheus histogram (scripts/bench.sh record, two
// processors of an AMD EPYC). [Stats.OverheadRatio] says what recording costs now.
//
// Beside the totals since start each function has [FunctionStats.Recent], the last
// minute or so, found by subtracting a snapshot of the same histogram: a record costs
// nothing extra for it.
//
// # Processor time and bytes
//
// What a call takes of a processor and allocates is estimated from samples by
// [github.com/sentientcore/upshift/profiler/capture.Attributor], which gives it to [Profiler.SetCosts]:
// [FunctionStats.Cost] has each figure with its interval, or says why there is none. Samples are
// told apart by the label that calls of [Wrap], [Profiler.Handler] and [UnaryServer] set
// meanwhile, and by the Go function that a call is in: the wrapped one, or the whole of the one
// that begins a block. A Go function that begins blocks of several names is counted for none of
// them, and a name begun in several Go functions only in the first.
//
// # What is bounded
//
// Names: [Config.MaxFunctions]; calls of further names go to [OtherFunction] and are
// counted in [Stats.Overflowed]. Kept calls: [Config.MaxExemplars] slow and as many
// failed ones for each function. A function takes about 4 KiB beside
// them, more where its durations spread widely.
//
// # What it does not do
//
// It does not read the process's memory or processor time around a call: that is 900
// times dearer and, with other goroutines running, wrong. Durations are wall time, so
// on a busy machine they hold the time a goroutine waited for a processor.
package profiler

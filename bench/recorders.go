package main

import (
	"context"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shirou/gopsutil/v4/process"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sentientcore/upshift/profiler"
)

// recorder is one way to record a call of bare: a loop of n calls.
type recorder struct {
	name string
	loop func(n int)
}

// Names of the recorders that rows speak of.
const (
	recordBare      = "bare call"
	recordOff       = "disabled"
	recordCounted   = "counted, 1 in 64 timed"
	recordTimed     = "always timed"
	recordClassic   = "Prometheus classic Observe"
	recordOTel      = "OTel histogram"
	recordSpan      = "OTel span"
	recordRequested = "the request's way"
)

//go:noinline
func bare(n int) int { return n*31 + 7 }

var recordSink int //nolint:unused // written, so that calls are not left out

// recorders are all of them. What the third-party ones need for the duration, two readings of
// the clock, counts as theirs, as it does in a program.
func recorders(ctx context.Context) ([]recorder, func(), error) {
	off, err := profiler.New(profiler.Config{})
	if err != nil {
		return nil, nil, err
	}
	off.SetEnabled(false)
	counted, err := profiler.New(profiler.Config{Threshold: time.Hour, TimeEvery: 64})
	if err != nil {
		return nil, nil, err
	}
	timed, err := profiler.New(profiler.Config{Threshold: time.Hour})
	if err != nil {
		return nil, nil, err
	}
	theirs, done, err := thirdParty(ctx)
	if err != nil {
		return nil, nil, err
	}
	return append([]recorder{
		{recordBare, func(n int) {
			for range n {
				recordSink = bare(n)
			}
		}},
		{recordOff, siteLoop(off)},         //nolint:contextcheck // a call without a context
		{recordCounted, siteLoop(counted)}, //nolint:contextcheck // a call without a context
		{recordTimed, siteLoop(timed)},     //nolint:contextcheck // a call without a context
		{"always timed, by name", func(n int) { //nolint:contextcheck // a call without a context
			for range n {
				call := timed.Start("bench.named")
				recordSink = bare(n)
				call.End(nil)
			}
		}},
		{"Wrap, disabled", wrapLoop(ctx, off)},
		{"Wrap, counted, 1 in 64 timed", wrapLoop(ctx, counted)},
		{"Wrap, always timed and nesting", wrapLoop(ctx, timed)},
	}, theirs...), done, nil
}

func siteLoop(p *profiler.Profiler) func(int) {
	site := p.Site("bench.site")
	return func(n int) {
		for range n {
			call := site.Start()
			recordSink = bare(n)
			call.End(nil)
		}
	}
}

func wrapLoop(ctx context.Context, p *profiler.Profiler) func(int) {
	wrapped := profiler.Wrap(p, "bench.wrap", func(_ context.Context, n int) (int, error) { return bare(n), nil })
	return func(n int) {
		for range n {
			recordSink, _ = wrapped(ctx, n) // fails never
		}
	}
}

// thirdParty are the rivals and the way of the request: the memory and the processor time of the
// process, read before and after.
func thirdParty(ctx context.Context) ([]recorder, func(), error) {
	classic := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bench", Help: "bench", Buckets: prometheus.DefBuckets})
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	histogram, err := meters.Meter("bench").Float64Histogram("bench")
	if err != nil {
		return nil, nil, err
	}
	attributes := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("function", "bench")))}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(nowhere{}))
	tracer := tracers.Tracer("bench")
	self, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return nil, nil, err
	}
	all := []recorder{
		{recordClassic, func(n int) {
			for range n {
				start := time.Now()
				recordSink = bare(n)
				classic.Observe(time.Since(start).Seconds())
			}
		}},
		{recordOTel, func(n int) {
			for range n {
				start := time.Now()
				recordSink = bare(n)
				histogram.Record(ctx, time.Since(start).Seconds(), attributes...)
			}
		}},
		{recordSpan, func(n int) {
			for range n {
				_, span := tracer.Start(ctx, "bench", trace.WithSpanKind(trace.SpanKindInternal))
				recordSink = bare(n)
				span.End()
			}
		}},
		{recordRequested, func(n int) {
			for range max(n/1000, 1) {
				start := time.Now()
				readUsage(ctx, self)
				recordSink = bare(n)
				readUsage(ctx, self)
				_ = time.Since(start)
			}
		}},
	}
	return all, func() { _ = tracers.Shutdown(ctx); _ = meters.Shutdown(ctx) }, nil // nothing is lost with them
}

// readUsage reads the process's memory and processor share. A failure would only make it quicker.
func readUsage(ctx context.Context, self *process.Process) {
	memory, _ := self.MemoryInfoWithContext(ctx)
	share, _ := self.PercentWithContext(ctx, 0)
	if memory != nil {
		recordSink = int(memory.RSS) + int(share)
	}
}

// nowhere is where spans go.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                             { return nil }

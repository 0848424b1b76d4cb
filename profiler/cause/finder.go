package cause

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"runtime/trace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

const (
	// maxTraceBytes bounds what a look keeps; when more happens, it sees the end of its span.
	maxTraceBytes = 8 << 20
	// maxBefore bounds the durations remembered of one function, and maxRemembered the functions.
	maxBefore     = 500
	maxRemembered = 512
	// MaxSpan is the longest look.
	MaxSpan = 30 * time.Second
)

// ErrBusy is returned while another part of the process records by a flight recorder, of which there can
// be one.
var ErrBusy = errors.New("cause: another part of this process is recording an execution trace")

// Finder finds causes. Safe for concurrent use; looks wait for each other. A nil *Finder has none.
type Finder struct {
	profiler *profiler.Profiler
	cfg      atomic.Pointer[Config]
	last     atomic.Pointer[Report]

	mu     sync.Mutex // held for a look; guards the fields below
	before map[string][]time.Duration
}

// NewFinder returns one for the functions of p, or the fault of cfg. It starts nothing.
func NewFinder(p *profiler.Profiler, cfg Config) (*Finder, error) {
	f := &Finder{profiler: p, before: map[string][]time.Duration{}}
	return f, f.Apply(cfg)
}

// Apply changes the configuration; it fails only on an invalid one, and then changes nothing.
func (f *Finder) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil || f == nil {
		return err
	}
	cfg = cfg.WithDefaults()
	f.cfg.Store(&cfg)
	return nil
}

// Run looks by itself until ctx ends, and then returns nil. What a look fails with is in [Report.Error].
func (f *Finder) Run(ctx context.Context) error {
	for {
		timer := time.NewTimer(f.cfg.Load().Every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if f.cfg.Load().Manual || !f.profiler.Enabled() {
			continue
		}
		if _, err := f.Look(ctx, lookFor); err != nil && ctx.Err() == nil {
			f.last.Store(&Report{Time: time.Now().UTC(), Findings: []Finding{}, Functions: []Function{}, Error: err.Error()})
		}
	}
}

// Last is the report of the last look; the zero Report before the first.
func (f *Finder) Last() Report {
	if f != nil {
		if r := f.last.Load(); r != nil {
			return *r
		}
	}
	return Report{Findings: []Finding{}, Functions: []Function{}}
}

// Report is what a look came to.
type Report struct {
	// Time is when it ended, and SpanSeconds what it saw.
	Time        time.Time `json:"time"`
	SpanSeconds float64   `json:"span_seconds"`
	// Findings are the functions for which a cause stands out, greatest share first.
	Findings []Finding `json:"findings"`
	// Functions are all that were called, with where their time went.
	Functions []Function `json:"functions"`
	// GCShareRatio is the share of the collector in the processor time of the process.
	GCShareRatio float64 `json:"gc_share_ratio"`
	// Unmatched calls are left out, since they ended on another goroutine or began before.
	Unmatched int `json:"unmatched"`
	// Error is why there is nothing.
	Error string `json:"error,omitempty"`
}

// Look records for d (at most 30 s), or until ctx ends, and gives the causes that it finds to the profiler.
// The error is [ErrBusy], or ctx's.
func (f *Finder) Look(ctx context.Context, d time.Duration) (Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	gc, used := collectorTime()
	data, err := f.record(ctx, min(d, MaxSpan))
	if err != nil {
		return Report{}, err
	}
	read, err := read(bytes.NewReader(data))
	if err != nil {
		return Report{}, err
	}
	gcAfter, usedAfter := collectorTime()
	p := process{processors: runtime.GOMAXPROCS(0), threshold: f.profiler.Threshold(), before: f.before}
	if usedAfter > used {
		p.gcShare = min(max((gcAfter-gc)/(usedAfter-used), 0), 1)
	}
	report := Report{
		Time: time.Now().UTC(), SpanSeconds: read.Span.Seconds(), Findings: judge(read, p), Functions: []Function{},
		GCShareRatio: p.gcShare, Unmatched: read.Unmatched,
	}
	causes := map[string]profiler.Cause{}
	for _, found := range report.Findings {
		causes[found.Function] = found.Cause
	}
	for _, name := range sorted(read.Functions) {
		report.Functions = append(report.Functions, *read.Functions[name])
		if causes[name].Kind != profiler.CauseRegression { // what is slower is no measure of what was
			f.remember(read.Functions[name])
		}
	}
	f.profiler.SetCauses(causes)
	f.last.Store(&report)
	return report, nil
}

// record is the execution trace of d.
func (f *Finder) record(ctx context.Context, d time.Duration) ([]byte, error) {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: d, MaxBytes: maxTraceBytes})
	if err := recorder.Start(); err != nil {
		return nil, ErrBusy // the only reason there is for one that was not started
	}
	defer recorder.Stop()
	f.profiler.SetTracing(true)
	defer f.profiler.SetTracing(false)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, fmt.Errorf("cause: stopped early: %w", context.Cause(ctx))
	}
	var buf bytes.Buffer
	if _, err := recorder.WriteTo(&buf); err != nil {
		return nil, fmt.Errorf("cause: write the trace: %w", err)
	}
	return buf.Bytes(), nil
}

// remember keeps some durations of a function for later looks: evenly chosen of its own, together
// with as many as there is room for of those before.
func (f *Finder) remember(fn *Function) {
	old := f.before[fn.Name]
	if old == nil && len(f.before) >= maxRemembered || len(fn.durations) == 0 {
		return
	}
	fresh := thin(fn.durations, maxBefore/2)
	old = append(thin(old, maxBefore-len(fresh)), fresh...)
	slices.Sort(old)
	f.before[fn.Name] = old
}

// thin is a copy of at most n of sorted durations, evenly chosen.
func thin(sorted []time.Duration, n int) []time.Duration {
	if len(sorted) <= n {
		return slices.Clone(sorted)
	}
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = sorted[(2*i+1)*len(sorted)/(2*n)]
	}
	return out
}

// collectorTime is the processor time of the collector and of the process, up to the last collection.
func collectorTime() (gc, used float64) {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	idle := samples[1].Value.Float64() // what it does with processors that nobody else wants
	return samples[0].Value.Float64() - idle, samples[2].Value.Float64() - samples[3].Value.Float64() - idle
}

package capture

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/pprof/profile"

	"github.com/sentientcore/upshift/profiler"
)

const (
	// attributeFor is how long one measurement by a Recorder takes.
	attributeFor = 10 * time.Second
	// agedAfter is after how many measurements the older half of the figures is forgotten.
	agedAfter = 15
)

// Attributor finds out what calls of profiled functions take of a processor and allocate, by samples,
// and gives it to the profiler, whose [profiler.FunctionStats] show it. Safe for concurrent use.
//
// Processor time: the CPU profile is recorded for a while, with goroutines labelled by the
// function that they are in; its samples, over the calls made meanwhile. Bytes: what the heap profile
// gained, which has no labels, by the Go function that the calls are in. Both are of a call without
// the profiled calls inside it, over all goroutines, and within their interval in 95 of 100 cases;
// with fewer than 100 samples they are not given.
type Attributor struct {
	profiler *profiler.Profiler
	cpu      *CPUProfiler

	mu     sync.Mutex // held for a measurement; guards the fields below
	heap   heapReader
	tally  map[string]*tally
	older  map[string]*tally
	rounds int
}

// tally is what was seen of one function.
type tally struct {
	cpu, alloc tallied
}

// tallied adds up samples: their value, its variance, and the calls made meanwhile.
type tallied struct {
	samples, value, variance float64
	calls                    uint64
	// least is the uncertainty beyond chance, as a share of the value.
	least float64
}

func (t tallied) plus(o tallied) tallied {
	return tallied{t.samples + o.samples, t.value + o.value, t.variance + o.variance, t.calls + o.calls, max(t.least, o.least)}
}

// NewAttributor returns one for the functions of p. It records through cpu; nil means one of its own,
// with which other recordings in the process collide. It starts nothing; a [Recorder] with
// [Signals.Profiler] has one of its own.
func NewAttributor(p *profiler.Profiler, cpu *CPUProfiler) *Attributor {
	if cpu == nil {
		cpu = &CPUProfiler{}
	}
	return &Attributor{profiler: p, cpu: cpu, tally: map[string]*tally{}, older: map[string]*tally{}}
}

// Measure measures for d, or until ctx ends. The error is [ErrCPUBusy], or ctx's; what could be measured
// is given to the profiler all the same. A first measurement gives no bytes where fewer than twenty
// collections of garbage fall into it: they come with a later one.
func (a *Attributor) Measure(ctx context.Context, d time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heap.begin(a.profiler)
	a.profiler.SetLabelling(true)
	calls := &callSpans{count: a.profiler.CallCounts}
	profile, err := a.cpu.record(ctx, d, calls)
	a.profiler.SetLabelling(false)
	if errors.Is(err, ErrCPUBusy) {
		err = errors.Join(err, pause(ctx, d))
	}
	if profile != nil {
		a.addCPU(profile, calls.made)
	}
	a.heap.end(a.profiler, a.addAlloc)
	a.publish()
	return err
}

// of is the tally of a function.
func (a *Attributor) of(name string) *tally {
	t := a.tally[name]
	if t == nil {
		t = &tally{}
		a.tally[name] = t
	}
	return t
}

// addCPU adds the samples of a CPU profile.
func (a *Attributor) addCPU(p *profile.Profile, calls map[string]uint64) {
	samples, nanos := map[string]float64{}, map[string]float64{}
	for _, s := range p.Sample {
		if len(s.Value) < 2 {
			continue
		}
		if name := ownerOf(a.profiler, s); name != "" {
			samples[name] += float64(s.Value[0])
			nanos[name] += float64(s.Value[1])
		}
	}
	for name, n := range calls {
		t := a.of(name)
		t.cpu = t.cpu.plus(tallied{samples: samples[name], value: nanos[name] / 1e9, calls: n})
	}
}

// ownerOf names the function whose call a sample was taken in; empty if it was in none.
func ownerOf(p *profiler.Profiler, s *profile.Sample) string {
	owner := p.OwnerOf(func(yield func(string) bool) {
		for _, l := range stack(s) {
			if !yield(frame(l)) {
				return
			}
		}
	})
	if owner.Found {
		return owner.Name
	}
	if label := s.Label[profiler.LabelKey]; len(label) > 0 {
		return label[0]
	}
	return ""
}

func (a *Attributor) addAlloc(gained map[string]tallied) {
	for name, g := range gained {
		t := a.of(name)
		t.alloc = t.alloc.plus(g)
	}
}

// publish gives the profiler what there is, and ages it.
func (a *Attributor) publish() {
	costs := map[string]profiler.Cost{}
	for name, t := range a.tally {
		cpu, alloc := t.cpu, t.alloc
		if o := a.older[name]; o != nil {
			cpu, alloc = cpu.plus(o.cpu), alloc.plus(o.alloc)
		}
		costs[name] = profiler.Cost{CPU: cpu.counted(), Alloc: alloc.weighed()}
	}
	a.profiler.SetCosts(costs)
	if a.rounds++; a.rounds%agedAfter == 0 {
		a.older, a.tally = a.tally, map[string]*tally{}
	}
}

// attribute measures for ten seconds of every so many until ctx ends, unless the profiler is disabled or
// memory is nearly used up.
func (r *Recorder) attribute(ctx context.Context) {
	for {
		r.mu.Lock()
		cfg := r.cfg
		r.mu.Unlock()
		if pause(ctx, cfg.AttributeEvery-attributeFor) != nil {
			return
		}
		short := r.watch.signals.MemoryUsed != nil && r.watch.signals.MemoryUsed() >= nearDeath
		if cfg.NoAttribution || short || !r.costs.profiler.Enabled() {
			if pause(ctx, attributeFor) != nil {
				return
			}
			continue
		}
		err := r.costs.Measure(ctx, attributeFor)
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		r.stats.Attributions++
		if err != nil {
			r.stats.AttributionsFailed++
		}
		r.mu.Unlock()
	}
}

package profiler

import (
	"maps"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Profiler records calls. A nil *Profiler is valid and records nothing, so that a part
// can be built with or without one. All methods may be called at any time from any
// goroutine. It has no goroutines of its own and needs no closing.
type Profiler struct {
	enabled      atomic.Bool
	threshold    atomic.Int64 // nanoseconds
	maxFunctions atomic.Int64
	maxExemplars atomic.Int64
	timeEvery    atomic.Int64
	overflowed   atomic.Uint64 // calls of OtherFunction before it was cleared
	overhead     overhead
	labelling    atomic.Bool
	tracing      atomic.Bool
	owners       owners

	epoch time.Time // durations and times are monotonic nanoseconds since here

	mu        sync.Mutex // serialises changes of functions
	functions atomic.Pointer[map[string]*function]
}

// New returns an enabled profiler, or the faults of cfg.
func New(cfg Config) (*Profiler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &Profiler{epoch: time.Now()}
	p.functions.Store(&map[string]*function{})
	p.enabled.Store(true)
	p.set(cfg)
	return p, nil
}

// Apply changes the configuration; it fails only on an invalid one, and then changes
// nothing. When bounds shrink, functions already known stay.
func (p *Profiler) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if p != nil {
		p.set(cfg)
	}
	return nil
}

func (p *Profiler) set(cfg Config) {
	cfg = cfg.WithDefaults()
	p.threshold.Store(int64(cfg.Threshold))
	p.maxFunctions.Store(int64(cfg.MaxFunctions))
	p.maxExemplars.Store(int64(cfg.MaxExemplars))
	p.timeEvery.Store(int64(cfg.TimeEvery))
}

// Enabled tells whether calls are being recorded. A nil profiler is never enabled.
func (p *Profiler) Enabled() bool { return p != nil && p.enabled.Load() }

// SetEnabled turns recording on or off. Calls that began while it was on are still
// recorded when they end, and what was recorded stays.
func (p *Profiler) SetEnabled(on bool) {
	if p != nil {
		p.enabled.Store(on)
	}
}

// Threshold is the duration from which a call is kept as an exemplar.
func (p *Profiler) Threshold() time.Duration {
	if p == nil {
		return 0
	}
	return time.Duration(p.threshold.Load())
}

// SetThreshold changes the threshold for calls that end from now on. Zero or less sets
// the default of 100 ms.
func (p *Profiler) SetThreshold(d time.Duration) {
	if p == nil {
		return
	}
	if d <= 0 {
		d = DefaultThreshold
	}
	p.threshold.Store(int64(d))
}

// now is the monotonic time since the epoch in nanoseconds.
func (p *Profiler) now() int64 { return int64(time.Since(p.epoch)) }

// lookup finds or makes the function of that name. Past the bound on names it is the
// function [OtherFunction].
func (p *Profiler) lookup(name string) *function {
	if fn, ok := (*p.functions.Load())[name]; ok {
		return fn
	}
	return p.define(cleanName(name), "")
}

// define makes a function whose calls are in goFunction; where that is empty, in the caller's.
func (p *Profiler) define(name, goFunction string) *function {
	known := *p.functions.Load()
	if fn, ok := known[name]; ok {
		return fn
	}
	if other, ok := known[OtherFunction]; ok && p.full(known) {
		return other
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known = *p.functions.Load()
	if _, ok := known[name]; !ok && p.full(known) {
		name = OtherFunction
	}
	if fn, ok := known[name]; ok { // another call was first
		return fn
	}
	fn := newFunction(p, strings.Clone(name))
	next := maps.Clone(known)
	next[fn.name] = fn
	p.functions.Store(&next)
	switch {
	case name == OtherFunction, goFunction == noGoFunction:
	case goFunction == "":
		p.owners.add(blockFunction(), name)
	default:
		p.owners.add(goFunction, name)
	}
	return fn
}

// full tells whether no further name fits; OtherFunction itself takes no room.
func (p *Profiler) full(known map[string]*function) bool {
	n := len(known)
	if _, ok := known[OtherFunction]; ok {
		n--
	}
	return int64(n) >= p.maxFunctions.Load()
}

// Clear forgets one function and tells whether it was known. Its name becomes free for
// another. A call still running counts nowhere when it ends.
func (p *Profiler) Clear(name string) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known := *p.functions.Load()
	fn, ok := known[name]
	if !ok {
		return false
	}
	next := maps.Clone(known)
	delete(next, name)
	p.functions.Store(&next)
	p.forget(fn)
	return true
}

// ClearAll forgets every function and returns how many there were.
func (p *Profiler) ClearAll() int {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known := *p.functions.Load()
	p.functions.Store(&map[string]*function{})
	for _, fn := range known {
		p.forget(fn)
	}
	return len(known)
}

// forget tells those that hold fn that it was cleared.
func (p *Profiler) forget(fn *function) {
	fn.removed.Store(true)
	p.owners.remove(fn.name)
	if fn.name == OtherFunction {
		p.overflowed.Add(fn.calls())
	}
}

// Stats describes the profiler; a nil one is all zeros.
func (p *Profiler) Stats() Stats {
	if p == nil {
		return Stats{}
	}
	known := *p.functions.Load()
	s := Stats{
		Enabled:          p.Enabled(),
		ThresholdSeconds: p.Threshold().Seconds(),
		Functions:        len(known),
		MaxFunctions:     int(p.maxFunctions.Load()),
		Overflowed:       p.overflow(known),
		TimeEvery:        int(p.timeEvery.Load()),
	}
	cost, spent := calibrate(), 0.0
	for _, fn := range known {
		timed, untimed, nested := fn.total.calls(), fn.sampler.untimed.Load(), fn.nested.Load()
		s.Calls += timed + untimed
		s.Errors += fn.errors.Load()
		spent += float64(timed-min(nested, timed))*cost.timed + float64(untimed)*cost.counted + float64(nested)*cost.nested
	}
	s.CallOverheadSeconds, s.OverheadRatio = cost.timed, p.overhead.recent(p.now(), spent)
	return s
}

// overflow counts the calls of [OtherFunction] since start.
func (p *Profiler) overflow(known map[string]*function) uint64 {
	n := p.overflowed.Load()
	if other, ok := known[OtherFunction]; ok {
		n += other.calls()
	}
	return n
}

// Functions returns what is known of every function, by name.
func (p *Profiler) Functions() []FunctionStats {
	if p == nil {
		return []FunctionStats{}
	}
	fns := p.sorted()
	out := make([]FunctionStats, len(fns))
	for i, fn := range fns {
		out[i] = fn.stats(p)
	}
	return out
}

// Function returns what is known of one function.
func (p *Profiler) Function(name string) (FunctionStats, bool) {
	if p == nil {
		return FunctionStats{}, false
	}
	fn, ok := (*p.functions.Load())[name]
	if !ok {
		return FunctionStats{}, false
	}
	return fn.stats(p), true
}

// sorted returns the functions in order of their names.
func (p *Profiler) sorted() []*function {
	known := *p.functions.Load()
	fns := make([]*function, 0, len(known))
	for _, fn := range known {
		fns = append(fns, fn)
	}
	sort.Slice(fns, func(i, j int) bool { return fns[i].name < fns[j].name })
	return fns
}

package profiler

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// lastGrain is how exactly the end of the newest call is known. Writing it for every call
// would make processors fight for its cache line.
const lastGrain = int64(time.Millisecond)

// function holds what is recorded under one name. Fields that every call reads lie apart
// from the one that every call writes, so that they stay in each processor's cache.
type function struct {
	p         *Profiler
	name      string
	total     histogram
	minNanos  atomic.Int64
	maxNanos  atomic.Int64
	lastNanos atomic.Int64 // end of the newest call, since the profiler's epoch, to lastGrain
	nextMark  atomic.Int64 // when the next mark of the recent window is due
	removed   atomic.Bool  // cleared: a Site must look its name up again
	cost      atomic.Pointer[Cost]
	cause     atomic.Pointer[Cause]

	_          [64]byte
	sumNanos   atomic.Uint64 // of the timed calls, each times its weight
	childNanos atomic.Uint64 // of sumNanos, the part covered by nested calls
	nested     atomic.Uint64 // timed calls that had a frame
	errors     atomic.Uint64
	_          [64]byte
	sampler    sampler
	_          [64]byte

	window window

	mu     sync.Mutex // guards the rings
	slow   ring
	failed ring
}

func newFunction(p *Profiler, name string) *function {
	fn, now := &function{p: p, name: name}, p.now()
	fn.minNanos.Store(math.MaxInt64)
	fn.lastNanos.Store(now - lastGrain)
	fn.nextMark.Store(now + markEvery)
	fn.window.start(now)
	return fn
}

// record counts one timed call that ended at the time end. It takes no lock except, once in
// markEvery, that of the window.
func (fn *function) record(nanos, end int64, weight uint64) {
	if end >= fn.nextMark.Load() {
		fn.mark(end)
	}
	fn.total.record(uint64(nanos))
	fn.sumNanos.Add(uint64(nanos) * weight)
	if weight > 1 {
		fn.sampler.covered.Add(weight - 1)
	}
	for v := fn.minNanos.Load(); nanos < v; v = fn.minNanos.Load() {
		if fn.minNanos.CompareAndSwap(v, nanos) {
			break
		}
	}
	for v := fn.maxNanos.Load(); nanos > v; v = fn.maxNanos.Load() {
		if fn.maxNanos.CompareAndSwap(v, nanos) {
			break
		}
	}
	if end-fn.lastNanos.Load() >= lastGrain {
		fn.lastNanos.Store(end)
	}
}

// keep stores a call in the rings it belongs to.
func (fn *function) keep(e Exemplar, slow, failed bool, limit int) {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	if slow {
		fn.slow.add(e, limit)
	}
	if failed {
		fn.failed.add(e, limit)
	}
}

func (fn *function) exemplars() (slow, failed []Exemplar) {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	return fn.slow.newestFirst(), fn.failed.newestFirst()
}

// calls counts the calls of fn, timed or not.
func (fn *function) calls() uint64 { return fn.total.calls() + fn.sampler.untimed.Load() }

// stats reads fn. Calls that end meanwhile may be in some figures and not yet in others.
func (fn *function) stats(p *Profiler) FunctionStats {
	s, _ := fn.read(p)
	s.Exemplars, s.RecentErrors = fn.exemplars()
	return s
}

// read returns the figures of fn, without exemplars, and the counts they come from.
func (fn *function) read(p *Profiler) (FunctionStats, counts) {
	recent := fn.recent(p.now())
	covered := fn.sampler.covered.Load() // before the calls that it goes with, so that there are not fewer
	c := fn.total.snapshot()
	s := FunctionStats{
		Name: fn.name, Calls: c.total + fn.sampler.untimed.Load(), TimedCalls: c.total,
		Errors: fn.errors.Load(), Recent: recent, Cost: fn.costs(), Cause: fn.cause.Load(),
	}
	// A record counts into the histogram first, so the extremes may not be there yet.
	low, high := fn.minNanos.Load(), fn.maxNanos.Load()
	if c.total == 0 || low > high {
		return s, c
	}
	s.MinSeconds, s.MaxSeconds = seconds(low), seconds(high)
	// Subtract before the sum is read again, or self time could be seen as negative.
	child := fn.childNanos.Load()
	sum := fn.sumNanos.Load()
	s.TotalSeconds = float64(sum) / 1e9
	s.SelfSeconds = float64(sum-min(child, sum)) / 1e9
	s.MeanSeconds = s.TotalSeconds / float64(c.total+covered)
	at := func(q float64) float64 { return within(c.quantile(q)/1e9, s.MinSeconds, s.MaxSeconds) }
	s.P50Seconds, s.P90Seconds, s.P95Seconds = at(0.5), at(0.9), at(0.95)
	s.P99Seconds, s.P999Seconds = at(0.99), at(0.999)
	s.LastCalled = p.epoch.Add(time.Duration(fn.lastNanos.Load()))
	return s, c
}

func seconds(nanos int64) float64 { return float64(nanos) / 1e9 }

// within keeps a bucket's midpoint inside the exact extremes.
func within(v, low, high float64) float64 { return min(max(v, low), high) }

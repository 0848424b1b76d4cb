package profiler

import (
	"context"
	"sync"
	"time"
)

const (
	calibrationCalls  = 500
	calibrationRounds = 5
	// overheadSpan is the least span that the recent overhead is taken over.
	overheadSpan = int64(10 * time.Second)
)

// callCost is what one recorded call costs, in seconds of a processor.
type callCost struct{ counted, timed, nested float64 }

// calibrate measures it once in the life of the program.
var calibrate = sync.OnceValue(measureCost)

// measureCost takes about a millisecond.
func measureCost() callCost {
	p := &Profiler{epoch: time.Now()}
	p.functions.Store(&map[string]*function{})
	p.enabled.Store(true)
	p.set(Config{Threshold: time.Hour})
	fn := newFunction(p, "calibration")
	ctx := context.Background()
	nested := fastest(func() { _, c := fn.beginIn(ctx); c.End(nil) })
	timed := fastest(func() { fn.begin().End(nil) })
	p.timeEvery.Store(maxTimeEvery)
	return callCost{counted: fastest(func() { fn.begin().End(nil) }), timed: timed, nested: nested}
}

// fastest is the least mean of some rounds: others may have been interrupted.
func fastest(call func()) float64 {
	best := time.Duration(1<<63 - 1)
	for range calibrationRounds {
		start := time.Now()
		for range calibrationCalls {
			call()
		}
		best = min(best, time.Since(start))
	}
	return best.Seconds() / calibrationCalls
}

// overhead remembers what the profiler had cost at a time or two, to tell what it costs now.
type overhead struct {
	mu       sync.Mutex // guards the fields below
	old, new struct {
		at    int64
		spent float64
	}
}

// recent returns the seconds spent for each second since a time overheadSpan ago or longer, or since
// start.
func (o *overhead) recent(now int64, spent float64) float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now-o.new.at >= overheadSpan {
		o.old = o.new
		o.new.at, o.new.spent = now, spent
	}
	if now <= o.old.at {
		return 0
	}
	return max(spent-o.old.spent, 0) / seconds(now-o.old.at) // functions may have been cleared
}

package capture

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"github.com/sentientcore/upshift/profiler"
)

// Signals are what a [Recorder] cannot see by itself. Each may be nil. The functions are asked every
// five seconds and must answer at once.
type Signals struct {
	// Profiler has the functions to which processor time and bytes are attributed.
	Profiler *profiler.Profiler
	// Slowest is the function with the greatest p99 of the last minute.
	Slowest func() (name string, p99 time.Duration)
	// MemoryUsed is the share of the memory limit in use, 0 to 1.
	MemoryUsed func() float64
}

const (
	// A surge is a reading above a floor and surgeRatio times the mean of the readings before it.
	surgeRatio     = 1.5
	surgeReadings  = 12 // a minute
	surgeWarm      = 6
	heapFloor      = 64 << 20
	goroutineFloor = 1000
	// nearDeath is the share of the memory limit from which nothing is captured: a capture needs
	// memory too.
	nearDeath = 0.95
	// automaticSeconds is how long automatic captures record.
	automaticSeconds = 5
)

// The reasons of automatic captures.
const (
	causeP99        = "p99"
	causeCPU        = "cpu"
	causeHeap       = "heap"
	causeGoroutines = "goroutines"
)

// reading is the process at one time.
type reading struct {
	cpu        float64 // share of the usable processors since the reading before
	heap       float64 // bytes
	goroutines float64
	slowest    string
	p99        time.Duration
	memoryUsed float64
}

// cause is a surge and what explains it.
type cause struct {
	name, evidence string
	kinds          []string
}

// watch looks for surges. Only Run's goroutine uses it.
type watch struct {
	signals          Signals
	heap, goroutines []float64
	last             map[string]time.Time

	self    *process.Process
	cpuTime float64
	at      time.Time
}

func newWatch(signals Signals) *watch { return &watch{signals: signals, last: map[string]time.Time{}} }

// look takes one reading and begins what it calls for.
func (r *Recorder) look(at time.Time) {
	r.mu.Lock()
	cfg := r.cfg
	r.mu.Unlock()
	if cfg.Manual {
		return
	}
	now := r.watch.read(at)
	causes := r.watch.judge(cfg, now)
	due, limited := r.watch.due(causes, at, cfg.AutomaticInterval)
	suppressed := 0
	if now.memoryUsed >= nearDeath {
		suppressed, due = len(due), nil
	}
	taken := 0
	for _, c := range due {
		r.watch.last[c.name] = at
		for _, kind := range c.kinds {
			_, err := r.start(Request{Kind: kind, Seconds: min(automaticSeconds, maxOf(kind))},
				Capture{Automatic: true, Reason: c.evidence})
			if errors.Is(err, ErrFull) {
				limited++
				continue
			}
			taken++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Automatic += uint64(taken)
	r.stats.RateLimited += uint64(limited)
	r.stats.Suppressed += uint64(suppressed)
}

// due are the causes that were not captured for lately, and how many were.
func (w *watch) due(causes []cause, at time.Time, interval time.Duration) (due []cause, limited int) {
	for _, c := range causes {
		if last, ok := w.last[c.name]; ok && at.Sub(last) < interval {
			limited++
			continue
		}
		due = append(due, c)
	}
	return due, limited
}

// judge names the surges in a reading.
func (w *watch) judge(cfg Config, now reading) []cause {
	var found []cause
	if now.p99 >= cfg.P99 {
		kinds := []string{CPU, Wall, Goroutine}
		if now.goroutines > maxWallGoroutines {
			kinds = []string{CPU, Goroutine}
		}
		found = append(found, cause{causeP99, fmt.Sprintf("p99 of %s is %v, at or above %v",
			now.slowest, now.p99.Round(time.Millisecond), cfg.P99), kinds})
	}
	if now.cpu >= cfg.CPU {
		found = append(found, cause{causeCPU, fmt.Sprintf("%.0f %% of the processors in use, at or above %.0f %%",
			100*now.cpu, 100*cfg.CPU), []string{CPU}})
	}
	if mean, yes := surge(&w.heap, now.heap, heapFloor); yes {
		found = append(found, cause{causeHeap, fmt.Sprintf("heap of %.0f MiB, %.1f times the mean of the minute before",
			now.heap/(1<<20), now.heap/mean), []string{Heap}})
	}
	if mean, yes := surge(&w.goroutines, now.goroutines, goroutineFloor); yes {
		found = append(found, cause{causeGoroutines, fmt.Sprintf("%.0f goroutines, %.1f times the mean of the minute before",
			now.goroutines, now.goroutines/mean), []string{Goroutine}})
	}
	return found
}

// surge holds v against the readings before it, and keeps it.
func surge(before *[]float64, v, floor float64) (mean float64, yes bool) {
	for _, b := range *before {
		mean += b / float64(len(*before))
	}
	yes = len(*before) >= surgeWarm && v >= floor && v >= surgeRatio*mean
	*before = append(*before, v)
	if len(*before) > surgeReadings {
		*before = (*before)[1:]
	}
	return mean, yes
}

func (w *watch) read(at time.Time) reading {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(samples)
	now := reading{heap: float64(samples[0].Value.Uint64()), goroutines: float64(samples[1].Value.Uint64()), cpu: w.readCPU(at)}
	if w.signals.Slowest != nil {
		now.slowest, now.p99 = w.signals.Slowest()
	}
	if w.signals.MemoryUsed != nil {
		now.memoryUsed = w.signals.MemoryUsed()
	}
	return now
}

// readCPU is the share of the usable processors since the last time; 0 where the system does not
// tell, and the first time.
func (w *watch) readCPU(at time.Time) float64 {
	if w.self == nil {
		self, err := process.NewProcess(int32(os.Getpid()))
		if err != nil {
			return 0
		}
		w.self = self
	}
	times, err := w.self.Times()
	if err != nil {
		return 0
	}
	used, span := times.User+times.System, at.Sub(w.at).Seconds()
	gained, first := used-w.cpuTime, w.at.IsZero()
	w.cpuTime, w.at = used, at
	if first || span <= 0 {
		return 0
	}
	return gained / span / float64(runtime.GOMAXPROCS(0))
}

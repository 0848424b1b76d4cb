package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

// What a finding needs. Shares are of the own time of a function's calls, unless something else is said.
const (
	leastCalls   = 10
	leastWeight  = 0.05 // of the time of all functions
	leastPerCall = time.Millisecond

	lockShare      = 0.2
	queueShare     = 0.3
	schedulerShare = 0.35
	gcShare        = 0.1
	gcOfProcess    = 0.25 // of the processor time of the process

	// A function computes too much, or waits too long for others, when it is most of the time of all
	// functions and its calls are long, or when they reach the threshold of the profiler.
	mostShare   = 0.6
	heavyWeight = 0.5
	longCall    = 10 * time.Millisecond
	heavyCPU    = 0.4 // of all processors
	crowd       = 4   // as many that are ready to each that runs are too many at once

	repeats      = 8   // calls of one function in each call of another
	repeatsShare = 0.5 // of its time

	tailCalls  = 100
	tailFactor = 10
	tailShare  = 0.3

	slowerFactor = 1.3
	slowerCalls  = 30
)

// Finding is the cause of a function's slowness.
type Finding struct {
	Function string `json:"function"`
	profiler.Cause
}

// process is what a look knows besides the trace.
type process struct {
	processors int
	threshold  time.Duration
	// gcShare is the share of the collector in the processor time of the process.
	gcShare float64
	// before are the durations of calls at earlier looks, sorted.
	before map[string][]time.Duration
}

// judge names the cause of each function that has one, greatest share first.
func judge(t *spent, p process) []Finding {
	all := time.Duration(0)
	for _, fn := range t.Functions {
		all += fn.Self.Total()
	}
	found := []Finding{}
	covered := map[string]bool{} // by the finding of a function that calls them
	for _, name := range sorted(t.Functions) {
		fn := t.Functions[name]
		if child, c, ok := fn.repeated(all); ok {
			covered[child] = true
			found = append(found, Finding{name, c})
		}
	}
	for _, name := range sorted(t.Functions) {
		fn := t.Functions[name]
		if covered[name] || slices.ContainsFunc(found, func(f Finding) bool { return f.Function == name }) {
			continue
		}
		if c, ok := fn.cause(t, all, p); ok {
			found = append(found, Finding{name, c})
		}
	}
	if slices.ContainsFunc(found, func(f Finding) bool { return f.Kind == profiler.CauseCPU && t.Functions[f.Function].hot(t, p) }) {
		// What the others wait for is the processors that it takes.
		found = slices.DeleteFunc(found, func(f Finding) bool { return f.Kind == profiler.CauseScheduler })
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(b.ShareRatio, a.ShareRatio) })
	return found
}

// repeated tells that a function makes many calls of another in each of its own.
func (fn *Function) repeated(all time.Duration) (child string, _ profiler.Cause, ok bool) {
	if fn.Calls == 0 {
		return "", profiler.Cause{}, false
	}
	for _, name := range sorted(fn.children) {
		e := fn.children[name]
		each := float64(e.calls) / float64(fn.Calls)
		share, weight := ratio(e.total, fn.Total), ratio(e.total, all)
		if each < repeats || share < repeatsShare || weight < leastWeight || fn.Calls < 3 || fn.Total/time.Duration(fn.Calls) < longCall {
			continue
		}
		return name, profiler.Cause{
			Kind: profiler.CauseNPlusOne, ShareRatio: min(weight, 1),
			Evidence: fmt.Sprintf("each of its calls makes %.0f of %s one after the other, which are %.0f %% of its time",
				each, name, 100*share),
			Action: "Ask for all at once (one query with a list, a batch request), or make the calls side by side.",
		}, true
	}
	return "", profiler.Cause{}, false
}

// cause is what stands out in one function.
func (fn *Function) cause(t *spent, all time.Duration, p process) (profiler.Cause, bool) {
	self := fn.Self.Total()
	weight := ratio(self, all)
	if weight < leastWeight || fn.Calls < leastCalls {
		return profiler.Cause{}, false
	}
	for _, look := range []func(*spent, process) (profiler.Cause, time.Duration){
		fn.regression, fn.contended, fn.starved, fn.tail, fn.collected, fn.heavy,
	} {
		if c, part := look(t, p); c.Kind != "" {
			if c.Kind == profiler.CauseCPU || c.Kind == profiler.CauseIO {
				if !fn.stands(t, weight, p) {
					continue
				}
			}
			c.ShareRatio = min(ratio(part, all), 1)
			return c, true
		}
	}
	return profiler.Cause{}, false
}

// stands tells whether a function that works or waits as it should is worth a word.
func (fn *Function) stands(t *spent, weight float64, p process) bool {
	mean := fn.Self.Total() / time.Duration(fn.Calls)
	return fn.hot(t, p) || weight >= heavyWeight && mean >= longCall || p.threshold > 0 && mean >= p.threshold
}

// hot tells whether a function takes a great part of all processors, without being a crowd that
// fights over them.
func (fn *Function) hot(t *spent, p process) bool {
	return ratio(fn.Self.Running, t.Span*time.Duration(p.processors)) >= heavyCPU && fn.Self.Scheduler < crowd*fn.Self.Running
}

// perCall tells whether a part of the own time is both a share of it and long for each call.
func (fn *Function) perCall(part time.Duration, share float64) bool {
	return ratio(part, fn.Self.Total()) >= share && part/time.Duration(fn.Calls) >= leastPerCall
}

func (fn *Function) share(part time.Duration) string {
	text := fmt.Sprintf("%.0f %% of its %v a call", 100*ratio(part, fn.Self.Total()),
		(fn.Self.Total() / time.Duration(fn.Calls)).Round(10*time.Microsecond))
	return text
}

// contended is waiting for other goroutines.
func (fn *Function) contended(*spent, process) (profiler.Cause, time.Duration) {
	where := ""
	if fn.Where != "" {
		where = ", most of it in " + fn.Where
	}
	switch s := fn.Self; {
	case s.Lock >= s.Queue && fn.perCall(s.Lock, lockShare):
		return profiler.Cause{
			Kind: profiler.CauseLock, Evidence: "it waits for a lock for " + fn.share(s.Lock) + where,
			Action: "Hold the lock for less: move I/O and slow work out of it, split it, or copy what is read.",
		}, s.Lock
	case fn.perCall(s.Queue, queueShare):
		return profiler.Cause{
			Kind: profiler.CauseQueue, Evidence: "it waits for a slot, a connection or a channel for " + fn.share(s.Queue) + where,
			Action: "Widen what is too narrow (workers, connections, buffer), or turn work away earlier.",
		}, s.Queue
	}
	return profiler.Cause{}, 0
}

// tail is a few calls that are much slower than the rest.
func (fn *Function) tail(*spent, process) (profiler.Cause, time.Duration) {
	n := len(fn.durations)
	if n < tailCalls {
		return profiler.Cause{}, 0
	}
	median, p99 := fn.durations[n/2], fn.durations[n-1-n/100]
	if p99 < tailFactor*median || p99 < longCall {
		return profiler.Cause{}, 0
	}
	slow, all := time.Duration(0), time.Duration(0)
	count := 0
	for _, d := range fn.durations {
		all += d
		if d >= tailFactor*median/2 {
			slow += d
			count++
		}
	}
	if ratio(slow, all) < tailShare || count > n/5 {
		return profiler.Cause{}, 0
	}
	return profiler.Cause{
		Kind: profiler.CauseTail,
		Evidence: fmt.Sprintf("%d of %d calls take %.0f %% of the time: p99 is %v, the median %v",
			count, n, 100*ratio(slow, all), p99.Round(10*time.Microsecond), median.Round(10*time.Microsecond)),
		Action: "See what the kept slow calls have in common; set a deadline, or hedge.",
	}, time.Duration(ratio(slow, all) * float64(fn.Self.Total()))
}

// collected is helping the garbage collector.
func (fn *Function) collected(_ *spent, p process) (profiler.Cause, time.Duration) {
	assists := ratio(fn.Self.GC, fn.Self.Total()) >= gcShare
	works := ratio(fn.Self.Running+fn.Self.GC, fn.Self.Total()) >= mostShare
	if !assists && !(p.gcShare >= gcOfProcess && works) {
		return profiler.Cause{}, 0
	}
	return profiler.Cause{
		Kind: profiler.CauseGC,
		Evidence: fmt.Sprintf("the collector takes %.0f %% of the processor time of the process; helping it is %s",
			100*p.gcShare, fn.share(fn.Self.GC)),
		Action: "Allocate less (cost.alloc says which calls do), reuse buffers, or give memory.gc_tuner a limit with more room.",
	}, max(fn.Self.GC, time.Duration(p.gcShare*float64(fn.Self.Total())))
}

// starved is being ready without a processor.
func (fn *Function) starved(t *spent, p process) (profiler.Cause, time.Duration) {
	if fn.hot(t, p) || !fn.perCall(fn.Self.Scheduler, schedulerShare) {
		return profiler.Cause{}, 0
	}
	return profiler.Cause{
		Kind: profiler.CauseScheduler, Evidence: "it is ready and waits for a processor for " + fn.share(fn.Self.Scheduler),
		Action: "Let fewer compute at once than there are processors, add processors, or make what computes cheaper.",
	}, fn.Self.Scheduler
}

// heavy is what computes, or waits for others.
func (fn *Function) heavy(t *spent, p process) (profiler.Cause, time.Duration) {
	s, most := fn.Self, time.Duration(mostShare*float64(fn.Self.Total()))
	computes := s.Running
	if fn.hot(t, p) {
		computes += s.Scheduler // it waits for itself
	}
	switch {
	case computes >= most:
		return profiler.Cause{
			Kind: profiler.CauseCPU,
			Evidence: fmt.Sprintf("it computes for %s, and takes %.0f %% of the processors",
				fn.share(s.Running), 100*ratio(s.Running, t.Span*time.Duration(p.processors))),
			Action: "Capture a CPU profile (upshift profile) and make the hottest lines cheaper, or cache the result.",
		}, computes
	case s.IO >= most:
		where := ""
		if fn.Where != "" {
			where = ", most of it in " + fn.Where
		}
		return profiler.Cause{
			Kind: profiler.CauseIO, Evidence: "it waits for the network, a file or a timer for " + fn.share(s.IO) + where,
			Action: "Cache the answer, ask something nearer or faster, or ask earlier and side by side.",
		}, s.IO
	}
	return profiler.Cause{}, 0
}

// regression is being slower than at earlier looks: the intervals of the medians are apart.
func (fn *Function) regression(_ *spent, p process) (profiler.Cause, time.Duration) {
	before := p.before[fn.Name]
	if len(before) < slowerCalls || len(fn.durations) < slowerCalls {
		return profiler.Cause{}, 0
	}
	_, high := medianInterval(before)
	low, _ := medianInterval(fn.durations)
	was, is := before[len(before)/2], fn.durations[len(fn.durations)/2]
	if float64(low) < slowerFactor*float64(high) || is-was < leastPerCall {
		return profiler.Cause{}, 0
	}
	return profiler.Cause{
		Kind: profiler.CauseRegression,
		Evidence: fmt.Sprintf("the median call takes %v, at earlier looks %v (%d and %d calls)",
			is.Round(10*time.Microsecond), was.Round(10*time.Microsecond), len(fn.durations), len(before)),
		Action: "See what changed: a deployment, the data, a backend; compare two captures.",
	}, time.Duration(float64(fn.Self.Total()) * (1 - ratio(was, is)))
}

// medianInterval is the interval that holds the median with 99 %, from sorted durations: by the order
// of them, of which half are below it like tosses of a coin.
func medianInterval(sorted []time.Duration) (low, high time.Duration) {
	n := float64(len(sorted))
	margin := 2.576 * math.Sqrt(n) / 2
	at := func(i float64) time.Duration { return sorted[min(max(int(i), 0), len(sorted)-1)] }
	return at(math.Floor(n/2 - margin)), at(math.Ceil(n/2 + margin))
}

func ratio(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

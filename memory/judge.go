package memory

import "fmt"

const (
	// leastUseful is the least that a forced collection must promise.
	leastUseful = 1 << 20
	// spiralShare of the processor spent on collecting means that live memory is at the
	// limit; the runtime itself stops at one half. Collecting more only takes more away.
	spiralShare = 0.25
	// maxBackOff bounds the Checks passed over after collections that freed little.
	maxBackOff = 32
	// leastCPUSeconds of processor time available are what a share is taken of; in less, a
	// single collection would look like a spiral.
	leastCPUSeconds = 1
)

// judge decides whether a collection can help, and learns from those that did not.
type judge struct {
	gcCPU, cpu float64 // at the last Check
	fruitless  int     // collections in a row that freed little
	passOver   int     // Checks to pass over before the next try
}

// caseFor is what the judge looks at.
type caseFor struct {
	use        usage
	garbage    int64 // objects that the last collection did not find live, an upper bound
	unreturned int64 // free pages that count against the limit
	held       int64 // what the runtime has from the system
	relieved   bool  // caches or pools were asked to let go, of objects that counted as live
	collector  float64
}

// useful is what a collection must free to be worth its cost: 5 % of what the runtime
// holds and 1 % of the limit.
func (c caseFor) useful() int64 { return max(leastUseful, c.held/20, c.use.limit/100) }

// collectorShare returns the collector's share of the processor since the last call, or 0
// where that is too short a time to tell.
func (j *judge) collectorShare(r runtimeReading) float64 {
	gcCPU, cpu := r.gcCPU-j.gcCPU, r.cpu-j.cpu
	if cpu < leastCPUSeconds {
		return 0
	}
	j.gcCPU, j.cpu = r.gcCPU, r.cpu
	return gcCPU / cpu
}

// canHelp tells whether to collect, and why or why not.
func (j *judge) canHelp(c caseFor) (bool, string) {
	over := fmt.Sprintf("use is %.1f %% of the %s limit of %s",
		100*c.use.ratio(), c.use.source, inMiB(c.use.limit))
	if c.collector >= spiralShare {
		return false, fmt.Sprintf("%s, but collecting already takes %.0f %% of the processor: "+
			"raise the limit or take on less work", over, 100*c.collector)
	}
	reclaimable := c.garbage + c.unreturned
	enough := reclaimable >= c.useful()
	if !enough && !c.relieved {
		return false, fmt.Sprintf("%s, but at most %s could be freed of the %s this process holds: "+
			"live objects or other processes fill it", over, inMiB(reclaimable), inMiB(c.held))
	}
	if j.passOver > 0 {
		j.passOver--
		return false, fmt.Sprintf("%s, but the last %d forced collections freed little: "+
			"%d more checks pass before the next", over, j.fruitless, j.passOver)
	}
	if enough {
		return true, fmt.Sprintf("%s and up to %s can be freed", over, inMiB(reclaimable))
	}
	return true, over + " and caches or pools were just asked to let go of memory"
}

// learn doubles the wait after each collection that freed too little, and ends it
// after one that did not.
func (j *judge) learn(c caseFor, gc GCResult) {
	if max(gc.FreedBytes, gc.ReturnedBytes) >= c.useful() {
		j.fruitless, j.passOver = 0, 0
		return
	}
	j.fruitless++
	j.passOver = min(1<<min(j.fruitless-1, 10), maxBackOff)
}

func inMiB(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

package memory

import (
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// What state the tuner is in.
const (
	TunerOff     = "off"
	TunerNoLimit = "no_limit" // nothing to tune against: the runtime's own setting stands
	TunerFar     = "far"      // live memory is far from the limit: collect seldom
	TunerNear    = "near"     // it is near: the limit alone decides, and somebody should act
	TunerFull    = "full"     // and collecting takes much of the processor: act now
)

// The bounds of what the tuner sets.
const (
	DefaultGCTarget = 0.9

	leastGOGC   = 100  // never collect more often than the runtime's default while far
	mostGOGC    = 800  // beyond, little is left to gain and memory would fill for nothing
	nearShare   = 0.75 // live share of the budget at which the alarm begins
	leaveShare  = 0.7  // and ends
	leastBudget = 16 << 20
	keptChanges = 50
)

// GCChange is one change of the tuner, with its reason.
type GCChange struct {
	Time time.Time `json:"time"`
	// State is far, near, full, no_limit or off.
	State string `json:"state"`
	// GOGC and SoftLimitBytes (GOMEMLIMIT) are what was set, -1 and 0 meaning none.
	GOGC           int   `json:"gogc"`
	SoftLimitBytes int64 `json:"soft_limit_bytes"`
	// LiveBytes and LimitBytes are what it rests on.
	LiveBytes  int64  `json:"live_bytes"`
	LimitBytes int64  `json:"limit_bytes"`
	Reason     string `json:"reason"`
}

// TunerStats is the state of the garbage collector's tuner.
type TunerStats struct {
	Enabled bool   `json:"enabled"`
	State   string `json:"state"`
	// Alarm says what to do, empty while all is well.
	Alarm string `json:"alarm,omitempty"`
	// Changes are the last fifty, oldest first; never nil. ChangeCount counts all.
	Changes     []GCChange `json:"changes"`
	ChangeCount uint64     `json:"change_count"`
}

// tuneInput is what a decision rests on.
type tuneInput struct {
	limit     int64   // hard limit in bytes; 0: none
	source    string  // of the limit
	soft      int64   // GOMEMLIMIT as the program set it before the tuner; 0: none
	target    float64 // share of the limit that may be filled
	live      int64   // heap found in use by the last collection, with stacks and globals
	other     int64   // resident memory that Go does not hold: C, mapped files
	overhead  int64   // of Go: stacks and the runtime's own
	collector float64 // share of the processor that collecting took lately
	state     string  // now in force
}

// tuning is a decision.
type tuning struct {
	state  string
	gogc   int
	soft   int64
	reason string
	alarm  string
}

// decide is the whole policy. With live memory far from the limit GOGC is what fills the
// budget by the next collection, so that there are few, and GOMEMLIMIT at the budget keeps
// a burst from going over. Near the limit only GOMEMLIMIT decides.
func decide(in tuneInput) tuning {
	if in.limit <= 0 {
		return tuning{
			state: TunerNoLimit, soft: in.soft,
			reason: "there is no limit to tune against: set memory.limit_bytes, GOMEMLIMIT or the container's limit",
		}
	}
	budget := int64(in.target*float64(in.limit)) - in.other
	switch {
	case in.source == SourceGo: // the program's own word is the budget
		budget = in.limit
	case in.soft > 0:
		budget = min(in.soft, budget)
	}
	budget = max(budget, leastBudget)
	heap := max(budget-in.overhead, leastBudget)
	share := float64(in.live) / float64(heap)
	of := fmt.Sprintf("live heap is %s, %.0f %% of the %s that the %s limit of %s leaves it",
		inMiB(in.live), 100*share, inMiB(heap), in.source, inMiB(in.limit))
	threshold := nearShare
	if in.state == TunerNear || in.state == TunerFull {
		threshold = leaveShare
	}
	if share < threshold {
		gogc := mostGOGC
		if in.live > 0 {
			gogc = int(math.Min(100*float64(heap-in.live)/float64(in.live), mostGOGC))
		}
		return tuning{
			state: TunerFar, gogc: max(gogc, leastGOGC), soft: budget,
			reason: of + ": collect when the rest is filled",
		}
	}
	alarm := of + ": raise the limit, lower cache.max_bytes, or take on less work"
	next := tuning{state: TunerNear, gogc: leastGOGC, soft: budget, reason: of + ": only the limit decides", alarm: alarm}
	if in.collector >= spiralShare || in.state == TunerFull && in.collector >= spiralShare/2 {
		next.state = TunerFull
		next.reason = fmt.Sprintf("%s, and collecting takes %.0f %% of the processor", of, 100*in.collector)
	}
	return next
}

// tuner puts decisions in force and remembers them.
type tuner struct {
	mu      sync.Mutex // guards the fields below
	on      bool
	began   bool // settings below were saved and may be changed
	gogc    int  // as they were before
	soft    int64
	now     tuning
	share   judge // its view of the collector's share
	changes []GCChange
	count   uint64
}

// unlimited is what GOMEMLIMIT is while there is none.
const unlimited = math.MaxInt64

// tune looks once and changes what differs enough.
func (t *tuner) tune(in tuneInput, r runtimeReading, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on {
		return
	}
	if !t.began {
		t.began, t.gogc, t.soft = true, r.gc.GOGC, r.gc.LimitBytes
		t.now = tuning{gogc: r.gc.GOGC, soft: r.gc.LimitBytes}
	}
	in.soft, in.state = t.soft, t.now.state
	if share := t.share.collectorShare(r); share > 0 {
		in.collector = share
	}
	next := decide(in)
	if next.state == TunerNoLimit {
		next.gogc = t.gogc // what the program set stands
	}
	if !next.differs(t.now) {
		t.now.alarm = next.alarm
		return
	}
	t.set(next, in, now)
}

// differs tells whether a change is worth stopping the world for: another state, a tenth in
// GOGC, a fiftieth in the limit.
func (n tuning) differs(old tuning) bool {
	apart := func(a, b, share float64) bool { return math.Abs(a-b) > share*math.Max(math.Abs(a), math.Abs(b)) }
	return n.state != old.state || apart(float64(n.gogc), float64(old.gogc), 0.1) ||
		apart(float64(n.soft), float64(old.soft), 0.02)
}

// set puts a decision in force. The caller holds the lock.
func (t *tuner) set(next tuning, in tuneInput, now time.Time) {
	if next.soft != t.now.soft {
		soft := next.soft
		if soft == 0 {
			soft = unlimited
		}
		debug.SetMemoryLimit(soft)
	}
	if next.gogc != t.now.gogc {
		debug.SetGCPercent(next.gogc)
	}
	t.now = next
	t.count++
	if len(t.changes) == keptChanges {
		t.changes = slices.Delete(t.changes, 0, 1)
	}
	t.changes = append(t.changes, GCChange{
		Time: now.UTC(), State: next.state, GOGC: next.gogc, SoftLimitBytes: next.soft,
		LiveBytes: in.live, LimitBytes: in.limit, Reason: next.reason,
	})
}

// turn switches the tuner; turned off it puts back what it found.
func (t *tuner) turn(on bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.on = on
	if on || !t.began {
		return
	}
	t.set(tuning{state: TunerOff, gogc: t.gogc, soft: t.soft, reason: "switched off: GOGC and GOMEMLIMIT are as before"}, tuneInput{}, now)
	t.began = false
}

// active tells whether garbage up to the target is intended.
func (t *tuner) active() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.on && t.began && t.now.state != TunerNoLimit
}

// programLimit returns GOMEMLIMIT as the program set it, which the tuner may have changed.
func (t *tuner) programLimit(current int64) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.began {
		return t.soft
	}
	return current
}

func (t *tuner) stats() TunerStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := TunerStats{Enabled: t.on, State: TunerOff, Changes: append([]GCChange{}, t.changes...), ChangeCount: t.count}
	if t.on && t.began {
		s.State, s.Alarm = t.now.state, t.now.alarm
	}
	return s
}

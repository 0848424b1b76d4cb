package memory

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Kinds of leaks.
const (
	LeakHeap      = "heap"
	LeakGoroutine = "goroutine"
)

// How sure a leak is. A suspect has grown steadily for eighteen minutes; when that has held
// for two more it is probable, and confirmed when it still holds after forty.
const (
	LeakSuspect   = "suspect"
	LeakProbable  = "probable"
	LeakConfirmed = "confirmed"
)

const (
	maxLeakSites = 1000 // series kept; the smallest make room
	maxLeaks     = 100  // reported
	suspectRun   = 3    // looks that found growth, half a minute each
	probableRun  = 7
	confirmedFor = 40 * time.Minute
	lapse        = 6       // failed looks in a row after which counting begins anew
	forgiven     = 20      // those that end a leak
	leastBytes   = 2 << 20 // growth in the window that matters: 0.1 MiB a minute
	leastCount   = 20      // goroutines
)

// SiteUse is what one place in the program keeps.
type SiteUse struct {
	// Kind is LeakHeap or LeakGoroutine, Site the function, file and line.
	Kind string `json:"kind"`
	Site string `json:"site"`
	// Bytes are in use, Count their objects or goroutines; both are estimates where they
	// come from a sampled profile.
	Bytes float64 `json:"bytes"`
	Count float64 `json:"count"`
	// GrainBytes is the weight of one sample of the profile, zero where figures are exact.
	GrainBytes float64 `json:"grain_bytes"`
	// Stack leads to the site, innermost first.
	Stack []string `json:"stack,omitempty"`

	frames []uintptr // the stack before it is written out
}

// LeakSample is what all places keep at one instant.
type LeakSample struct {
	Time time.Time `json:"time"`
	// Kinds are those that were looked at; a site of these that is not in Sites keeps nothing.
	Kinds []string  `json:"kinds"`
	Sites []SiteUse `json:"sites"`
}

// LeakDetector tells from a row of samples which places keep growing. It reads no clock
// and no profile: the same samples give the same answer, so that a recording can be replayed.
// It keeps an hour of a thousand sites in about a megabyte. Not safe for concurrent use. The
// zero value is ready.
type LeakDetector struct {
	sites map[siteKey]*siteState
}

type siteKey struct{ kind, site string }

// siteState is one site and what is thought of it.
type siteState struct {
	series
	use     SiteUse // the newest
	judged  int64   // slot of the last look
	run     int     // looks in a row that found growth
	failed  int     // looks in a row since that did not
	found   bool
	level   string // of confidence, once found
	since   time.Time
	seen    time.Time // last found growing
	current trend
}

// Observe takes one sample in. Samples come in order of time, some seconds apart; a look at the
// trends follows each half minute.
func (d *LeakDetector) Observe(s LeakSample) {
	if d.sites == nil {
		d.sites = map[siteKey]*siteState{}
	}
	slot := slotOf(s.Time)
	present := make(map[siteKey]struct{}, len(s.Sites))
	for _, use := range s.Sites {
		key := siteKey{use.Kind, use.Site}
		present[key] = struct{}{}
		d.note(key, use, slot)
	}
	for key, state := range d.sites {
		if !slices.Contains(s.Kinds, key.kind) {
			continue // nothing new to judge by
		}
		if _, ok := present[key]; !ok {
			state.take(SiteUse{Kind: key.kind, Site: key.site, frames: state.use.frames, Stack: state.use.Stack}, slot)
		}
		if state.judged == slot {
			continue
		}
		state.judged = slot
		state.judge(s.Time)
		if state.idle() {
			delete(d.sites, key)
		}
	}
}

// note keeps a site's use; a new one has to be worth a place.
func (d *LeakDetector) note(key siteKey, use SiteUse, slot int64) {
	state, known := d.sites[key]
	if !known {
		if !use.worth() || len(d.sites) >= maxLeakSites && !d.makeRoom(use) {
			return
		}
		state = &siteState{judged: slot}
		d.sites[key] = state
	}
	state.take(use, slot)
}

// worth tells whether a site is large enough to be followed.
func (u SiteUse) worth() bool {
	if u.Kind == LeakGoroutine {
		return u.Count >= 2
	}
	return u.Bytes >= 64<<10
}

// makeRoom drops the smallest site when it is smaller than use.
func (d *LeakDetector) makeRoom(use SiteUse) bool {
	var least siteKey
	size := use.Bytes
	for key, state := range d.sites {
		if !state.found && state.use.Bytes < size {
			least, size = key, state.use.Bytes
		}
	}
	if size == use.Bytes {
		return false
	}
	delete(d.sites, least)
	return true
}

func (s *siteState) take(use SiteUse, slot int64) {
	s.use = use
	value := use.Bytes
	if use.Kind == LeakGoroutine {
		value = use.Count
	}
	s.add(slot, value)
	if use.GrainBytes > 0 {
		s.grain = use.GrainBytes
	}
}

// idle tells whether nothing was seen of the site for as long as is kept.
func (s *siteState) idle() bool {
	if s.found {
		return false
	}
	for _, v := range s.lows {
		if v > 0 {
			return false
		}
	}
	return len(s.lows) >= keptSlots/2
}

// judge looks at the trend once and moves the confidence.
func (s *siteState) judge(now time.Time) {
	least := float64(leastBytes)
	if s.use.Kind == LeakGoroutine {
		least = leastCount
	}
	t, ok := s.leaking(least)
	if !ok {
		s.failed++
		if s.failed > lapse {
			s.run = 0
		}
		if s.failed > forgiven {
			s.found = false
		}
		return
	}
	s.run++
	s.failed, s.seen, s.current = 0, now, t
	if !s.found && s.run >= suspectRun {
		s.found, s.level = true, LeakSuspect
		s.since = now.Add(-time.Duration(t.span * float64(time.Second)))
	}
	switch {
	case s.found && s.run >= probableRun && now.Sub(s.since) >= confirmedFor:
		s.level = LeakConfirmed
	case s.run >= probableRun && s.level == LeakSuspect:
		s.level = LeakProbable
	}
}

// Leaks returns what is growing, the surest and fastest first, at most a hundred.
func (d *LeakDetector) Leaks() []Leak {
	leaks := []Leak{}
	for _, key := range slices.SortedFunc(maps.Keys(d.sites), func(a, b siteKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.site, b.site))
	}) {
		if state := d.sites[key]; state.found {
			leaks = append(leaks, state.leak())
		}
	}
	slices.SortStableFunc(leaks, func(a, b Leak) int {
		return cmp.Or(cmp.Compare(sureness(b.Confidence), sureness(a.Confidence)),
			cmp.Compare(b.GrowthBytesPerSecond, a.GrowthBytesPerSecond))
	})
	return leaks[:min(len(leaks), maxLeaks)]
}

func sureness(confidence string) int {
	return slices.Index([]string{LeakSuspect, LeakProbable, LeakConfirmed}, confidence)
}

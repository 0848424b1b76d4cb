package memory

import (
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"
	"weak"
)

// TrackerOptions describe a [Tracker].
type TrackerOptions struct {
	// Name says what is tracked.
	Name string
	// Max is the number of objects followed at once; beyond it they are only counted. Zero
	// means 10,000.
	Max int
	// PerSecond is how many new objects are followed in a second; beyond it they are only
	// counted. Zero means 1,000: to follow one costs about 2 µs and 200 bytes.
	PerSecond int
}

// TrackerStats is the record of one tracker.
type TrackerStats struct {
	Name string `json:"name"`
	// Seen objects were given to Track, Followed of them followed; Collected of those are
	// gone, Alive are not.
	Seen      uint64 `json:"seen"`
	Followed  uint64 `json:"followed"`
	Collected uint64 `json:"collected"`
	Alive     int    `json:"alive"`
	// AliveEstimate is Alive for all that were seen, by the share that is followed.
	AliveEstimate float64 `json:"alive_estimate"`
	// OldestSeconds is the age of the oldest that is alive.
	OldestSeconds float64 `json:"oldest_seconds"`
}

// Tracker follows objects of one type without keeping them alive, so that one can see how
// many there are, how old they grow, and which. It is safe for concurrent use.
//
// An object that never dies although nobody should have it is a leak whose name and age are
// known. Objects without pointers of less than 16 bytes share memory with others, and may
// seem to live longer than they do.
type Tracker[T any] struct {
	name      string
	most      int
	perSecond int

	mu        sync.Mutex // guards the fields below
	alive     map[*tracked[T]]struct{}
	second    int64 // of the count below
	inSecond  int
	seen      uint64
	followed  uint64
	collected uint64
}

// tracked is one object. It holds a pointer, so that it is never among the tiny objects
// whose cleanup may not run.
type tracked[T any] struct {
	object weak.Pointer[T]
	since  time.Time
}

// NewTracker returns a tracker that follows nothing yet. Negative bounds count as zero.
func NewTracker[T any](opts TrackerOptions) *Tracker[T] {
	t := &Tracker[T]{name: opts.Name, most: opts.Max, perSecond: opts.PerSecond, alive: map[*tracked[T]]struct{}{}}
	if t.most <= 0 {
		t.most = 10_000
	}
	if t.perSecond <= 0 {
		t.perSecond = 1000
	}
	return t
}

// Track follows an object until it is collected, and tells whether it does: not nil, nor one
// beyond the bounds. Give each object once, and the pointer that its owner keeps.
func (t *Tracker[T]) Track(object *T) bool {
	if object == nil {
		return false
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen++
	if second := now.Unix(); second != t.second {
		t.second, t.inSecond = second, 0
	}
	if t.inSecond >= t.perSecond || len(t.alive) >= t.most {
		return false
	}
	t.inSecond++
	t.followed++
	entry := &tracked[T]{weak.Make(object), now}
	t.alive[entry] = struct{}{}
	runtime.AddCleanup(object, t.gone, entry)
	return true
}

func (t *Tracker[T]) gone(entry *tracked[T]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.alive, entry)
	t.collected++
}

// Oldest yields the objects that are alive with the time since they were given, the oldest
// first. It keeps an object alive only while it is yielded.
func (t *Tracker[T]) Oldest() iter.Seq2[*T, time.Duration] {
	return func(yield func(*T, time.Duration) bool) {
		t.mu.Lock()
		all := make([]*tracked[T], 0, len(t.alive))
		for entry := range t.alive {
			all = append(all, entry)
		}
		t.mu.Unlock()
		slices.SortFunc(all, func(a, b *tracked[T]) int { return a.since.Compare(b.since) })
		for _, entry := range all {
			if object := entry.object.Value(); object != nil && !yield(object, time.Since(entry.since)) {
				return
			}
		}
	}
}

// Stats returns the record. It takes time in proportion to what is alive.
func (t *Tracker[T]) Stats() TrackerStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := TrackerStats{Name: t.name, Seen: t.seen, Followed: t.followed, Collected: t.collected}
	var oldest time.Time
	for entry := range t.alive {
		if entry.object.Value() == nil {
			continue // its cleanup is about to run
		}
		s.Alive++
		if oldest.IsZero() || entry.since.Before(oldest) {
			oldest = entry.since
		}
	}
	if s.Followed > 0 {
		s.AliveEstimate = float64(s.Alive) * float64(s.Seen) / float64(s.Followed)
	}
	if !oldest.IsZero() {
		s.OldestSeconds = time.Since(oldest).Seconds()
	}
	return s
}

// maxTrackers bounds what a Monitor shows.
const maxTrackers = 100

// AddTracker shows a tracker's record in the monitor's statistics; it takes the Stats of a
// [Tracker] of any type. Beyond a hundred they are left out, and false is returned.
func (m *Monitor) AddTracker(stats func() TrackerStats) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if stats == nil || len(m.trackers) >= maxTrackers {
		return false
	}
	m.trackers = append(m.trackers, stats)
	return true
}

func (m *Monitor) trackerStats() (all []TrackerStats, alive int) {
	m.mu.Lock()
	trackers := slices.Clone(m.trackers)
	m.mu.Unlock()
	all = make([]TrackerStats, 0, len(trackers))
	for _, stats := range trackers {
		s := stats()
		all, alive = append(all, s), alive+s.Alive
	}
	return all, alive
}

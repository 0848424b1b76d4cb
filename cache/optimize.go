package cache

import (
	"context"
	"fmt"
	"time"
)

// Optimization is what [Group.Optimize] says of one cache.
type Optimization struct {
	Name string `json:"name"`
	// BeforeBytes and AfterBytes are its share of the budget, BeforeEntries and AfterEntries the
	// entries it may hold.
	BeforeBytes   int64 `json:"before_bytes"`
	AfterBytes    int64 `json:"after_bytes"`
	BeforeEntries int   `json:"before_entries"`
	AfterEntries  int   `json:"after_entries"`
	// HitRatio was measured since its size last changed, ExpectedHitRatio is to be expected with what
	// it has after; 0 to 1. Lookups are those that both rest on.
	HitRatio         float64 `json:"hit_ratio"`
	ExpectedHitRatio float64 `json:"expected_hit_ratio"`
	Lookups          uint64  `json:"lookups"`
	// MissSeconds is what a miss costs: the mean of its loads, or that of the other caches when none
	// was measured. SavedSeconds is the load time that the change saves in an hour, by the curve.
	MissSeconds  float64 `json:"miss_seconds"`
	SavedSeconds float64 `json:"saved_seconds_per_hour"`
	// Why says why it has what it has.
	Why string `json:"why"`
}

// Moved reports whether its size was changed.
func (o Optimization) Moved() bool {
	return o.BeforeBytes != o.AfterBytes || o.BeforeEntries != o.AfterEntries
}

// Expectation is what was expected of a cache when its size was last moved, and what came of it.
type Expectation struct {
	// At is when it was moved.
	At time.Time `json:"at"`
	// HitRatio was expected; Measured is that since, of Lookups.
	HitRatio float64 `json:"hit_ratio"`
	Measured float64 `json:"measured"`
	Lookups  uint64  `json:"lookups"`
}

// outlook is an expectation with the counts of when it was made.
type outlook struct {
	at           int64
	ratio        float64
	hits, misses uint64
}

// Optimize moves room between the caches so that hits save as much load time as they can, by the
// curve of each cache and by what its misses cost. It moves bytes within max_bytes and, between
// caches without a max_size of their own, entries within what these have together. A cache with
// max_bytes or max_size of its own keeps that; all others keep a quarter of an equal part. A cache
// that was asked too little to have a curve keeps what it has, and after half an hour of that gives
// away what it does not use. When less would be gained than chance could explain, nothing is moved.
// So the load time that is saved never becomes less, by the curves. It fails when ctx has ended.
func (g *Group) Optimize(ctx context.Context) ([]Optimization, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	stores := g.sorted()
	all, budget := g.contenders(stores)
	rooms, gain := divide(budget, all)
	if gain > 0 {
		g.lean(all, rooms)
		g.reshare()
	}
	out := make([]Optimization, len(stores))
	for i, s := range stores {
		c := &all[i]
		l := s.bounds()
		o := Optimization{
			Name: s.name, Lookups: uint64(c.lookups), HitRatio: c.ratio, ExpectedHitRatio: c.ratio, MissSeconds: c.missSeconds,
			BeforeBytes: c.has.bytes, AfterBytes: l.maxBytes, BeforeEntries: int(c.has.entries), AfterEntries: l.maxEntries,
		}
		if o.Moved() && c.points != nil {
			o.ExpectedHitRatio = c.expect(room{l.maxBytes, int64(l.maxEntries)})
			o.SavedSeconds = 3600 * c.worth * (o.ExpectedHitRatio - o.HitRatio)
		}
		o.Why = c.why(o.Moved(), gain > 0)
		if o.Moved() {
			s.expect(o.ExpectedHitRatio, c.points != nil)
		}
		out[i] = o
	}
	return out, nil
}

// contenders are the stores as those who share the budget, with mu held.
func (g *Group) contenders(stores []*store) (all []contender, budget room) {
	_, left := g.granted()
	others := 0
	for _, s := range stores {
		if g.limitsOf(s).maxBytes == 0 {
			others++
		}
	}
	least := room{g.leastBytes(left, others), g.leastEntries()}
	for _, s := range stores {
		s.curve.settle()
		s.curve.age()
		n, l := s.stats(), s.bounds()
		c := contender{
			name: s.name, has: room{l.maxBytes, int64(l.maxEntries)}, uses: room{n.Bytes, int64(n.Entries)}, least: least,
			ownBytes: g.limitsOf(s).maxBytes > 0, ownEntries: g.ownEntries(s) > 0,
			reading: s.curve.read(n.Entries, n.Bytes), missSeconds: n.MeanLoadSeconds,
		}
		c.idle = c.points == nil && c.seconds >= time.Duration(halveAfter/2).Seconds()
		budget = budget.plus(c.shared(c.has))
		all = append(all, c)
	}
	value(all)
	return all, budget
}

// value says what hits are worth. A cache whose loads were not measured is taken to miss as dearly as
// the mean of the others, and when none was measured, hits alone count.
func value(all []contender) {
	sum, n := 0.0, uint64(0)
	for i := range all {
		if all[i].missSeconds > 0 {
			sum += all[i].missSeconds
			n++
		}
	}
	for i := range all {
		c := &all[i]
		seconds := c.missSeconds
		switch {
		case n == 0:
			seconds = 1
		case seconds == 0:
			seconds = mean(sum, n)
		}
		c.worth = seconds * c.lookups / max(c.seconds, 1)
	}
}

// lean sets the leanings that give the contenders their rooms, with mu held.
func (g *Group) lean(all []contender, rooms []room) {
	var sum, n leaning
	for i := range all {
		c := &all[i]
		if !c.ownBytes {
			sum.bytes += float64(max(rooms[i].bytes-c.least.bytes, 0))
			n.bytes++
		}
		if !c.ownEntries {
			sum.entries += float64(max(rooms[i].entries-c.least.entries, 0))
			n.entries++
		}
	}
	for i := range all {
		c, l := &all[i], leaning{1, 1}
		if !c.ownBytes && sum.bytes > 0 {
			l.bytes = float64(max(rooms[i].bytes-c.least.bytes, 0)) * n.bytes / sum.bytes
		}
		if !c.ownEntries && sum.entries > 0 {
			l.entries = float64(max(rooms[i].entries-c.least.entries, 0)) * n.entries / sum.entries
		}
		g.leanings[c.name] = l
	}
}

// why says why a contender has what it has, when it was moved or others were.
func (c *contender) why(moved, others bool) string {
	switch {
	case moved && c.idle:
		return "hardly asked, so what it does not use went to others"
	case moved:
		return "moved"
	case c.points == nil:
		return fmt.Sprintf("too few lookups to tell: %.0f since its size last changed, %d are needed", c.lookups, minLookups)
	case c.ownBytes && c.ownEntries:
		return "has max_bytes and max_size of its own"
	case others:
		return "others gain and it loses nothing"
	}
	return "no other size is surely better"
}

// bounds are the limits now.
func (s *store) bounds() limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits
}

// expect keeps what is expected from now on; nothing when that is not known.
func (s *store) expect(ratio float64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outlook = nil
	if known {
		s.outlook = &outlook{at: s.clock.now(), ratio: ratio}
		s.outlook.hits, s.outlook.misses = s.sum()
	}
}

// expectation is what was expected and what came of it, with mu held; nil when nothing was.
func (s *store) expectation(hits, misses uint64) *Expectation {
	o := s.outlook
	if o == nil {
		return nil
	}
	hits, misses = hits-o.hits, misses-o.misses
	return &Expectation{
		At: s.clock.wall(o.at), HitRatio: o.ratio, Lookups: hits + misses, Measured: ratio(hits, hits+misses),
	}
}

package cache

import "math"

const (
	// shadowEntries is about how many entries a shadow holds when it is full; from a sample of one in
	// fineRate on, which costs next to nothing, fineTimes as many.
	shadowEntries = 128
	fineRate      = 16
	fineTimes     = 4
	// round is how many sampled accesses there are between two choices, and memory how many rounds
	// the scores go back, more or less.
	round  = 32
	memory = 64
	// A plan takes over when it saves more than the one in force by evidence, a share of all that
	// could have been saved, and by doubt times what may be chance.
	evidence = 0.005
	doubt    = 0.25
)

// tuner chooses the plan of a cache. For a sample of the keys, by hash, it plays each plan in a
// cache of the same scale that holds no values, and compares what they save (Waldspurger, Saemundsson,
// Ahmad, Park: Cache modeling and optimization using miniature simulations, USENIX ATC 2017). The
// sample gets thinner as the cache holds more, so that a tuner takes half a megabyte at most.
//
// Who owns the order guards it, but for the sampler's part of hits.
type tuner struct {
	sampler
	rate    int // one key of so many, a power of two
	shadows [len(plans)]shadow
	nodes   slab // of all shadows
	// held are the sampled keys that the cache itself holds.
	held map[uint64]sample
	// coarse keeps to shadowEntries at any rate.
	coarse bool
	// full says that a shadow has evicted: until then all are the same.
	full bool
	seen int // accesses since the last choice
	// could and squares are what all accesses could have saved, and the sum of the squares.
	could, squares float64
}

// sample is what a tuner needs to know of an entry.
type sample struct {
	hash    uint64
	bytes   int64
	saves   float32
	expires int64
}

// start makes a tuner begin anew, with all keys in the sample.
func (t *tuner) start() {
	t.nodes = slab{}
	for i, p := range plans {
		t.shadows[i] = shadow{order: order{plan: p}, nodes: roll{slab: &t.nodes}}
	}
	t.held = map[uint64]sample{}
	t.full, t.seen, t.could, t.squares = false, 0, 0, 0
	t.sampleOne(1)
}

func (t *tuner) sampleOne(of int) {
	t.rate = of
	t.last.Store(math.MaxUint64 / uint64(of))
}

// put plays the lookup that a sampled key has missed before it was put.
func (t *tuner) put(a sample, most size, now int64) {
	t.held[a.hash] = a
	t.access(a, most, now)
}

// replace takes a new value of a key; nobody has looked it up.
func (t *tuner) replace(a sample) {
	t.held[a.hash] = a
	for i := range t.shadows {
		if n := t.shadows[i].nodes.get(a.hash); n != nil {
			n.expires = a.expires
		}
	}
}

// hits plays the hits that were noted.
func (t *tuner) hits(most size, now int64) {
	t.take(func(hash uint64) {
		if a, ok := t.held[hash]; ok {
			t.access(a, most, now)
		}
	})
}

// access plays a lookup in a cache of at most so much.
func (t *tuner) access(a sample, most size, now int64) {
	most = size{max(most.entries/t.rate, 1), max(most.bytes/int64(t.rate), 1)}
	for i := range t.shadows {
		if t.shadows[i].access(a, most, now) {
			t.full = true
		}
	}
	if t.full {
		t.seen++
		t.could += float64(a.saves)
		t.squares += float64(a.saves) * float64(a.saves)
	}
	switch n := t.shadows[0].entries(); {
	case n > fineTimes*shadowEntries, n > shadowEntries && (t.rate < fineRate || t.coarse):
		t.thin()
	case n < shadowEntries/4 && t.full && t.rate > 1: // what fits has become less
		t.start()
	}
}

// thin halves the sample.
func (t *tuner) thin() {
	t.sampleOne(2 * t.rate)
	for hash := range t.held {
		if !t.samples(hash) {
			delete(t.held, hash)
		}
	}
	for i := range t.shadows {
		s := &t.shadows[i]
		s.nodes.sift(func(n *imagined) bool {
			drop := !t.samples(n.hash)
			if drop {
				s.remove(&n.node)
			}
			return drop
		})
	}
}

// evicted tells that the cache itself does not hold a key any more.
func (t *tuner) evicted(hash uint64) { delete(t.held, hash) }

// forget drops a key that was invalidated, which no plan could have kept.
func (t *tuner) forget(hash uint64) {
	delete(t.held, hash)
	for i := range t.shadows {
		t.shadows[i].forget(hash)
	}
}

// clear forgets all keys.
func (t *tuner) clear() {
	clear(t.held)
	for i := range t.shadows {
		s := &t.shadows[i]
		s.nodes.clear()
		s.order = order{plan: s.plan}
	}
	t.full = false
}

// best is the plan that should be in force where current is.
func (t *tuner) best(current int) int {
	if t.seen < round {
		return current
	}
	t.seen = 0
	best := current
	for i := range t.shadows {
		if t.shadows[i].saved > t.shadows[best].saved {
			best = i
		}
	}
	gain := t.shadows[best].saved - t.shadows[current].saved
	if gain < evidence*t.could+doubt*math.Sqrt(t.squares) {
		best = current
	}
	const fade = 1 - 1./memory
	for i := range t.shadows {
		t.shadows[i].saved *= fade
	}
	t.could *= fade
	t.squares *= fade
	return best
}

// shadow is a cache of imagined entries.
type shadow struct {
	order
	nodes roll
	saved float64
}

// access plays a lookup, and a load when it misses, and reports whether the shadow evicted.
func (s *shadow) access(a sample, most size, now int64) (evicted bool) {
	if n := s.nodes.get(a.hash); n != nil {
		if now < n.expires {
			n.accesses.Add(1)
			s.saved += float64(a.saves)
			return false
		}
		s.forget(a.hash)
	}
	if a.bytes > most.bytes {
		return false
	}
	for s.entries() >= most.entries || s.bytes() > most.bytes-a.bytes {
		s.byBytes = s.entries() < most.entries
		s.forget(s.coldest(now).hash)
		evicted = true
	}
	n := s.nodes.add(a.hash)
	*n = imagined{node: node{hash: a.hash, bytes: a.bytes, saves: a.saves}, expires: a.expires}
	s.admit(&n.node)
	return evicted
}

func (s *shadow) forget(hash uint64) {
	if n := s.nodes.get(hash); n != nil {
		s.remove(&n.node)
		s.nodes.remove(hash)
	}
}

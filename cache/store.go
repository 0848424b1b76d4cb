package cache

import (
	"hash/maphash"
	"iter"
	"reflect"
	"sync"
	"time"
)

// limits are what a configuration says of one cache.
type limits struct {
	ttl        time.Duration
	jitter     float64
	revalidate time.Duration
	ifError    time.Duration
	ahead      float64
	// The absences have a bound of their own; their bytes are taken from those of the share.
	negativeTTL     time.Duration
	negativeEntries int
	negativeBytes   int64

	maxEntries int
	maxBytes   int64
	everywhere bool
}

// store is a cache without its type. Reads go to the table and take no lock; whatever changes
// what is held does so under mu, where the bounds are kept.
type store struct {
	name  string
	typ   reflect.Type
	wants Limits
	cost  func(value any) int64
	price func(value any) float64 // nil: not known
	// absent may be nil.
	absent func(err error) bool
	clock  *clock
	tags   *tags
	// tier is the group's second tier and codec what goes there; nil: memory alone.
	tier  *tier
	codec *codec
	table *table
	hasher
	// background are the refreshes of the group.
	background *background
	curve      *curve
	counters

	mu     sync.Mutex // guards the fields below, and changes of the table
	limits limits
	policy
	flights map[string]*flight
	// absences are the keys known to have no value.
	absences absences
	// refreshing counts the flights in the background.
	refreshing int
	// outlook is what was expected when its size was last moved; nil when it was not.
	outlook *outlook
	// removals are the invalidations, for marks.
	removals removals
	// suspect says that invalidations of other processes may be missing.
	suspect bool
}

// kind is what makes one cache different from another.
type kind struct {
	typ   reflect.Type
	wants Limits
	cost  func(any) int64
	price func(any) float64
	codec *codec
	// absent may be nil.
	absent func(error) bool
}

func (g *Group) newStore(name string, k kind) *store {
	s := &store{
		name: name, typ: k.typ, wants: k.wants, cost: k.cost, price: k.price, absent: k.absent,
		clock: g.clock, tags: g.tags,
		tier: g.tier, codec: k.codec, table: newTable(), background: &g.background,
		flights: map[string]*flight{}, removals: newRemovals(),
	}
	s.curve = newCurve(g.clock, s.sum)
	s.hasher = s.curve.hasher
	s.policy.begin()
	s.suspect = s.shared() && !g.tier.isLive()
	return s
}

// get returns the entry of key, or nil, and counts the lookup. It is a fresh one or, for who
// takes stale ones, one that may be served; due says that it should be loaded anew.
//
// It is look for most hits, with nothing called but the hash and what compares keys: the fewer
// instructions a hit is, the more of the next one the processor does while it waits for memory.
func (s *store) get(key string, takesStale bool) (e *entry, due bool) {
	hash := maphash.String(s.seed, key)
	if s.fixed != nil {
		hash = s.fixed(key)
	}
	mine := s.mine()
	if e = s.table.home(hash).guess(hash); e != nil && e.is(key) && !mine.due() {
		now := s.clock.ticked.Load()
		if now != 0 && now < e.plain && s.clock.read.Load() {
			mine.hits.Add(1)
			if n := e.touch(now); n <= bundle || n%bundle == 0 || s.tuner.samples(hash) || s.curve.follows(hash) {
				s.used(e, n, mine)
				s.follow(hash, key, e)
			}
			return e, false
		}
	}
	return s.look(hash, key, mine, takesStale)
}

// look is get in full.
func (s *store) look(hash uint64, key string, mine *stripe, takesStale bool) (e *entry, due bool) {
	if !mine.due() {
		e, due = s.find(hash, key, mine, takesStale)
	} else {
		began := s.clock.now()
		e, due = s.find(hash, key, mine, takesStale)
		s.access.record(s.clock.now() - began)
	}
	s.follow(hash, key, e)
	return e, due
}

// follow has the curve follow a lookup that found e, or nothing.
func (s *store) follow(hash uint64, key string, e *entry) {
	if e == nil || s.curve.follows(hash) {
		s.curve.lookup(key, e)
	}
}

func (s *store) find(hash uint64, key string, mine *stripe, takesStale bool) (e *entry, due bool) {
	e = s.table.find(hash, key)
	if e == nil {
		mine.misses.Add(1)
		return nil, false
	}
	now := s.clock.coarse()
	if now >= e.plain && (now >= e.soon || stale(e.tags())) {
		return s.late(e, now, mine, takesStale)
	}
	s.hit(e, now, mine)
	return e, false
}

// hit counts a hit of e.
func (s *store) hit(e *entry, now int64, mine *stripe) {
	mine.hits.Add(1)
	s.used(e, e.touch(now), mine)
}

// used tells what learns from hits of one of e, at so many accesses all in all.
func (s *store) used(e *entry, accesses uint64, mine *stripe) {
	mine.hit(e, accesses)
	if s.tuner.samples(e.hash) {
		s.tuner.note(e.hash)
	}
}

// entry is that of key, whatever is to be said of it, or nil.
func (s *store) entry(key string) *entry { return s.table.find(s.hash(key), key) }

// entries yields all entries, with no lock held: what is written or removed meanwhile may be yielded
// or not, each once at most.
func (s *store) entries() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		var all []*entry
		for from, more := uint64(0), true; more; {
			s.mu.Lock()
			all, from, more = s.table.collect(all[:0], from)
			s.mu.Unlock()
			for _, e := range all {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// peek returns the entry of key without counting, or nil when it has none that is fresh.
func (s *store) peek(key string) *entry {
	if e := s.held(key); e != nil && s.clock.now() < e.fresh {
		return e
	}
	return nil
}

// held is peek for an entry that may be stale.
func (s *store) held(key string) *entry {
	e := s.entry(key)
	if e == nil {
		return nil
	}
	if _, gone := e.gone(s.clock.now()); gone {
		return nil
	}
	return e
}

// set stores e under tags, which are distinct, in the place of what its key had.
func (s *store) set(e *entry, opts EntryOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outdated(opts.Since, e.key(), opts.Tags) {
		s.superseded.Add(1)
		return ErrSuperseded
	}
	s.supersede(e.key())
	e.tag(s.tags.take(opts.Tags))
	var first func()
	if !opts.Since.taken && s.shared() {
		first = func() {
			s.removals.key(e.key()) // for what is on its way from the second tier
			s.replace(e, opts.Tags)
		}
	}
	err := s.putAfter(e, s.lifeOf(s.clock.now(), opts), first)
	switch {
	case opts.Since.taken && err == nil:
		s.fill(e, opts.Since.snap, opts.Tags)
	case err != nil && first != nil: // what was fetched and is not kept changes nothing elsewhere
		s.removals.key(e.key())
		s.forget(e.key())
	}
	return err
}

// put stores e, whose tags are taken, with mu held. A value that is refused takes what its key
// had along: it is not the key's value any more.
func (s *store) put(e *entry, l life) error { return s.putAfter(e, l, nil) }

// putAfter is put, and calls first before anybody can read the value: who clears what was read then
// has the second tier clear it after it came there.
func (s *store) putAfter(e *entry, l life, first func()) error {
	s.present(e.key())
	old := s.entry(e.key())
	if e.bytes > s.limits.maxBytes {
		if old != nil {
			s.drop(old, causeInvalidated)
		}
		s.tags.release(e.tags(), false)
		s.rejected.Add(1)
		return &TooLargeError{Bytes: e.bytes, MaxBytes: s.limits.maxBytes}
	}
	now := s.clock.now()
	if s.suspect {
		l = l.until(now + int64(SuspectTTL))
	}
	e.live(l)
	was := noQueue
	if old != nil { // the new value takes its place, also in the table
		was = old.queue
		e.inherit(&old.node)
		s.order.remove(&old.node)
		s.mine().settle(old)
		s.tags.release(old.tags(), true)
	}
	if s.learn(e, old, size{s.limits.maxEntries, s.limits.maxBytes}, now) {
		s.curve.adopt(s.order.plan)
	}
	s.makeRoom(now, e.bytes)
	s.order.enter(&e.node, was)
	s.tags.stored(e.tags())
	if first != nil {
		first()
	}
	s.table.put(e)
	s.curve.stored(e, old != nil)
	return nil
}

// makeRoom evicts until an entry of so many bytes fits.
func (s *store) makeRoom(now, bytes int64) {
	for s.order.entries() >= s.limits.maxEntries {
		s.evict(now, causeEntries)
	}
	for s.order.bytes() > s.limits.maxBytes-bytes {
		s.evict(now, causeBytes)
	}
}

// evict drops the coldest entry; there must be one.
func (s *store) evict(now int64, why cause) {
	if why == causeBytes || why == causeEntries {
		s.order.byBytes = why == causeBytes
	}
	e := s.order.coldest(now).entry
	if gone, is := e.gone(now); is {
		why = gone
	}
	s.drop(e, why)
}

// drop removes e, which must be held, with mu held.
func (s *store) drop(e *entry, why cause) {
	s.order.remove(&e.node)
	s.left(e, why == causeExpired || why == causeInvalidated)
	s.mine().settle(e)
	s.table.remove(e)
	s.tags.release(e.tags(), true)
	s.removed[why].Add(1)
	if why == causeInvalidated {
		s.curve.forget(e.hash)
	}
}

// discard drops e unless it has left already, and reports whether it did.
func (s *store) discard(e *entry, why cause) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.queue == noQueue {
		return false
	}
	s.drop(e, why)
	return true
}

// resize sets new limits and evicts what does not fit them.
func (s *store) resize(l limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.negativeBytes = 0
	if l.negativeTTL > 0 {
		l.negativeBytes = l.maxBytes / negativeShare
		l.maxBytes -= l.negativeBytes
	}
	s.limits = l
	s.fewer(l.negativeEntries, l.negativeBytes)
	s.shrink(l.maxEntries, l.maxBytes, causeResize)
	s.curve.resize(l, s.clock.now())
}

// share is the bytes it may hold.
func (s *store) share() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits.maxBytes + s.limits.negativeBytes
}

// leaseless reports whether each process loads for itself.
func (s *store) leaseless() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits.everywhere
}

// shrink evicts down to so many entries and bytes, with mu held.
func (s *store) shrink(entries int, bytes int64, why cause) {
	now := s.clock.now()
	for s.order.entries() > entries || s.order.bytes() > bytes {
		s.evict(now, why)
	}
}

// relieve lets go of a share of the bytes and of what is remembered of evicted keys.
func (s *store) relieve(share float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := int64(float64(s.order.bytes()) * (1 - share))
	s.shrink(s.order.entries(), keep, causePressure)
	s.order.sketch = sketch{}
	s.tuner.start()
	s.fewer(0, 0)
}

// cleanup drops what is expired or under a cleared tag, and returns how many.
func (s *store) cleanup() int {
	n, now := 0, s.clock.now()
	for e := range s.entries() {
		if why, gone := e.gone(now); gone && s.discard(e, why) {
			n++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.without(func(a *absence) bool { return a.over(now) })
	return n
}

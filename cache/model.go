package cache

import "time"

// model is a cache in miniature: it tells what a cache of another size would hold of the sampled
// keys (Waldspurger, Saemundsson, Ahmad, Park: Cache Modeling and Optimization using Miniature
// Simulations, USENIX ATC 2017). It keeps no values; its order of eviction is the real one.
type model struct {
	order order
	// tuner chooses the plan of the order, but for the model of the present size.
	tuner tuner
	plan  int
	table map[uint64]*entry
	// below is the first hash, in its upper 32 bits, that the model does not follow.
	below      uint64
	maxEntries int
	maxBytes   int64
}

func (m *model) reset() {
	m.order, m.table = order{plan: m.order.plan}, map[uint64]*entry{}
}

// follows reports whether the model is concerned with the key of a hash.
func (m *model) follows(hash uint64) bool { return hash>>32 < m.below }

// narrow keeps the keys of the hashes up to a bound.
func (m *model) narrow(below uint64) {
	if below >= m.below {
		return
	}
	m.below = max(below, 1)
	for hash, e := range m.table {
		if !m.follows(hash) {
			m.drop(e)
		}
	}
}

// lookup reports whether the model has the key of a hash, which counts as an access.
func (m *model) lookup(hash uint64, now int64) bool {
	e := m.table[hash]
	if e == nil {
		return false
	}
	if _, gone := e.gone(now); gone {
		m.drop(e)
		return false
	}
	e.touch(now)
	return true
}

// tune chooses the plan by a lookup of a real entry in a cache of at most so much.
func (m *model) tune(of *entry, most size, now int64) {
	life := time.Duration(of.stale - of.created)
	m.tuner.access(sample{hash: of.hash, bytes: of.bytes, saves: of.saves, expires: after(now, life)}, most, now)
	m.plan = m.tuner.best(m.plan)
	m.order.plan = plans[m.plan]
}

// insert stores a key that is not held.
func (m *model) insert(of *entry, now int64) {
	m.put(noQueue, shade(of, now))
}

// replace puts a new value in the place of one that is held, as a write does.
func (m *model) replace(old, of *entry, now int64) {
	e := shade(of, now)
	e.inherit(&old.node)
	was := old.queue
	m.drop(old)
	m.put(was, e)
}

// shade is what a model has of an entry, as if that was made now. Lookups find it until it is too
// stale to be served without a load.
func shade(of *entry, now int64) *entry {
	e := &entry{node: node{hash: of.hash, bytes: of.bytes, saves: of.saves}}
	e.entry = e
	e.created, e.expires = now, after(now, time.Duration(of.stale-of.created))
	return e
}

func (m *model) put(was queueID, e *entry) {
	if e.bytes > m.maxBytes {
		return
	}
	m.shrink(e.created, max(m.maxEntries-1, 0), m.maxBytes-e.bytes)
	m.order.enter(&e.node, was)
	m.table[e.hash] = e
}

// shrink evicts down to so many entries and bytes.
func (m *model) shrink(now int64, entries int, bytes int64) {
	for m.order.entries() > entries || m.order.bytes() > bytes {
		m.order.byBytes = m.order.entries() <= entries
		m.drop(m.order.coldest(now).entry)
	}
}

func (m *model) drop(e *entry) {
	m.order.remove(&e.node)
	delete(m.table, e.hash)
}

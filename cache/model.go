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
	held  roll
	// below is the first hash, in its upper 32 bits, that the model does not follow.
	below      uint64
	maxEntries int
	maxBytes   int64
}

func (m *model) reset() {
	m.held.clear()
	m.order = order{plan: m.order.plan}
}

// follows reports whether the model is concerned with the key of a hash.
func (m *model) follows(hash uint64) bool { return hash>>32 < m.below }

// narrow keeps the keys of the hashes up to a bound.
func (m *model) narrow(below uint64) {
	if below >= m.below {
		return
	}
	m.below = max(below, 1)
	m.without(func(n *imagined) bool { return !m.follows(n.hash) })
}

// without drops the entries that which says.
func (m *model) without(which func(n *imagined) bool) {
	m.held.sift(func(n *imagined) bool {
		drop := which(n)
		if drop {
			m.order.remove(&n.node)
		}
		return drop
	})
}

// lookup reports whether the model has the key of a hash, which counts as an access.
func (m *model) lookup(hash uint64, now int64) bool {
	n := m.held.get(hash)
	if n == nil {
		return false
	}
	if now >= n.expires {
		m.drop(n)
		return false
	}
	n.accesses.Add(1)
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
func (m *model) insert(of *entry, now int64) { m.put(noQueue, 0, of, now) }

// replace puts a new value in the place of one that is held, as a write does.
func (m *model) replace(old *imagined, of *entry, now int64) {
	was, heat := old.queue, old.heat()
	m.drop(old)
	m.put(was, heat, of, now)
}

// put stores what a model has of an entry, as if that was made now. Lookups find it until it is too
// stale to be served without a load.
func (m *model) put(was queueID, heat int, of *entry, now int64) {
	if of.bytes > m.maxBytes {
		return
	}
	m.shrink(now, max(m.maxEntries-1, 0), m.maxBytes-of.bytes)
	n := m.held.add(of.hash)
	*n = imagined{
		node:    node{hash: of.hash, bytes: of.bytes, saves: of.saves, looked: -uint16(heat)},
		expires: after(now, time.Duration(of.stale-of.created)),
	}
	m.order.enter(&n.node, was)
}

// shrink evicts down to so many entries and bytes.
func (m *model) shrink(now int64, entries int, bytes int64) {
	for m.order.entries() > entries || m.order.bytes() > bytes {
		m.order.byBytes = m.order.entries() <= entries
		m.drop(m.held.get(m.order.coldest(now).hash))
	}
}

func (m *model) drop(n *imagined) {
	m.order.remove(&n.node)
	m.held.remove(n.hash)
}

package cache

import (
	"cmp"
	"iter"
	"slices"
)

// All yields the keys that have a fresh value, with it, in no order and without counting as an
// access. It takes no lock while the caller works: what is written or removed meanwhile may be
// yielded or not, each key once at most.
func (c *Cache[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for e := range c.store.entries() {
			if c.store.fresh(e) && !yield(e.key(), typed[V](e.value)) {
				return
			}
		}
	}
}

// Hottest describes the n entries with most accesses, most first, those with equally many by key.
// It looks at all entries; asking does not count as an access.
func (c *Cache[V]) Hottest(n int) []EntryInfo {
	var out []EntryInfo
	byAccesses := func(a, b EntryInfo) int {
		return cmp.Or(cmp.Compare(b.Accesses, a.Accesses), cmp.Compare(a.Key, b.Key))
	}
	for e := range c.store.entries() {
		if n <= 0 || !c.store.fresh(e) {
			continue
		}
		out = append(out, e.info(c.store.clock))
		if len(out) >= 2*n+1024 {
			slices.SortFunc(out, byAccesses)
			out = slices.Delete(out, n, len(out))
		}
	}
	slices.SortFunc(out, byAccesses)
	return out[:min(max(n, 0), len(out))]
}

// fresh reports whether e may be served as what was asked for.
func (s *store) fresh(e *entry) bool {
	now := s.clock.now()
	_, gone := e.gone(now)
	return !gone && now < e.fresh
}

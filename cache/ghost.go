package cache

import "hash/maphash"

// ghosts remember hashes of keys that were evicted, in two generations: when the young one is
// half of what may be remembered, it becomes the old one, and the old one is forgotten. Two keys
// with the same hash are taken for one, which does no harm.
type ghosts struct {
	seed       maphash.Seed
	young, old map[uint64]struct{}
}

func newGhosts() ghosts {
	return ghosts{seed: maphash.MakeSeed(), young: map[uint64]struct{}{}, old: map[uint64]struct{}{}}
}

// add remembers key, one of at most limit.
func (g *ghosts) add(key string, limit int) {
	if len(g.young) >= limit/2 {
		clear(g.old)
		g.young, g.old = g.old, g.young
	}
	g.young[maphash.String(g.seed, key)] = struct{}{}
}

// forget reports whether key was remembered and forgets it.
func (g *ghosts) forget(key string) bool {
	h := maphash.String(g.seed, key)
	_, young := g.young[h]
	_, old := g.old[h]
	delete(g.young, h)
	delete(g.old, h)
	return young || old
}

// reset forgets everything and returns the memory.
func (g *ghosts) reset() { g.young, g.old = map[uint64]struct{}{}, map[uint64]struct{}{} }

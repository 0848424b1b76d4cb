package cache

import "hash/maphash"

// recentRemovals is how many invalidated keys a cache remembers for marks.
const recentRemovals = 1 << 10

// removals remember what was invalidated lately, so that a mark can tell whether its key was.
type removals struct {
	seed maphash.Seed
	// count is how many there were, wide the count at the last one of more than a key.
	count, wide uint64
	// recent holds hashes of the last keys, in a ring that is made with the first.
	recent []uint64
}

func newRemovals() removals { return removals{seed: maphash.MakeSeed()} }

// key remembers that a key was invalidated.
func (r *removals) key(key string) {
	if r.recent == nil {
		r.recent = make([]uint64, recentRemovals)
	}
	r.recent[r.count%recentRemovals] = maphash.String(r.seed, key)
	r.count++
}

// all remembers that any key may have been invalidated.
func (r *removals) all() {
	r.count++
	r.wide = r.count
}

// since reports whether a key may have been invalidated after the first so many removals: what
// is not remembered any more counts as if it was.
func (r *removals) since(count uint64, key string) bool {
	switch {
	case r.count == count:
		return false
	case r.wide > count || r.count-count > recentRemovals:
		return true
	}
	hash := maphash.String(r.seed, key)
	for i := count; i < r.count; i++ {
		if r.recent[i%recentRemovals] == hash {
			return true
		}
	}
	return false
}

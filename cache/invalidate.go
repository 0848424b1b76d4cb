package cache

// Mark is a moment in the life of a cache, for values that are fetched outside of
// [Cache.GetOrLoad], such as a response that streams by: take it before the fetch and give it to
// [Cache.Set] in [EntryOptions.Since]. Its zero value is no mark.
type Mark struct {
	removals, cleared uint64
	taken             bool
	snap              *snapshot
}

// mark is the moment now.
func (s *store) mark() Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Mark{removals: s.removals.count, cleared: s.tags.cleared.Load(), taken: true}
}

// outdated reports whether something was invalidated since the mark that may have been the value
// that was fetched: its key or, for a value with tags, any tag. mu is held.
func (s *store) outdated(m Mark, key string, tags []string) bool {
	return m.taken && (s.removals.since(m.removals, key) || len(tags) > 0 && m.cleared != s.tags.cleared.Load())
}

// supersede takes the running load of key out of the way, with mu held: its value will not be
// stored and nobody joins it any more.
func (s *store) supersede(key string) {
	if f := s.flights[key]; f != nil {
		f.superseded = true
		delete(s.flights, key)
		if f.alone {
			f.abandoned = true
			f.cancel()
		}
	}
}

// remove invalidates one key and reports whether it had a value. With tell, the second tier and
// the other processes forget it too.
func (s *store) remove(key string, tell bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removals.key(key)
	s.supersede(key)
	if tell {
		s.forget(key)
	}
	s.present(key)
	e := s.entry(key)
	if e == nil {
		s.curve.forget(s.hash(key))
		return false
	}
	why, gone := e.gone(s.clock.now())
	s.drop(e, why)
	return !gone
}

// clear invalidates all keys and returns how many there were.
func (s *store) clear() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removals.all()
	for key := range s.flights {
		s.supersede(key)
	}
	s.fewer(0, 0)
	n := s.order.entries()
	for e := s.order.any(); e != nil; e = s.order.any() {
		s.drop(e.entry, causeInvalidated)
	}
	s.order.sketch = sketch{}
	s.tuner.clear()
	s.curve.clear()
	return n
}

// clearMatching invalidates the keys that match a pattern and returns how many. Keys are matched
// without a lock: one that is stored meanwhile, by a write that began later, may stay.
func (s *store) clearMatching(pattern string) int {
	s.mu.Lock()
	s.removals.all()
	for key := range s.flights {
		if Match(pattern, key) {
			s.supersede(key)
		}
	}
	s.without(func(a *absence) bool { return Match(pattern, a.key) })
	s.mu.Unlock()
	n := 0
	for e := range s.entries() {
		if Match(pattern, e.key()) && s.discard(e, causeInvalidated) {
			n++
		}
	}
	return n
}

package cache

// Mark is a moment in the life of a cache, for values that are fetched outside of
// [Cache.GetOrLoad], such as a response that streams by: take it before the fetch and give it to
// [Cache.Set] in [EntryOptions.Since]. Its zero value is no mark.
type Mark struct {
	removals, cleared uint64
	taken             bool
}

// outdated reports whether something was invalidated since the mark that may have been the value
// that was fetched: a key of the same cache or, for a value with tags, any tag.
func (m Mark) outdated(removals, cleared uint64, names []string) bool {
	return m.taken && (m.removals != removals || len(names) > 0 && m.cleared != cleared)
}

// supersede takes the running load of key out of the way, with mu held: its value will not be
// stored and nobody joins it any more.
func (s *store) supersede(key string) {
	if f := s.flights[key]; f != nil {
		f.superseded = true
		delete(s.flights, key)
	}
}

// remove invalidates one key and reports whether it had a value.
func (s *store) remove(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removals++
	s.supersede(key)
	e, ok := s.table.GetIfPresent(key)
	if !ok {
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
	s.removals++
	for key := range s.flights {
		s.supersede(key)
	}
	n := s.order.entries()
	for _, q := range []*queue{&s.order.small, &s.order.main} {
		for q.head != nil {
			s.drop(q.head, causeInvalidated)
		}
	}
	s.order.ghosts.reset()
	return n
}

// clearMatching invalidates the keys that match a pattern and returns how many. Keys are matched
// without a lock: one that is stored meanwhile, by a write that began later, may stay.
func (s *store) clearMatching(pattern string) int {
	s.mu.Lock()
	s.removals++
	for key := range s.flights {
		if Match(pattern, key) {
			s.supersede(key)
		}
	}
	s.mu.Unlock()
	n := 0
	for key, e := range s.table.All() {
		if Match(pattern, key) && s.discard(e, causeInvalidated) {
			n++
		}
	}
	return n
}

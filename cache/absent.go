package cache

import (
	"container/list"
	"errors"
	"math/rand/v2"
	"strings"
)

// negativeShare says how many keys without a value may be remembered: a sixteenth of the entries,
// on top of them, in a sixteenth of the bytes, which values cannot have then.
const negativeShare = 16

// absence is a key that was found to have no value.
type absence struct {
	key string
	// err is what the loader said.
	err              error
	bytes            int64
	created, expires int64
	tags             []tagMark
}

func (a *absence) over(now int64) bool { return now >= a.expires || stale(a.tags) }

// absences are the keys known to have no value, the oldest first. They have a bound of their own,
// so that a flood of unknown keys cannot evict a value. The store's mu guards them.
type absences struct {
	byKey map[string]*list.Element
	order list.List
	bytes int64
}

func (a *absences) len() int { return len(a.byKey) }

// isAbsent reports whether an error of a loader says that the key has no value.
func (s *store) isAbsent(err error) bool {
	return errors.Is(err, ErrAbsent) || s.absent != nil && s.absent(err)
}

// absence returns what is known of a key without a value, or nil, with mu held.
func (s *store) absence(key string) *absence {
	at := s.absences.byKey[key]
	if at == nil {
		return nil
	}
	a := at.Value.(*absence)
	if a.over(s.clock.now()) {
		s.present(key)
		return nil
	}
	return a
}

// miss ends what is known of a key whose load has found that there is no value, and remembers that
// for a while, with mu held.
func (s *store) miss(f *flight) {
	old := s.entry(f.key)
	if old != nil {
		s.drop(old, causeInvalidated)
	}
	if s.shared() && (old != nil || f.snap != nil && f.snap.live) {
		s.removals.key(f.key)
		s.forget(f.key)
	}
	s.present(f.key)
	now, ttl := s.clock.now(), s.limits.negativeTTL
	if s.suspect {
		ttl = min(ttl, SuspectTTL)
	}
	bytes := account(f.key, f.errBytes, f.opts.Tags)
	if ttl == 0 || bytes > s.limits.negativeBytes {
		return
	}
	ttl -= part(ttl, s.limits.jitter*rand.Float64())
	s.fewer(s.limits.negativeEntries-1, s.limits.negativeBytes-bytes)
	a := &absence{
		key: strings.Clone(f.key), err: f.err, bytes: bytes, created: now, expires: after(now, ttl), tags: f.tags,
	}
	f.tags = nil
	if s.absences.byKey == nil {
		s.absences.byKey = map[string]*list.Element{}
	}
	s.absences.byKey[a.key] = s.absences.order.PushBack(a)
	s.absences.bytes += bytes
}

// present forgets that a key has no value, with mu held.
func (s *store) present(key string) {
	at := s.absences.byKey[key]
	if at == nil {
		return
	}
	a := s.absences.order.Remove(at).(*absence)
	delete(s.absences.byKey, key)
	s.absences.bytes -= a.bytes
	s.tags.release(a.tags, false)
}

// fewer forgets the oldest absences down to so many entries and bytes, with mu held.
func (s *store) fewer(entries int, bytes int64) {
	for s.absences.len() > 0 && (s.absences.len() > entries || s.absences.bytes > bytes) {
		s.present(s.absences.order.Front().Value.(*absence).key)
	}
}

// without forgets the absences that are picked, with mu held.
func (s *store) without(pick func(*absence) bool) {
	for at := s.absences.order.Front(); at != nil; {
		a := at.Value.(*absence)
		at = at.Next()
		if pick(a) {
			s.present(a.key)
		}
	}
}

package cache

import (
	"math"
	"math/rand/v2"
	"time"
)

// life says how long a value is good for what, on the group's clock. Its moments are in order.
type life struct {
	created int64
	// From soon on a hit has it loaded anew.
	soon int64
	// Until fresh it is what was asked for.
	fresh int64
	// Until stale it is served while it is loaded anew.
	stale int64
	// Until expires it is served when a load fails.
	expires int64
}

// lifeOf is the life of a value made now, with mu held.
func (s *store) lifeOf(now int64, o EntryOptions) life {
	ttl := first(o.TTL, s.limits.ttl)
	if s.limits.jitter > 0 {
		ttl -= part(ttl, s.limits.jitter*rand.Float64())
	}
	l := life{created: now, fresh: after(now, ttl)}
	l.stale = after(l.fresh, first(o.StaleWhileRevalidate, s.limits.revalidate))
	l.expires = max(l.stale, after(l.fresh, first(o.StaleIfError, s.limits.ifError)))
	l.soon = s.soon(l, rand.Float64()/2)
	return l
}

// soon is when a value of life l should be loaded anew, with mu held: as early as is configured,
// and a share of what is left of the time to live later.
func (s *store) soon(l life, later float64) int64 {
	if s.limits.ahead == 0 {
		return l.fresh
	}
	ttl := time.Duration(l.fresh - l.created)
	early := part(ttl, s.limits.ahead)
	return l.created + int64(early+part(ttl-early, later))
}

// until is l cut off at a moment.
func (l life) until(end int64) life {
	l.soon, l.fresh = min(l.soon, end), min(l.fresh, end)
	l.stale, l.expires = min(l.stale, end), min(l.expires, end)
	return l
}

// part is a share, 0 to 1, of d.
func part(d time.Duration, share float64) time.Duration {
	if p := float64(d) * share; p < math.MaxInt64 {
		return time.Duration(p)
	}
	return d
}

// after is d after a moment. It does not overflow.
func after(at int64, d time.Duration) int64 {
	if sum := at + int64(d); d < 0 || sum >= at {
		return sum
	}
	return math.MaxInt64
}

// localLife is the life of an envelope on the group's clock, and when it is due for a refresh at
// the earliest.
func (s *store) localLife(v *envelope) (l life, due int64) {
	now := s.clock.now()
	at := func(t time.Time) int64 { return after(now, time.Until(t)) }
	l = life{created: min(now, at(v.created)), fresh: at(v.fresh), stale: at(v.stale), expires: at(v.expires)}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.soon = s.soon(l, rand.Float64()/2)
	return l, s.soon(l, 0)
}

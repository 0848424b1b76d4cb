package profiler

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// sampler chooses the calls of one function that are timed when not all are. Each timed call
// stands for itself and the untimed ones since the last: its weight. Weights add up to the calls, so
// the weighted sum of durations estimates the sum of all, and never falls. The gaps are drawn
// evenly from 1 to twice the mean less one, so that no rhythm of the calls can be in step with them.
type sampler struct {
	untimed atomic.Uint64 // calls only counted
	next    atomic.Uint64 // the value of untimed at which the next call is timed
	covered atomic.Uint64 // of untimed, those that timed calls stand for

	mu   sync.Mutex // guards last
	last uint64     // untimed when the last timed call began
}

// weigh returns 0 for a call that is only counted, which it does, and else the weight of the call.
func (fn *function) weigh(every int64, must bool) uint64 {
	s := &fn.sampler
	if n := s.untimed.Add(1); n < s.next.Load() && !must {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.untimed.Load()
	if n < s.next.Load() && !must {
		return 0 // another call was first
	}
	n = s.untimed.Add(^uint64(0))
	s.next.Store(n + 1 + rand.Uint64N(2*uint64(every)-1))
	weight := n - min(s.last, n) + 1
	s.last = max(s.last, n)
	return weight
}

package cache

import "sync/atomic"

const samplerSize = 128

// sampler hands hits of sampled keys, as hashes, over to the goroutine that owns a tuner. It is a
// ring that loses what it has no room for, so that a hit never waits.
type sampler struct {
	// last is the highest hash that is in the sample.
	last       atomic.Uint64
	_          [56]byte // every hit reads last: it is alone on its line
	head, tail atomic.Uint64
	ring       [samplerSize]atomic.Uint64
}

// samples reports whether a key is one of the sample.
func (s *sampler) samples(hash uint64) bool { return hash <= s.last.Load() }

// note adds a hit.
func (s *sampler) note(hash uint64) {
	at := s.tail.Load()
	if at-s.head.Load() < samplerSize && s.tail.CompareAndSwap(at, at+1) {
		s.ring[at%samplerSize].Store(hash)
	}
}

// take calls f for each hit that was noted. One goroutine at a time does.
func (s *sampler) take(f func(hash uint64)) {
	for head, tail := s.head.Load(), s.tail.Load(); head < tail; head++ {
		hash := s.ring[head%samplerSize].Swap(0)
		s.head.Store(head + 1)
		if hash != 0 { // otherwise it is being noted, and lost
			f(hash)
		}
	}
}

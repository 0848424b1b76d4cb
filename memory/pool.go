package memory

import (
	"errors"
	"fmt"
	"sync"
)

// PoolOptions describes a [Pool].
type PoolOptions[T any] struct {
	// Max is the number of idle objects kept; zero keeps none.
	Max int
	// New makes an object when the pool has none. Required.
	New func() T
	// Reset makes a returned object ready for the next user, and may refuse it by false,
	// for instance because it grew too large. Nil keeps every object as it is.
	Reset func(T) (T, bool)
}

// Pool keeps up to a bound of idle objects for reuse. Unlike sync.Pool it is bounded, is
// not emptied by the garbage collector, and counts its hits. All methods may be called
// at any time from any goroutine; New and Reset are called without a lock held.
type Pool[T any] struct {
	opts PoolOptions[T]

	mu      sync.Mutex // guards the fields below
	idle    []T
	max     int
	low     int // fewest idle objects since the last Trim
	hits    uint64
	misses  uint64
	dropped uint64
}

// NewPool returns an empty pool.
func NewPool[T any](opts PoolOptions[T]) (*Pool[T], error) {
	if opts.New == nil {
		return nil, errors.New("memory: a pool needs New")
	}
	if opts.Max < 0 || opts.Max > maxPoolSize {
		return nil, fmt.Errorf("memory: a pool's Max must be between 0 and %d (got %d)", maxPoolSize, opts.Max)
	}
	return &Pool[T]{opts: opts, max: opts.Max}, nil
}

// Get returns an idle object, the one returned last, or a new one.
func (p *Pool[T]) Get() T {
	p.mu.Lock()
	n := len(p.idle)
	if n == 0 {
		p.misses++
		p.mu.Unlock()
		return p.opts.New()
	}
	v := p.idle[n-1]
	var zero T
	p.idle[n-1] = zero
	p.idle = p.idle[:n-1]
	p.low = min(p.low, n-1)
	p.hits++
	p.mu.Unlock()
	return v
}

// Put returns an object to the pool, which keeps it if there is room. The caller must not
// use it afterwards, nor put it twice.
func (p *Pool[T]) Put(v T) {
	keep := true
	if p.opts.Reset != nil {
		v, keep = p.opts.Reset(v)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !keep || len(p.idle) >= p.max {
		p.dropped++
		return
	}
	p.idle = append(p.idle, v)
}

// SetMax changes the bound and lets go of what is over it.
func (p *Pool[T]) SetMax(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.max = max(n, 0)
	p.cut(min(len(p.idle), p.max))
}

// Clear lets go of every idle object and returns how many there were.
func (p *Pool[T]) Clear() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	p.cut(0)
	return n
}

// Trim lets go of the idle objects that nobody needed since the last Trim, and returns
// how many they were.
func (p *Pool[T]) Trim() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	surplus := min(p.low, len(p.idle))
	p.cut(len(p.idle) - surplus)
	p.low = len(p.idle)
	return surplus
}

// cut keeps n idle objects, in an array of that size. The caller holds the lock.
func (p *Pool[T]) cut(n int) {
	if n == len(p.idle) {
		return
	}
	p.idle = append(make([]T, 0, n), p.idle[len(p.idle)-n:]...)
	p.low = min(p.low, n)
}

// Stats returns the pool's record.
func (p *Pool[T]) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PoolStats{Size: len(p.idle), Max: p.max, Hits: p.hits, Misses: p.misses, Dropped: p.dropped}
	if n := s.Hits + s.Misses; n > 0 {
		s.HitRatio = float64(s.Hits) / float64(n)
	}
	return s
}

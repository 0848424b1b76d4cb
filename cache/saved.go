package cache

import (
	"math"
	"sync/atomic"
	"time"
)

// savings are what hits spared.
type savings struct {
	nanos atomic.Int64
	// money are the bits of a sum of prices.
	money atomic.Uint64
}

// add counts n hits of a value.
func (s *savings) add(m made, n uint64) {
	if m.took != 0 {
		s.nanos.Add(int64(m.took) * int64(n))
	}
	for m.price != 0 {
		old := s.money.Load()
		if s.money.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+m.price*float64(n))) {
			return
		}
	}
}

// saved is the sum of what was added.
func (s *striped) saved() (time.Duration, float64) {
	nanos, money := int64(0), 0.0
	for i := range s {
		nanos += s[i].nanos.Load()
		money += math.Float64frombits(s[i].money.Load())
	}
	return time.Duration(nanos), money
}

// bundle is how many hits of an entry that is used much are counted as saved together: the first so
// many are counted one by one, and what is left when it leaves.
const bundle = 16

// hit counts a hit of e, at accesses all in all, as saved, when it is the turn of that.
func (s *stripe) hit(e *entry, accesses uint64) {
	switch {
	case accesses <= bundle:
		s.add(e.made, 1)
	case accesses%bundle == 0:
		s.add(e.made, bundle)
	}
}

// settle counts the hits of e that are not counted yet: it leaves.
func (s *stripe) settle(e *entry) {
	if n := e.accesses.Load(); n > bundle && n%bundle != 0 {
		s.add(e.made, n%bundle)
	}
}

package gateway

import (
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// Answer is a whole answer of the servers, for [Parts.Price]. It must not be changed.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// priced asks what an answer cost, which is not shared yet.
func (x *exchange) priced(req *http.Request, a *answer) *answer {
	if x.g.price == nil {
		return a
	}
	dollars, known := x.g.price(req, Answer{a.status, a.header, a.body})
	if !known || !(dollars > 0) || dollars > math.MaxFloat32 {
		return a
	}
	out := *a
	out.price = dollars
	return &out
}

// spared counts what it saved that the servers did not make an answer again. Who waits for one
// that is under way saves no time.
func (x *exchange) spared(a *answer, time bool) {
	if time {
		x.g.count.timeSaved.Add(int64(a.took))
	}
	x.g.count.moneySaved.add(a.price)
}

// sum is a sum of numbers.
type sum struct{ bits atomic.Uint64 }

func (s *sum) add(v float64) {
	for v > 0 {
		old := s.bits.Load()
		if s.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

func (s *sum) value() float64 { return math.Float64frombits(s.bits.Load()) }

func (c *counters) secondsSaved() float64 { return time.Duration(c.timeSaved.Load()).Seconds() }

package sim

import (
	"math"
	"time"
)

// ledger is what most policies know: how many calls are under way where.
type ledger struct {
	inFlight []float64
	rnd      uint64
}

func newLedger(servers int, seed uint64) ledger {
	return ledger{inFlight: make([]float64, servers), rnd: mix(seed)}
}

func (l *ledger) random() uint64 {
	l.rnd = mix(l.rnd)
	return l.rnd
}

// least returns the server with the lowest price, by lot among equals, those that were
// tried last of all.
func (l *ledger) least(tried []int, price func(i int) float64) int {
	best, at, equal := math.Inf(1), 0, uint64(0)
	for i := range l.inFlight {
		p := price(i)
		for _, t := range tried {
			if t == i {
				p += 1e12
			}
		}
		switch {
		case p < best:
			best, at, equal = p, i, 1
		case p == best:
			if equal++; l.random()%equal == 0 {
				at = i
			}
		}
	}
	return at
}

// First does nothing.
func (l *ledger) First(time.Duration, *Call) {}

// LeastOutstanding takes the server with the fewest calls in flight.
type LeastOutstanding struct{ ledger }

// NewLeastOutstanding returns the rule.
func NewLeastOutstanding(servers int, seed uint64) *LeastOutstanding {
	return &LeastOutstanding{newLedger(servers, seed)}
}

// Pick places the call.
func (p *LeastOutstanding) Pick(_ time.Duration, c *Call) int {
	at := p.least(c.Tried, func(i int) float64 { return p.inFlight[i] })
	p.inFlight[at]++
	return at
}

// Done ends the attempt.
func (p *LeastOutstanding) Done(_ time.Duration, c *Call, _ bool) { p.inFlight[c.Server]-- }

// RoundRobin takes the servers in turn.
type RoundRobin struct {
	ledger
	next int
}

// NewRoundRobin returns the rule, beginning anywhere.
func NewRoundRobin(servers int, seed uint64) *RoundRobin {
	r := &RoundRobin{ledger: newLedger(servers, seed)}
	r.next = int(r.random() % uint64(servers))
	return r
}

// Pick places the call.
func (p *RoundRobin) Pick(time.Duration, *Call) int {
	p.next = (p.next + 1) % len(p.inFlight)
	return p.next
}

// Done does nothing.
func (p *RoundRobin) Done(time.Duration, *Call, bool) {}

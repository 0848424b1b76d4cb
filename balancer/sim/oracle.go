package sim

import (
	"math"
	"time"
)

// Oracle places each call where it ends first. It knows the true work, the true speeds and
// the faults of servers, and sees all calls. It is greedy, not optimal. It is for worlds of
// queues, and for calls that are tried once.
type Oracle struct {
	ledger
	run  run
	free [][]float64 // when each slot of a server is free, seconds
}

// NewOracle returns the rule for a world.
func NewOracle(w World, seed uint64) *Oracle {
	o := &Oracle{ledger: newLedger(len(w.Servers), seed), run: run{World: w}}
	for _, s := range w.Servers {
		o.free = append(o.free, make([]float64, s.slots()))
	}
	return o
}

// Pick places the call.
func (o *Oracle) Pick(now time.Duration, c *Call) int {
	o.run.clock.now = now
	best, server, slot := math.Inf(1), -1, 0
	for i, s := range o.run.Servers {
		if o.run.failing(i) > 0 {
			continue
		}
		k := earliest(o.free[i])
		end := max(now.Seconds(), o.free[i][k]) + c.Work/s.Speed*o.run.slowness(i)
		if end < best {
			best, server, slot = end, i, k
		}
	}
	if server >= 0 {
		o.free[server][slot] = best
	}
	return server
}

// Done does nothing.
func (o *Oracle) Done(time.Duration, *Call, bool) {}

func earliest(times []float64) int {
	at := 0
	for i, t := range times {
		if t < times[at] {
			at = i
		}
	}
	return at
}

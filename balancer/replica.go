package balancer

import (
	"math"
	"sync/atomic"
)

// replica is what is learnt of a server that answers prompts: the time to the first token
// grows with the tokens it still has to read, the time for each further token with the calls
// it works on. It is guarded by the server's lock; what picks read is atomic.
type replica struct {
	place   atomic.Int32 // in the index of prefixes, below 0: none
	reading line         // seconds to the first token over tokens to be read
	writing line         // seconds for a token over calls in flight
	reads   int          // first tokens
	waiting int          // prompts that have no first token yet
	strange int          // surprises in a row: above 0 too slow, below 0 too fast

	seen replicaRow
}

// replicaRow is a replica as picks see it.
type replicaRow struct {
	pending         atomicFloat // tokens of prompts that have no first token yet
	start, perToken atomicFloat // seconds to the first token, and for each token read
	pace, perCall   atomicFloat // seconds for a token, and for each call in flight
	factor, extra   atomicFloat // on what a call costs, and besides it
}

// Guesses for a replica of which nothing is known, before anything is known of others.
const (
	firstStart    = 0.02
	firstPerToken = 1e-4
	firstPace     = 0.01
	firstPerCall  = 3e-4
)

// solveReplica brings up to date what picks see.
func (s *Server) solveReplica() {
	c, r := s.seat.climate, &s.replica
	first := c.weight.Load() / s.settings.Load().Weight
	a, b := r.reading.solve(first*c.replica.start.Load(), first*c.replica.perToken.Load(), 1000)
	r.seen.start.Store(a)
	r.seen.perToken.Store(max(b, 1e-9))
	a, b = r.writing.solve(first*c.replica.pace.Load(), first*c.replica.perCall.Load(), 16)
	r.seen.pace.Store(max(a, 1e-9))
	r.seen.perCall.Store(b)
}

// judge prices what is doubtful of the server: calls that are late, failures, a slow start.
func (r *replicaRow) judge(of reading, share float64) {
	cubed := of.success * of.success * of.success
	r.factor.Store(1 / cubed / share)
	r.extra.Store((of.overdue/cubed + (1/cubed-1)*of.usual) / share)
}

// follow is a slow moving mean.
func follow(mean, sample float64) float64 {
	if mean == 0 {
		return sample
	}
	return mean + (sample-mean)/128
}

// forgetPrompts sets what is assumed before anything is known.
func (c *climate) forgetPrompts() {
	c.replica.start.Store(firstStart)
	c.replica.perToken.Store(firstPerToken)
	c.replica.pace.Store(firstPace)
	c.replica.perCall.Store(firstPerCall)
	c.crowd.limit.Store(math.Inf(1))
}

// refreshReplicas finds the median replica, by which a new one is judged.
func (p *Pool) refreshReplicas(v *view) {
	if p.climate.output.Load() == 0 && p.climate.answer.Load() == 0 {
		return // no prompts
	}
	var start, perToken, pace, perCall []float64
	for _, s := range v.servers {
		s.mu.Lock()
		r := &s.replica
		if r.reading.n > 0 {
			start, perToken = append(start, r.seen.start.Load()), append(perToken, r.seen.perToken.Load())
		}
		if r.writing.n > 0 {
			pace, perCall = append(pace, r.seen.pace.Load()), append(perCall, r.seen.perCall.Load())
		}
		s.mu.Unlock()
	}
	c := &p.climate.replica
	for _, m := range []struct {
		at   *atomicFloat
		seen []float64
	}{{&c.start, start}, {&c.perToken, perToken}, {&c.pace, pace}, {&c.perCall, perCall}} {
		if len(m.seen) > 0 {
			m.at.Store(max(median(m.seen), 1e-9))
		}
	}
}

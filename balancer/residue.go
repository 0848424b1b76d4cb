package balancer

import "time"

const (
	// residueLatencies is the time constant of a residue in usual response times.
	residueLatencies = 1
	// residueShare is the least part that one observation moves it.
	residueShare = 0.1
	// slopeMemory is how many calls of the pool the worth of residues is judged by.
	slopeMemory = 1000
)

// residue is by how much recent responses of a server were later than its own calls in
// flight explain: the calls of others, such as gateways side by side. How far it foretells
// the next response is learnt for the whole pool, see [residues]: with one gateway nothing
// is left to be explained, and residues are noise that must not count.
type residue struct {
	seconds float64
	at      int64
}

// residues learns the slope of what is left unexplained over what was left unexplained
// before, by least squares through the origin with forgetting. Observations of other servers
// that end at the same instant may be lost, which does not matter for a slope.
type residues struct{ slope, xy, xx atomicFloat }

func residueMemory(usual float64) time.Duration {
	return time.Duration(residueLatencies * max(usual, minLatency) * float64(time.Second))
}

// now is what is left of the residue.
func (r *residue) now(now int64, usual float64) float64 {
	return r.seconds * fade(now-r.at, residueMemory(usual))
}

// observe learns from a response for which the lease expected another time.
func (r *residue) observe(now int64, c *climate, l *lease, latency float64) {
	expected, usual := max(l.expected, minLatency), c.latency.Load()
	rest := min(max(latency-expected, -2*expected), 4*expected)
	c.residues.observe(l.residue/expected, rest/expected)
	part := max(1-fade(now-r.at, residueMemory(usual)), residueShare)
	left := r.now(now, usual)
	r.seconds, r.at = left+part*(rest-left), now
}

func (s *residues) observe(before, after float64) {
	const keep = 1 - 1.0/slopeMemory
	xy := s.xy.Load()*keep + before*after
	xx := s.xx.Load()*keep + before*before
	s.xy.Store(xy)
	s.xx.Store(xx)
	s.slope.Store(min(max(xy/max(xx, 1e-12), 0), 1))
}

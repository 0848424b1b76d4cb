package sim

import (
	"math"
	"time"
)

// latencyMemory is the time constant of what rivals remember of response times.
const latencyMemory = 10 * time.Second

// responseTime is a moving mean in which a sample counts the more the longer none came.
type responseTime struct {
	mean float64
	at   time.Duration
}

func (r *responseTime) observe(now time.Duration, sample float64) {
	part := 1 - math.Exp(-float64(now-r.at)/float64(latencyMemory))
	if r.mean == 0 {
		part = 1
	}
	r.mean += max(part, 1.0/32) * (sample - r.mean)
	r.at = now
}

// LeastTime takes the server with the lowest mean response time × (calls in flight + 1), as
// Traefik's leasttime and nginx' least_time do. Errors do not count as response times.
type LeastTime struct {
	ledger
	times []responseTime
}

// NewLeastTime returns the rule.
func NewLeastTime(servers int, seed uint64) *LeastTime {
	return &LeastTime{newLedger(servers, seed), make([]responseTime, servers)}
}

// Pick places the call.
func (p *LeastTime) Pick(_ time.Duration, c *Call) int {
	at := p.least(c.Tried, func(i int) float64 { return p.times[i].mean * (p.inFlight[i] + 1) })
	p.inFlight[at]++
	return at
}

// Done ends the attempt.
func (p *LeastTime) Done(now time.Duration, c *Call, ok bool) {
	p.inFlight[c.Server]--
	if ok {
		p.times[c.Server].observe(now, (now - c.Placed).Seconds())
	}
}

// PeakEWMA takes the better of two servers drawn at random, by response time × (calls in
// flight + 1), where a response time above the mean becomes the mean at once, as Finagle
// and Linkerd do.
type PeakEWMA struct{ LeastTime }

// NewPeakEWMA returns the rule.
func NewPeakEWMA(servers int, seed uint64) *PeakEWMA { return &PeakEWMA{*NewLeastTime(servers, seed)} }

// Pick places the call.
func (p *PeakEWMA) Pick(time.Duration, *Call) int {
	n := uint64(len(p.inFlight))
	a := p.random() % n
	b := (a + 1 + p.random()%(n-1)) % n
	if p.price(b) < p.price(a) {
		a = b
	}
	p.inFlight[a]++
	return int(a)
}

func (p *PeakEWMA) price(i uint64) float64 { return p.times[i].mean * (p.inFlight[i] + 1) }

// Done ends the attempt.
func (p *PeakEWMA) Done(now time.Duration, c *Call, ok bool) {
	p.LeastTime.Done(now, c, ok)
	if took := (now - c.Placed).Seconds(); ok && took > p.times[c.Server].mean {
		p.times[c.Server].mean = took
	}
}

// FourTerm is the score of the original design: 0.3 × response time (of 1 s) + 0.3 × calls
// in flight (of 100) + 0.2 × share of errors + 0.2 × load, where the load is a gauge that
// was polled in the last five seconds.
type FourTerm struct {
	LeastTime
	calls, errors []float64
	slots         []float64
	gauge         []float64
	polled        time.Duration
}

// gaugeAge is the time between two polls.
const gaugeAge = 5 * time.Second

// NewFourTerm returns the rule.
func NewFourTerm(servers []Server, seed uint64) *FourTerm {
	n := len(servers)
	p := &FourTerm{
		LeastTime: *NewLeastTime(n, seed), calls: make([]float64, n), errors: make([]float64, n),
		gauge: make([]float64, n), polled: -gaugeAge,
	}
	for _, s := range servers {
		p.slots = append(p.slots, float64(s.slots()))
	}
	return p
}

// Pick places the call.
func (p *FourTerm) Pick(now time.Duration, _ *Call) int {
	if now-p.polled >= gaugeAge {
		p.polled = now
		for i := range p.gauge {
			p.gauge[i] = min(p.inFlight[i]/p.slots[i], 1)
		}
	}
	best, at := math.Inf(1), 0
	for i := range p.inFlight { // the first of equals, as in the original
		score := 0.3*min(p.times[i].mean, 1) + 0.3*min(p.inFlight[i]/100, 1) +
			0.2*p.errors[i]/max(p.calls[i], 1) + 0.2*p.gauge[i]
		if score < best {
			best, at = score, i
		}
	}
	p.inFlight[at]++
	return at
}

// Done ends the attempt.
func (p *FourTerm) Done(now time.Duration, c *Call, ok bool) {
	p.LeastTime.Done(now, c, ok)
	p.calls[c.Server]++
	if !ok {
		p.errors[c.Server]++
	}
}

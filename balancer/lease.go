package balancer

import (
	"fmt"
	"math"
)

// lease is one call in flight at a server: the entry of the ledger. It begins under the
// server's lock before its pick can be seen and ends exactly once.
type lease struct {
	server   *Server
	job      job
	began    int64
	before   uint16  // calls in flight when it began
	ahead    float64 // work in flight when it began, seconds
	residue  float64 // of the server when it began
	expected float64 // predicted response time, seconds
	cut      func(cause error)
	prompt   *promptFlight // nil: no prompt

	// Guarded by the server's lock.
	prev, next *lease
	ended      bool
	answered   bool // headers came: the server is not stuck
}

// verdict is how a call ended.
type verdict int

const (
	succeeded verdict = iota
	failing           // the server's fault
	throttled         // it asked to be spared: a failure, but no sickness
	cancelled         // nobody's fault: says nothing about the server
	outrun            // cancelled, as another server was faster: it took at least so long
)

// outcome is how a call ended and how long its response took.
type outcome struct {
	verdict verdict
	latency int64 // nanoseconds; below 0: the call has none
}

// begin enters a call into the ledger, or returns nil when the server cannot take it. row
// is where the pick found the server; it is closed when it is out of date. f is what is
// known of its prompt, nil when it has none.
func (s *Server) begin(j job, r *row, f *promptFlight) *lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := int64(s.settings.Load().MaxConnections)
	if s.gone || limit > 0 && s.inFlight.Load() >= limit || !s.health.takes(s.seat.climate.panic.Load()) {
		s.publish(j.now)
		if s.seat.row != r {
			r.shut()
		}
		return nil
	}
	l := &lease{server: s, job: j, began: j.now, ahead: s.work, prev: s.newest}
	l.before = uint16(min(s.inFlight.Load(), math.MaxUint16))
	v := s.expectedSpeed()
	l.expected = j.size*v.perUnit + s.work*v.perAhead
	l.residue = s.residue.now(j.now, s.seat.climate.latency.Load())
	if f != nil {
		s.beginPrompt(l, f)
	}
	if s.newest != nil {
		s.newest.next = l
	} else {
		s.oldest = l
	}
	s.newest = l
	s.work += j.size
	s.lastUse = j.now
	s.requests.Add(1)
	s.inFlight.Add(1)
	s.publish(j.now)
	return l
}

// onCut sets what cuts the call short.
func (l *lease) onCut(cut func(cause error)) {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.cut = cut
}

// headersCame notes that the server answered, though the call goes on.
func (l *lease) headersCame() {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.answered = true
}

// end takes the call off the ledger and learns from it. It reports whether this was the
// first end of the call.
func (p *Pool) end(l *lease, now int64, o outcome) bool {
	s := l.server
	s.mu.Lock()
	if l.ended {
		s.mu.Unlock()
		return false
	}
	l.ended, l.cut = true, nil
	s.unlink(l)
	s.endPrompt(l, now, o.verdict == succeeded)
	implied, sick := s.learn(l, now, o)
	s.publish(now)
	s.mu.Unlock()
	if o.verdict == outrun {
		o.verdict = cancelled
	}
	p.recorder.add(l, o)
	if implied > 0 {
		p.sizes.observe(l.job.class, implied)
	}
	if sick {
		p.eject(s, now, "")
	}
	return true
}

func (s *Server) unlink(l *lease) {
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		s.oldest = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		s.newest = l.prev
	}
	l.prev, l.next = nil, nil
	s.work -= l.job.size
	if s.inFlight.Add(-1) == 0 {
		s.work = 0 // no rounding error survives
		if s.idle != nil {
			close(s.idle)
			s.idle = nil
		}
	}
}

// learn updates the estimates. It returns the size that the call turned out to have, 0 for
// unknown, and whether the server has failed too often in a row.
func (s *Server) learn(l *lease, now int64, o outcome) (implied float64, sick bool) {
	latency := seconds(o.latency)
	switch o.verdict {
	case cancelled:
		s.cancelled.Add(1)
		return 0, false
	case outrun:
		s.cancelled.Add(1)
		if latency > l.expected { // else a slow server that always loses would never show it
			s.latency.observe(now, latency)
			s.speed.observe(now, max(l.job.size, minLatency), l.ahead, latency, l.expected)
		}
		return 0, false
	case failing, throttled:
		s.failed.Add(1)
		s.history.record(now, -1, true) // what failed has no response time
		s.success.observe(now, false)
		if latency > s.latency.seconds && s.latency.samples > 0 {
			s.latency.observe(now, latency) // slow failures count, fast ones are no speed
		}
		if o.verdict == throttled {
			return 0, false
		}
		s.health.failures++
		limit := s.seat.limits.ConsecutiveFailures
		return 0, s.health.failures >= limit && now >= s.health.ejectedTo
	}
	s.history.record(now, o.latency, false)
	s.success.observe(now, true)
	s.health.failures = 0
	if o.latency < 0 {
		return 0, false
	}
	s.latency.observe(now, max(latency, minLatency))
	if c := s.seat.climate; c.latency.Load() == 0 {
		c.latency.Store(s.latency.seconds) // the first that is known of the pool
	}
	v := s.expectedSpeed()
	implied = max(latency-v.perAhead*l.ahead, latency/20) * s.seat.climate.speed.Load() / v.perUnit
	s.residue.observe(now, s.seat.climate, l, latency)
	s.speed.observe(now, max(l.job.size, minLatency), l.ahead, max(latency, minLatency), l.expected)
	return implied, false
}

// eject takes a failing server out, unless too many are out already. No reason means failures in a
// row.
func (p *Pool) eject(s *Server, now int64, reason string) {
	p.healthMu.Lock()
	defer p.healthMu.Unlock()
	v := p.view.Load()
	out := 0
	for _, o := range v.servers {
		o.mu.Lock()
		if now < o.health.ejectedTo {
			out++
		}
		o.mu.Unlock()
	}
	if out >= max(1, int(v.limits.MaxEjectionRatio*float64(len(v.servers)))) {
		return
	}
	s.mu.Lock()
	if now < s.health.ejectedTo { // another failure was faster
		s.mu.Unlock()
		return
	}
	if reason == "" {
		reason = fmt.Sprintf("%d failed calls in a row", s.health.failures)
	}
	s.health.eject(now, v.limits.EjectionTime, splitmix(uint64(now)), reason)
	s.success = successEstimate{at: now} // it is judged anew when it is back
	s.mu.Unlock()
	s.ejections.Add(1)
	p.refresh(v, now)
}

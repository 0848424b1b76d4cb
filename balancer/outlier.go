package balancer

import (
	"fmt"
	"time"
)

const (
	// judgeEvery is how often servers are compared with each other.
	judgeEvery = time.Second
	// judgeCalls is how many recent calls a server must have had to be judged.
	judgeCalls = 20
	// peerMargin is how far above the median of the others a share of failures must lie: what
	// fails everywhere is not one server's fault.
	peerMargin = 0.15
	// leastSlow is the response time below which nobody is too slow, and slowRounds how often in a
	// row a server must be found so: a burst that queues is no sickness.
	leastSlow  = 0.1 // seconds
	slowRounds = 3
)

// standing is what servers are compared by.
type standing struct {
	calls    float64 // of the last seconds, faded
	failing  float64 // share of them
	latency  float64 // seconds
	worth    float64 // latency × weight: what a server of weight 1 would take
	measured bool    // enough of them had a response time
}

// judge ejects servers that fail much more often than the others, or, unless the strategy weighs
// response times itself and still needs to see them, are much slower.
func (p *Pool) judge(v *view, now int64) {
	if next := p.judgeAt.Load(); now < next || !p.judgeAt.CompareAndSwap(next, now+int64(judgeEvery)) || len(v.servers) < 2 {
		return
	}
	all := make([]standing, len(v.servers))
	for i, s := range v.servers {
		s.mu.Lock()
		if now >= s.health.ejectedTo && s.health.takes(false) {
			e := &s.success
			keep := fade(now-e.at, successMemory)
			all[i] = standing{
				calls: (e.good + e.bad) * keep, latency: s.latency.seconds,
				worth: s.latency.seconds * s.settings.Load().Weight, measured: s.latency.samples >= judgeCalls,
			}
			if e.good+e.bad > 0 {
				all[i].failing = e.bad / (e.good + e.bad)
			}
		}
		s.mu.Unlock()
	}
	for i, s := range v.servers {
		reason := v.failsMore(all, i)
		if slow := v.slower(all, i); slow == "" {
			s.slow.Store(0)
		} else if s.slow.Add(1) >= slowRounds && reason == "" {
			reason = slow
		}
		if reason != "" {
			s.slow.Store(0)
			p.eject(s, now, reason)
		}
	}
}

// failsMore says that a server fails much more often than the others, or nothing.
func (v *view) failsMore(all []standing, i int) string {
	s := all[i]
	if s.calls < judgeCalls || s.failing < v.limits.FailureRatio {
		return ""
	}
	others := make([]float64, 0, len(all))
	for j, o := range all {
		if j != i && o.calls >= judgeCalls {
			others = append(others, o.failing)
		}
	}
	if len(others) == 0 || s.failing < median(others)+peerMargin {
		return ""
	}
	return fmt.Sprintf("%.0f %% of its calls failed", 100*s.failing)
}

// slower says that a server is much slower than the others, or nothing.
func (v *view) slower(all []standing, i int) string {
	s := all[i]
	if s.calls < judgeCalls || !s.measured || s.latency < leastSlow || weighsLatency(v.name) {
		return ""
	}
	others := make([]float64, 0, len(all))
	for j, o := range all {
		if j != i && o.calls >= judgeCalls && o.measured {
			others = append(others, o.worth)
		}
	}
	if len(others) == 0 {
		return ""
	}
	if usual := median(others); s.worth >= v.limits.SlowFactor*usual {
		return fmt.Sprintf("it answered in %.2g s, %.0f times what the others take", s.latency, s.worth/usual)
	}
	return ""
}

// weighsLatency reports whether a strategy gives a slow server as little as it is worth, and sees
// from that little when it has healed.
func weighsLatency(strategy string) bool {
	return strategy == Adaptive || strategy == LeastResponseTime
}

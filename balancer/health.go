package balancer

import (
	"fmt"
	"time"
)

// health is what is known of a server's fitness. It is guarded by the server's lock.
type health struct {
	maintenance bool

	down           bool // by active checks; unknown counts as up
	streak         int  // checks in a row that contradict down
	lastCheck      time.Time
	lastCheckError string

	failures   int   // live calls in a row that failed
	ejectedTo  int64 // end of the ejection
	ejectedFor string
	ejectCount int // how often in a row of bad times
	lastEject  int64

	warm   bool  // has its full share
	warmAt int64 // when the slow start began

	status string
	reason string
	since  time.Time
}

const (
	// degradedAfter failures in a row a server counts as degraded.
	degradedAfter = 3
	// maxEjection is the longest ejection.
	maxEjection = 5 * time.Minute
	// coldShare is the share with which a slow start begins.
	coldShare = 0.1
	// forgiveAfter this long without an ejection the next one is short again.
	forgiveAfter = 10 * time.Minute
)

// takes reports whether the server may get calls; in a panic only maintenance counts.
func (h *health) takes(panicking bool) bool {
	return h.status != StatusMaintenance && (panicking || h.status != StatusUnhealthy)
}

// settle derives the status, notes since when it holds and begins a slow start when the
// server comes back.
func (h *health) settle(epoch time.Time, now int64) {
	status, reason := h.assess(now)
	if status == h.status {
		h.reason = reason
		return
	}
	back := h.status == StatusUnhealthy || h.status == StatusMaintenance
	if back && (status == StatusHealthy || status == StatusDegraded) {
		h.coldStart(now)
	}
	h.status, h.reason, h.since = status, reason, epoch.Add(time.Duration(now))
}

func (h *health) assess(now int64) (status, reason string) {
	switch {
	case h.maintenance:
		return StatusMaintenance, "taken out of service"
	case h.down:
		return StatusUnhealthy, "health check failed: " + h.lastCheckError
	case now < h.ejectedTo:
		return StatusUnhealthy, fmt.Sprintf("ejected: %s, ejection %d", h.ejectedFor, h.ejectCount)
	case h.failures >= degradedAfter:
		return StatusDegraded, fmt.Sprintf("%d failed calls in a row", h.failures)
	case h.lastCheckError != "":
		return StatusDegraded, "last health check failed: " + h.lastCheckError
	case h.lastCheck.IsZero():
		return StatusHealthy, "not checked yet"
	}
	return StatusHealthy, "health check passed"
}

func (h *health) coldStart(now int64) { h.warm, h.warmAt = false, now }

// warmth is the share of a slow start, from coldShare to 1.
func (h *health) warmth(now int64, over time.Duration) float64 {
	if h.warm {
		return 1
	}
	age := float64(now-h.warmAt) / float64(over)
	if age >= 1 {
		h.warm = true
		return 1
	}
	return coldShare + (1-coldShare)*max(age, 0)
}

// checked notes the result of an active check; problem is empty for a good one. It
// reports whether the result contradicts the state, which calls for a closer look.
func (h *health) checked(at time.Time, problem string, limits *Config) bool {
	h.lastCheck, h.lastCheckError = at, problem
	if bad := problem != ""; bad == h.down {
		h.streak = 0
		return false
	}
	h.streak++
	need := limits.HealthCheckFall
	if h.down {
		need = limits.HealthCheckRise
	}
	if h.streak < need {
		return true
	}
	h.down, h.streak = !h.down, 0
	if !h.down {
		h.failures = 0
	}
	return false
}

// eject takes the server out for a time that grows with each ejection, spread by a tenth
// so that servers do not come back together.
func (h *health) eject(now int64, base time.Duration, rnd uint64, reason string) {
	h.ejectedFor = reason
	if now-h.lastEject > int64(forgiveAfter) {
		h.ejectCount = 0
	}
	h.ejectCount++
	h.lastEject = now
	length := min(base*time.Duration(h.ejectCount), maxEjection)
	h.ejectedTo = now + int64(float64(length)*(0.9+0.2*unit(rnd)))
}

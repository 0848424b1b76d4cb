package memory

import (
	"context"
	"time"
)

const (
	tuneEvery   = time.Second
	relieveWait = 30 * time.Second // between two Checks that Run makes
)

// Run looks for leaks every ten seconds, tunes the collector every second, and makes a Check
// soon after use goes over the threshold of a limit of this process; the first two while they are
// switched on. It blocks until ctx ends, then puts GOGC and GOMEMLIMIT back and returns
// nil. Run it once.
func (m *Monitor) Run(ctx context.Context) error {
	defer m.rest()
	ticker := time.NewTicker(tuneEvery)
	defer ticker.Stop()
	var sampled, relieved time.Time
	m.tune(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			if now.Sub(sampled) >= leakEvery-tuneEvery/2 {
				m.leaks.sample(now)
				sampled = now
			}
			m.tune(now)
			if now.Sub(relieved) >= relieveWait && m.pressed() {
				if _, err := m.Check(ctx); err != nil {
					return nil // ctx has ended
				}
				relieved = time.Now()
			}
		}
	}
}

// rest puts the collector's settings back and leaves the switch as it is.
func (m *Monitor) rest() {
	m.mu.Lock()
	on := m.cfg.GCTuner
	m.mu.Unlock()
	m.tuner.turn(false, time.Now())
	m.tuner.turn(on, time.Now())
}

// pressed tells whether this process is over the threshold. Where only the machine is full, the
// Check every few minutes is enough: others may be the cause.
func (m *Monitor) pressed() bool {
	m.mu.Lock()
	threshold := m.cfg.GCThreshold
	m.mu.Unlock()
	use := m.need(m.host.read(false), readRuntime())
	return use.source != SourceSystem && use.ratio() > threshold
}

// tune lets the tuner look once.
func (m *Monitor) tune(now time.Time) {
	m.mu.Lock()
	cfg := m.cfg
	m.mu.Unlock()
	if !cfg.GCTuner {
		return
	}
	h, r := m.host.read(false), readRuntime()
	in := tuneInput{
		target: cfg.GCTarget, live: r.heap.LiveBytes,
		other:    max(h.process.RSSAnonBytes-r.heap.HeldBytes, 0),
		overhead: r.heap.StacksBytes + r.heap.OverheadBytes,
	}
	in.limit, in.source = hardLimit(h, m.limits(r))
	m.tuner.tune(in, r, now)
}

// hardLimit is the lowest limit that this process must keep: what is configured, or the
// container's, or else GOMEMLIMIT.
func hardLimit(h hostReading, l limits) (limit int64, source string) {
	if total := h.system.TotalBytes; h.cgroupLimit > 0 && (total == 0 || h.cgroupLimit < total) {
		limit, source = h.cgroupLimit, SourceCgroup
	}
	if l.configured > 0 && (limit == 0 || l.configured < limit) {
		limit, source = l.configured, SourceConfig
	}
	if limit == 0 && l.program > 0 {
		limit, source = l.program, SourceGo
	}
	return limit, source
}

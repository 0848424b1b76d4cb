package memory

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// What a Check did.
const (
	ActionNone    = "none"    // use is under the threshold
	ActionRelieve = "relieve" // callbacks and pools were asked; collecting could not help
	ActionCollect = "collect" // the same, and garbage was collected
)

// CheckResult is what one [Monitor.Check] found and did.
type CheckResult struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"`
	// Reason says in a sentence why, with the figures.
	Reason string `json:"reason"`
	// RatioBefore and RatioAfter are the shares of the limit in use; while the tuner is on,
	// without the garbage that it lets stand.
	RatioBefore float64 `json:"ratio_before"`
	RatioAfter  float64 `json:"ratio_after"`
	// Callbacks ran, of which CallbackPanics panicked.
	Callbacks      int `json:"callbacks"`
	CallbackPanics int `json:"callback_panics"`
	// PoolBytes were let go by the buffer pools.
	PoolBytes int64 `json:"pool_bytes"`
	// ReclaimableBytes estimates from above what a collection could free or return.
	ReclaimableBytes int64 `json:"reclaimable_bytes"`
	// GC is nil unless garbage was collected.
	GC *GCResult `json:"gc,omitempty"`
}

// Check looks whether use is over the threshold and, if so, relieves memory: callbacks
// and buffer pools first, then a collection if it can help. It keeps a snapshot in the
// history, and lets go of buffers that were idle since the last Check. Run it every few
// minutes. The only error is that of ctx.
func (m *Monitor) Check(ctx context.Context) (CheckResult, error) {
	if err := ctx.Err(); err != nil {
		return CheckResult{}, err
	}
	select {
	case m.checking <- struct{}{}:
	case <-ctx.Done():
		return CheckResult{}, ctx.Err()
	}
	defer func() { <-m.checking }()
	m.checks.Add(1)

	result, err := m.check(ctx)
	m.history.add(m.snapshot())
	if err != nil {
		return CheckResult{}, err
	}
	kept := result
	m.mu.Lock()
	m.lastCheck = &kept
	m.mu.Unlock()
	return result, nil
}

func (m *Monitor) check(ctx context.Context) (CheckResult, error) {
	m.mu.Lock()
	threshold, callbacks := m.cfg.GCThreshold, slices.Clone(m.callbacks)
	m.mu.Unlock()

	r := readRuntime()
	use := m.need(m.host.read(true), r)
	share := m.judge.collectorShare(r)
	result := CheckResult{
		Time:        time.Now().UTC(),
		Action:      ActionNone,
		RatioBefore: use.ratio(),
		RatioAfter:  use.ratio(),
		PoolBytes:   m.buffers.Trim(),
	}
	if use.ratio() <= threshold {
		result.Reason = fmt.Sprintf("use is %.1f %% of the %s limit of %s, not over %.0f %%",
			100*use.ratio(), use.source, inMiB(use.limit), 100*threshold)
		return result, nil
	}

	m.pressureChecks.Add(1)
	result.Action = ActionRelieve
	result.Callbacks = len(callbacks)
	for _, relieve := range callbacks {
		if m.contained(relieve, use.ratio()) {
			result.CallbackPanics++
		}
	}
	result.PoolBytes += m.buffers.Clear()

	r = readRuntime()
	c := caseFor{
		use:       use,
		garbage:   max(r.heap.ObjectsBytes-r.heap.LiveBytes, 0),
		held:      r.heap.HeldBytes,
		relieved:  result.PoolBytes > 0 || result.Callbacks > result.CallbackPanics,
		collector: share,
	}
	if use.source != SourceGo { // pages that are free but not returned count there
		c.unreturned = r.heap.FreeBytes
	}
	result.ReclaimableBytes = c.garbage + c.unreturned
	help, reason := m.judge.canHelp(c)
	result.Reason = reason
	if !help {
		return result, nil
	}
	run := m.collectAndReturn
	if use.source == SourceGo {
		run = m.GC
	}
	gc := run(ctx)
	if !gc.Ran {
		return result, ctx.Err()
	}
	m.judge.learn(c, gc)
	result.Action, result.GC = ActionCollect, &gc
	result.RatioAfter = m.need(m.host.read(true), readRuntime()).ratio()
	return result, nil
}

// contained runs a callback and tells whether it panicked.
func (m *Monitor) contained(relieve func(float64), ratio float64) (panicked bool) {
	defer func() {
		if recover() != nil {
			m.pressurePanics.Add(1)
			panicked = true
		}
	}()
	relieve(ratio)
	return false
}

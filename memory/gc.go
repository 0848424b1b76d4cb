package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// GCResult is what a forced collection did.
type GCResult struct {
	// Ran is false when the context ended while another collection was under way; the
	// other fields are then zero.
	Ran bool `json:"ran"`
	// HeapBeforeBytes and HeapAfterBytes are the bytes of objects. FreedBytes is their
	// difference, never negative: the program may have allocated meanwhile.
	HeapBeforeBytes int64 `json:"heap_before_bytes"`
	HeapAfterBytes  int64 `json:"heap_after_bytes"`
	FreedBytes      int64 `json:"freed_bytes"`
	// ReturnedBytes went back to the system during the collection.
	ReturnedBytes int64         `json:"returned_bytes"`
	Duration      time.Duration `json:"duration"`
}

// GC collects garbage now and tells what that did. It blocks for the whole collection and
// slows the program meanwhile; ctx only ends the wait for another forced one.
func (m *Monitor) GC(ctx context.Context) GCResult { return m.collect(ctx, runtime.GC) }

// collectAndReturn also returns free pages to the system.
func (m *Monitor) collectAndReturn(ctx context.Context) GCResult {
	return m.collect(ctx, debug.FreeOSMemory)
}

func (m *Monitor) collect(ctx context.Context, run func()) GCResult {
	if ctx.Err() != nil {
		return GCResult{}
	}
	select {
	case m.collecting <- struct{}{}:
	case <-ctx.Done():
		return GCResult{}
	}
	defer func() { <-m.collecting }()
	before := readRuntime().heap
	start := time.Now()
	run()
	took := time.Since(start)
	after := readRuntime().heap
	m.collections.Add(1)
	return GCResult{
		Ran:             true,
		HeapBeforeBytes: before.ObjectsBytes,
		HeapAfterBytes:  after.ObjectsBytes,
		FreedBytes:      max(before.ObjectsBytes-after.ObjectsBytes, 0),
		ReturnedBytes:   max(before.HeldBytes-after.HeldBytes, 0),
		Duration:        took,
	}
}

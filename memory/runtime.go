package memory

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
)

// The names read from runtime/metrics, in the order of runtimeReading.
const (
	metricObjectsBytes = "/memory/classes/heap/objects:bytes"
	metricUnused       = "/memory/classes/heap/unused:bytes"
	metricFree         = "/memory/classes/heap/free:bytes"
	metricReleased     = "/memory/classes/heap/released:bytes"
	metricStacks       = "/memory/classes/heap/stacks:bytes"
	metricTotal        = "/memory/classes/total:bytes"
	metricLive         = "/gc/heap/live:bytes"
	metricGoal         = "/gc/heap/goal:bytes"
	metricObjects      = "/gc/heap/objects:objects"
	metricAllocated    = "/gc/heap/allocs:bytes"
	metricCycles       = "/gc/cycles/total:gc-cycles"
	metricForced       = "/gc/cycles/forced:gc-cycles"
	metricPauses       = "/sched/pauses/total/gc:seconds"
	metricGOGC         = "/gc/gogc:percent"
	metricGoLimit      = "/gc/gomemlimit:bytes"
	metricGCCPU        = "/cpu/classes/gc/total:cpu-seconds"
	metricGCIdleCPU    = "/cpu/classes/gc/mark/idle:cpu-seconds"
	metricCPU          = "/cpu/classes/total:cpu-seconds"
	metricGoroutines   = "/sched/goroutines:goroutines"
)

// runtimeReading is one look at the Go runtime.
type runtimeReading struct {
	heap       Heap
	gc         GCStats
	goroutines int
	// gcCPU and cpu are processor seconds since start, as of the last collection. Marking
	// on idle processors takes nothing from the program and is not in gcCPU.
	gcCPU, cpu float64
}

// readRuntime looks at the runtime without stopping the world, in about 10 µs.
func readRuntime() runtimeReading {
	names := [...]string{
		metricObjectsBytes, metricUnused, metricFree, metricReleased, metricStacks, metricTotal,
		metricLive, metricGoal, metricObjects, metricAllocated, metricCycles, metricForced, metricPauses,
		metricGOGC, metricGoLimit, metricGCCPU, metricGCIdleCPU, metricCPU, metricGoroutines,
	}
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	values := make(map[string]metrics.Value, len(samples))
	for _, s := range samples {
		values[s.Name] = s.Value
	}
	count := func(name string) uint64 { return uintOf(values[name]) }
	size := func(name string) int64 { return int64(min(count(name), math.MaxInt64)) }

	heap := Heap{
		LiveBytes:      size(metricLive),
		GoalBytes:      size(metricGoal),
		ObjectsBytes:   size(metricObjectsBytes),
		Objects:        size(metricObjects),
		UnusedBytes:    size(metricUnused),
		FreeBytes:      size(metricFree),
		ReleasedBytes:  size(metricReleased),
		StacksBytes:    size(metricStacks),
		HeldBytes:      size(metricTotal) - size(metricReleased),
		AllocatedBytes: count(metricAllocated),
	}
	heap.OverheadBytes = heap.HeldBytes - heap.ObjectsBytes - heap.UnusedBytes -
		heap.FreeBytes - heap.StacksBytes
	r := runtimeReading{
		heap:       heap,
		gc:         gcStats(count, values[metricPauses]),
		goroutines: int(size(metricGoroutines)),
		gcCPU:      floatOf(values[metricGCCPU]) - floatOf(values[metricGCIdleCPU]),
		cpu:        floatOf(values[metricCPU]),
	}
	if r.cpu > 0 {
		r.gc.CPUFraction = r.gcCPU / r.cpu
	}
	return r
}

func gcStats(count func(string) uint64, pauses metrics.Value) GCStats {
	s := GCStats{
		Cycles:       count(metricCycles),
		ForcedCycles: count(metricForced),
		GOGC:         int(int32(count(metricGOGC))), // off is -1 as an unsigned number
	}
	if limit := count(metricGoLimit); limit < math.MaxInt64 {
		s.LimitBytes = int64(limit)
	}
	if pauses.Kind() == metrics.KindFloat64Histogram {
		s.PauseP99Seconds = quantile(pauses.Float64Histogram(), 0.99)
	}
	// Two figures that runtime/metrics lacks; this reads a log and stops nothing.
	var log debug.GCStats
	debug.ReadGCStats(&log)
	s.PauseTotalSeconds = log.PauseTotal.Seconds()
	if log.NumGC > 0 {
		s.LastGC = log.LastGC.UTC()
	}
	return s
}

func uintOf(v metrics.Value) uint64 {
	if v.Kind() != metrics.KindUint64 {
		return 0
	}
	return v.Uint64()
}

func floatOf(v metrics.Value) float64 {
	if v.Kind() != metrics.KindFloat64 {
		return 0
	}
	return v.Float64()
}

// quantile returns the upper bound of the bucket that holds quantile q, or its lower
// bound where the upper is infinite; 0 when h is empty.
func quantile(h *metrics.Float64Histogram, q float64) float64 {
	var total uint64
	for _, n := range h.Counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(total))), 1)
	var seen uint64
	for i, n := range h.Counts {
		if seen += n; seen < rank {
			continue
		}
		if high := h.Buckets[i+1]; !math.IsInf(high, 1) {
			return high
		}
		return max(h.Buckets[i], 0) // also for a lone (-Inf, +Inf) bucket
	}
	return 0
}

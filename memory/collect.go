package memory

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_memory_"+name, help, labels, nil)
}

// Descriptions of the metrics; they never change.
var (
	descUsedRatio = desc("used_ratio", "Share of the nearest memory limit in use.")
	descUsed      = desc("used_bytes", "Memory that counts against the nearest limit.")
	descLimit     = desc("limit_bytes", "Memory limits that are set, by where they come from.", "source")
	descRSS       = desc("rss_bytes", "Resident memory of the process.")
	descRSSAnon   = desc("rss_anon_bytes", "Resident memory that no file backs.")
	descVMS       = desc("virtual_bytes", "Address space of the process.")
	descLive      = desc("heap_live_bytes", "Heap found in use by the last collection.")
	descGoal      = desc("heap_goal_bytes", "Heap size at which the next collection begins.")
	descObjects   = desc("heap_objects", "Objects on the heap, live or not yet swept.")
	descRuntime   = desc("runtime_bytes", "Memory of the Go runtime; released is not resident.", "class")
	descAllocated = desc("allocated_bytes_total", "Bytes allocated on the heap.")
	descCycles    = desc("gc_cycles_total", "Garbage collections.")
	descForced    = desc("gc_forced_cycles_total", "Garbage collections forced by the program.")
	descPauses    = desc("gc_pause_seconds_total", "Time the world was stopped for collecting.")
	descGCCPU     = desc("gc_cpu_ratio", "Share of processor time spent on collecting since start.")
	descGoroutine = desc("goroutines", "Goroutines that exist.")
	descChecks    = desc("checks_total", "Checks for memory pressure.")
	descPressure  = desc("pressure_checks_total", "Checks that found use over the threshold.")
	descPanics    = desc("pressure_callback_panics_total", "Pressure callbacks that panicked.")
	descRSSPart   = desc("rss_part_bytes", "Resident memory by what it is made of.", "part")
	descWaited    = desc("pressure_seconds_total", "Time that tasks waited for memory, by kind: some or all of them.", "kind")
	descLeaks     = desc("leaks", "Places in the program that keep growing.", "confidence")
	descLeakRate  = desc("leak_bytes_per_second", "Growth of all leaks together.")
	descTuner     = desc("gc_tuner_changes_total", "Changes that the tuner made to GOGC or GOMEMLIMIT.")
	descGOGC      = desc("gogc_ratio", "Heap growth at which the next collection begins; 1 is GOGC=100, -1 off.")
	descTracked   = desc("tracked_objects", "Objects alive that trackers follow.")
	descPoolSize  = desc("pool_size", "Idle buffers in the pool.", "pool")
	descPoolMax   = desc("pool_max_size", "Most idle buffers kept in the pool.", "pool")
	descPoolHits  = desc("pool_hits_total", "Buffers served from the pool.", "pool")
	descPoolMiss  = desc("pool_misses_total", "Buffers that had to be made.", "pool")
	descPoolDrop  = desc("pool_dropped_total", "Buffers that were not kept.", "pool")
)

// Describe implements prometheus.Collector.
func (m *Monitor) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descUsedRatio, descUsed, descLimit, descRSS, descRSSAnon, descVMS, descLive, descGoal, descObjects,
		descRuntime, descAllocated, descCycles, descForced, descPauses, descGCCPU, descGoroutine, descChecks,
		descPressure, descPanics, descRSSPart, descWaited, descLeaks, descLeakRate, descTuner, descGOGC, descTracked, descPoolSize, descPoolMax, descPoolHits, descPoolMiss, descPoolDrop,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Labels take a fixed handful of values.
func (m *Monitor) Collect(ch chan<- prometheus.Metric) {
	s := m.Stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge(descUsedRatio, s.UsedRatio)
	gauge(descUsed, float64(s.UsedBytes))
	limits := map[string]int64{
		SourceCgroup: s.CgroupLimitBytes, SourceGo: s.GoLimitBytes, SourceSystem: s.System.TotalBytes,
		SourceConfig: s.ConfigLimitBytes,
	}
	for source, limit := range limits {
		if limit > 0 {
			gauge(descLimit, float64(limit), source)
		}
	}
	gauge(descRSS, float64(s.Process.RSSBytes))
	gauge(descRSSAnon, float64(s.Process.RSSAnonBytes))
	gauge(descVMS, float64(s.Process.VMSBytes))
	gauge(descLive, float64(s.Heap.LiveBytes))
	gauge(descGoal, float64(s.Heap.GoalBytes))
	gauge(descObjects, float64(s.Heap.Objects))
	classes := map[string]int64{
		"objects": s.Heap.ObjectsBytes, "unused": s.Heap.UnusedBytes, "free": s.Heap.FreeBytes,
		"released": s.Heap.ReleasedBytes, "stacks": s.Heap.StacksBytes, "overhead": s.Heap.OverheadBytes,
	}
	for class, n := range classes {
		gauge(descRuntime, float64(n), class)
	}
	counter(descAllocated, float64(s.Heap.AllocatedBytes))
	counter(descCycles, float64(s.GC.Cycles))
	counter(descForced, float64(s.GC.ForcedCycles))
	counter(descPauses, s.GC.PauseTotalSeconds)
	gauge(descGCCPU, s.GC.CPUFraction)
	gauge(descGoroutine, float64(s.Goroutines))
	counter(descChecks, float64(s.Checks))
	counter(descPressure, float64(s.PressureChecks))
	counter(descPanics, float64(s.PressurePanics))
	parts := map[string]int64{
		"heap_live": s.RSS.HeapLiveBytes, "heap_new": s.RSS.HeapNewBytes, "heap_free": s.RSS.HeapFreeBytes,
		"stacks": s.RSS.StacksBytes, "runtime": s.RSS.RuntimeBytes, "off_heap": s.RSS.OffHeapBytes,
		"file": s.RSS.FileBytes, "shared": s.RSS.SharedBytes,
	}
	for part, n := range parts {
		gauge(descRSSPart, float64(n), part)
	}
	if s.Pressure.Source != "" {
		counter(descWaited, s.Pressure.SomeSeconds, "some")
		counter(descWaited, s.Pressure.FullSeconds, "full")
	}
	rate, found := 0.0, map[string]int{LeakSuspect: 0, LeakProbable: 0, LeakConfirmed: 0}
	for _, l := range s.Leaks {
		found[l.Confidence]++
		rate += l.GrowthBytesPerSecond
	}
	for confidence, n := range found {
		gauge(descLeaks, float64(n), confidence)
	}
	gauge(descLeakRate, rate)
	counter(descTuner, float64(s.Tuner.ChangeCount))
	gauge(descGOGC, max(float64(s.GC.GOGC)/100, -1))
	gauge(descTracked, float64(s.TrackedObjects))
	for _, name := range slices.Sorted(maps.Keys(s.Pools)) {
		pool := s.Pools[name]
		gauge(descPoolSize, float64(pool.Size), name)
		gauge(descPoolMax, float64(pool.Max), name)
		counter(descPoolHits, float64(pool.Hits), name)
		counter(descPoolMiss, float64(pool.Misses), name)
		counter(descPoolDrop, float64(pool.Dropped), name)
	}
}

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
		descPressure, descPanics, descPoolSize, descPoolMax, descPoolHits, descPoolMiss, descPoolDrop,
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
	for _, name := range slices.Sorted(maps.Keys(s.Pools)) {
		pool := s.Pools[name]
		gauge(descPoolSize, float64(pool.Size), name)
		gauge(descPoolMax, float64(pool.Max), name)
		counter(descPoolHits, float64(pool.Hits), name)
		counter(descPoolMiss, float64(pool.Misses), name)
		counter(descPoolDrop, float64(pool.Dropped), name)
	}
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/sentientcore/upshift/memory"
)

const (
	bytesPerGB = 1 << 30
	bytesPerMB = 1 << 20
)

// MemoryStats is the memory of machine and process.
type MemoryStats struct {
	Enabled           bool                  `json:"enabled"`
	SystemMemory      SystemMemory          `json:"system_memory"`
	ProcessMemory     ProcessMemory         `json:"process_memory"`
	GarbageCollection GarbageCollection     `json:"garbage_collection"`
	MemoryPools       map[string]MemoryPool `json:"memory_pools"`
	// DetectedLeaks is the number of Leaks.
	DetectedLeaks   int           `json:"detected_leaks"`
	TrackingObjects int           `json:"tracking_objects"`
	Leaks           []memory.Leak `json:"leaks"`
	// LeakDetection tells whether leaks are looked for at all, LeakSearch how.
	LeakDetection bool             `json:"leak_detection"`
	LeakSearch    memory.LeakStats `json:"leak_search"`
	Goroutines    int              `json:"goroutines"`
	Limit         Limit            `json:"limit"`
	// RSS says what resident memory is made of, TopSites who allocated what is kept.
	RSS      memory.RSS            `json:"rss"`
	TopSites []memory.Site         `json:"top_sites"`
	Pressure memory.Pressure       `json:"pressure"`
	Tuner    memory.TunerStats     `json:"gc_tuner"`
	Trackers []memory.TrackerStats `json:"trackers"`
	// LastCheck is what the last look for pressure found and did.
	LastCheck *MemoryCheck `json:"last_check,omitempty"`
	Warnings  []string     `json:"warnings"`
}

// MemoryCheck is what a look for memory pressure found and did.
type MemoryCheck struct {
	Time time.Time `json:"time"`
	// Action is none, relieve or collect; Reason says why, with the figures.
	Action string  `json:"action"`
	Reason string  `json:"reason"`
	Before float64 `json:"used_percent_before"`
	After  float64 `json:"used_percent_after"`
}

// SystemMemory is the machine's; GB are 2^30 bytes.
type SystemMemory struct {
	TotalGB     float64 `json:"total_gb"`
	AvailableGB float64 `json:"available_gb"`
	UsedPercent float64 `json:"used_percent"`
}

// ProcessMemory is this process's; MB are 2^20 bytes.
type ProcessMemory struct {
	RSSMB     float64 `json:"rss_mb"`
	RSSAnonMB float64 `json:"rss_anon_mb"`
	VMSMB     float64 `json:"vms_mb"`
}

// GarbageCollection is the collector's record and the heap it keeps.
type GarbageCollection struct {
	Cycles            uint64    `json:"cycles"`
	PauseTotalSeconds float64   `json:"pause_total_seconds"`
	PauseP99Seconds   float64   `json:"pause_p99_seconds"`
	LastGC            time.Time `json:"last_gc"`
	GOGC              int       `json:"gogc"`
	CPUPercent        float64   `json:"cpu_percent"`
	HeapLiveMB        float64   `json:"heap_live_mb"`
	HeapGoalMB        float64   `json:"heap_goal_mb"`
	HeapObjects       int64     `json:"heap_objects"`
}

// MemoryPool is one pool of objects.
type MemoryPool struct {
	// HitRate is 0 to 1.
	HitRate     float64 `json:"hit_rate"`
	CurrentSize int     `json:"current_size"`
	MaxSize     int     `json:"max_size"`
	Hits        uint64  `json:"hits"`
	Misses      uint64  `json:"misses"`
}

// Limit is the memory limit that use is nearest to.
type Limit struct {
	Source      string  `json:"source"`
	TotalMB     float64 `json:"total_mb"`
	UsedMB      float64 `json:"used_mb"`
	UsedPercent float64 `json:"used_percent"`
}

func (s *Server) memoryStats(context.Context, *none) (*answer[MemoryStats], error) {
	if s.parts.Memory == nil {
		return ok(MemoryStats{
			MemoryPools: map[string]MemoryPool{}, Leaks: []memory.Leak{}, TopSites: []memory.Site{},
			Tuner:    memory.TunerStats{State: memory.TunerOff, Changes: []memory.GCChange{}},
			Trackers: []memory.TrackerStats{}, Warnings: []string{},
		})
	}
	return ok(memoryView(s.parts.Memory.Stats()))
}

func memoryView(m memory.Stats) MemoryStats {
	v := MemoryStats{
		Enabled: true,
		SystemMemory: SystemMemory{
			TotalGB: float64(m.System.TotalBytes) / bytesPerGB, AvailableGB: float64(m.System.AvailableBytes) / bytesPerGB,
			UsedPercent: m.System.UsedPercent,
		},
		ProcessMemory: ProcessMemory{
			RSSMB: mb(m.Process.RSSBytes), RSSAnonMB: mb(m.Process.RSSAnonBytes), VMSMB: mb(m.Process.VMSBytes),
		},
		GarbageCollection: GarbageCollection{
			Cycles: m.GC.Cycles, PauseTotalSeconds: m.GC.PauseTotalSeconds, PauseP99Seconds: m.GC.PauseP99Seconds,
			LastGC: m.GC.LastGC.UTC(), GOGC: m.GC.GOGC, CPUPercent: 100 * m.GC.CPUFraction,
			HeapLiveMB: mb(m.Heap.LiveBytes), HeapGoalMB: mb(m.Heap.GoalBytes), HeapObjects: m.Heap.Objects,
		},
		MemoryPools:   make(map[string]MemoryPool, len(m.Pools)),
		DetectedLeaks: len(m.Leaks), TrackingObjects: m.TrackedObjects, Leaks: append([]memory.Leak{}, m.Leaks...),
		LeakDetection: m.LeakDetection.Enabled, LeakSearch: m.LeakDetection, Goroutines: m.Goroutines,
		RSS: m.RSS, TopSites: append([]memory.Site{}, m.TopSites...), Pressure: m.Pressure, Tuner: m.Tuner,
		Trackers: append([]memory.TrackerStats{}, m.Trackers...),
		Limit: Limit{
			Source: m.LimitSource, TotalMB: mb(m.LimitBytes), UsedMB: mb(m.UsedBytes), UsedPercent: 100 * m.UsedRatio,
		},
		Warnings: append([]string{}, m.Warnings...),
	}
	if c := m.LastCheck; c != nil {
		v.LastCheck = &MemoryCheck{c.Time.UTC(), c.Action, c.Reason, 100 * c.RatioBefore, 100 * c.RatioAfter}
	}
	for i := range v.Leaks {
		v.Leaks[i].Stack = append([]string{}, v.Leaks[i].Stack...)
	}
	for name, p := range m.Pools {
		v.MemoryPools[name] = MemoryPool{
			HitRate: p.HitRatio, CurrentSize: p.Size, MaxSize: p.Max, Hits: p.Hits, Misses: p.Misses,
		}
	}
	return v
}

func mb(bytes int64) float64 { return float64(bytes) / bytesPerMB }

// Collection is what a forced garbage collection did.
type Collection struct {
	HeapBeforeMB float64 `json:"heap_before_mb"`
	HeapAfterMB  float64 `json:"heap_after_mb"`
	FreedMB      float64 `json:"freed_mb"`
	DurationMS   float64 `json:"duration_ms"`
}

func (s *Server) memoryGC(ctx context.Context, _ *none) (*answer[Collection], error) {
	if s.parts.Memory == nil {
		return nil, off("memory monitor", "memory.monitoring_enabled: true")
	}
	r := s.parts.Memory.GC(ctx)
	if !r.Ran {
		return nil, problem(http.StatusServiceUnavailable, "another collection is under way", "").after(time.Second)
	}
	return ok(Collection{
		HeapBeforeMB: mb(r.HeapBeforeBytes), HeapAfterMB: mb(r.HeapAfterBytes), FreedMB: mb(r.FreedBytes),
		DurationMS: float64(r.Duration) / float64(time.Millisecond),
	})
}

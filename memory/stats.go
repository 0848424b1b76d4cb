package memory

import "time"

// Stats is the state of memory at one instant.
type Stats struct {
	Time time.Time `json:"time"`

	System  System  `json:"system"`
	Process Process `json:"process"`
	// RSS says what Process.RSSBytes is made of.
	RSS      RSS      `json:"rss"`
	Pressure Pressure `json:"pressure"`
	Heap     Heap     `json:"heap"`
	GC       GCStats  `json:"gc"`

	// LimitBytes is the limit that use is nearest to, and LimitSource where it comes from:
	// "cgroup", "gomemlimit", "config" or "system".
	LimitBytes  int64  `json:"limit_bytes"`
	LimitSource string `json:"limit_source"`
	// UsedBytes is what counts against that limit, and UsedRatio its share, 0 to 1 or more.
	// Against a cgroup it is the anonymous resident memory of this process, which the kernel
	// cannot take back; against GOMEMLIMIT what the runtime holds; against the system what
	// all processes use.
	UsedBytes int64   `json:"used_bytes"`
	UsedRatio float64 `json:"used_ratio"`
	// CgroupLimitBytes and GoLimitBytes are the two settable limits; zero means not set. The
	// latter is GOMEMLIMIT without what the tuner makes of it.
	CgroupLimitBytes int64 `json:"cgroup_limit_bytes"`
	GoLimitBytes     int64 `json:"go_limit_bytes"`
	// ConfigLimitBytes is Config.LimitBytes; zero means none.
	ConfigLimitBytes int64 `json:"config_limit_bytes"`

	// Tuner is the garbage collector's tuner and what it changed.
	Tuner TunerStats `json:"tuner"`

	Pools      map[string]PoolStats `json:"pools"`
	Goroutines int                  `json:"goroutines"`

	// Checks, PressureChecks and PressurePanics count the runs of Check, those over the
	// threshold, and the panics of pressure callbacks; Collections the forced collections.
	Checks         uint64 `json:"checks"`
	PressureChecks uint64 `json:"pressure_checks"`
	PressurePanics uint64 `json:"pressure_panics"`
	Collections    uint64 `json:"collections"`
	// LastCheck is the newest result of Check; nil before the first.
	LastCheck *CheckResult `json:"last_check,omitempty"`

	// LeakDetection says whether and how leaks are looked for.
	LeakDetection LeakStats `json:"leak_detection"`
	// Leaks are those found, the surest first; never nil.
	Leaks []Leak `json:"leaks"`
	// TopSites are the places in the program that keep most; never nil.
	TopSites []Site `json:"top_sites"`
	// Trackers are those added to the monitor, never nil; TrackedObjects are alive in all of them.
	Trackers       []TrackerStats `json:"trackers"`
	TrackedObjects int            `json:"tracked_objects"`

	// Warnings name what could not be read and is therefore zero.
	Warnings []string `json:"warnings,omitempty"`
}

// System is the machine's memory.
type System struct {
	TotalBytes     int64   `json:"total_bytes"`
	AvailableBytes int64   `json:"available_bytes"`
	UsedPercent    float64 `json:"used_percent"`
}

// Process is the kernel's view of this process.
type Process struct {
	RSSBytes int64 `json:"rss_bytes"`
	// RSSAnonBytes is the part of RSSBytes that no file backs. Linux alone tells it; it is
	// zero elsewhere.
	RSSAnonBytes int64 `json:"rss_anon_bytes"`
	// RSSFileBytes are of mapped files, RSSSharedBytes of shared memory, SwapBytes written out
	// by the kernel, PeakBytes the most RSSBytes ever were; of Linux alone, too.
	RSSFileBytes   int64 `json:"rss_file_bytes"`
	RSSSharedBytes int64 `json:"rss_shared_bytes"`
	SwapBytes      int64 `json:"swap_bytes"`
	PeakBytes      int64 `json:"peak_bytes"`
	VMSBytes       int64 `json:"vms_bytes"`
}

// Heap is the Go runtime's memory. ObjectsBytes + UnusedBytes + FreeBytes + StacksBytes +
// OverheadBytes = HeldBytes, what the runtime has from the system and not returned.
type Heap struct {
	// LiveBytes is what the last collection found in use; GoalBytes where the next begins.
	LiveBytes int64 `json:"live_bytes"`
	GoalBytes int64 `json:"goal_bytes"`
	// ObjectsBytes are objects, live or not yet swept.
	ObjectsBytes int64 `json:"objects_bytes"`
	Objects      int64 `json:"objects"`
	// UnusedBytes are reserved for objects but hold none; FreeBytes could be returned to the
	// system and are not yet; ReleasedBytes were.
	UnusedBytes    int64  `json:"unused_bytes"`
	FreeBytes      int64  `json:"free_bytes"`
	ReleasedBytes  int64  `json:"released_bytes"`
	StacksBytes    int64  `json:"stacks_bytes"`
	OverheadBytes  int64  `json:"overhead_bytes"`
	HeldBytes      int64  `json:"held_bytes"`
	AllocatedBytes uint64 `json:"allocated_bytes"` // since start
}

// GCStats is the collector's record.
type GCStats struct {
	Cycles       uint64 `json:"cycles"`
	ForcedCycles uint64 `json:"forced_cycles"`
	// PauseTotalSeconds is exact, PauseP99Seconds the upper bound of a bucket of the
	// runtime's histogram; both since start.
	PauseTotalSeconds float64 `json:"pause_total_seconds"`
	PauseP99Seconds   float64 `json:"pause_p99_seconds"`
	// LastGC is when the last collection ended; zero before the first.
	LastGC time.Time `json:"last_gc"`
	// GOGC is the percentage in force; -1 means off.
	GOGC int `json:"gogc"`
	// LimitBytes is GOMEMLIMIT; zero means none.
	LimitBytes int64 `json:"limit_bytes"`
	// CPUFraction is the collector's share of the processor time available to the process
	// since start, as of the last collection.
	CPUFraction float64 `json:"cpu_fraction"`
}

// PoolStats is the record of one pool.
type PoolStats struct {
	// HitRatio is Hits / (Hits + Misses), 0 before the first Get.
	HitRatio float64 `json:"hit_ratio"`
	// Size is the number of idle objects, Max its bound.
	Size int `json:"size"`
	Max  int `json:"max"`
	// Hits were served from the pool, Misses had to be made.
	Hits   uint64 `json:"hits"`
	Misses uint64 `json:"misses"`
	// Dropped counts objects not kept: the pool was full, reset refused them, or they were
	// of a wrong size.
	Dropped uint64 `json:"dropped"`
	// ObjectBytes is the size of one buffer, zero where the pool does not know.
	ObjectBytes int64 `json:"object_bytes"`
}

// Snapshot is what History keeps of one instant.
type Snapshot struct {
	Time         time.Time `json:"time"`
	UsedRatio    float64   `json:"used_ratio"`
	UsedBytes    int64     `json:"used_bytes"`
	LimitBytes   int64     `json:"limit_bytes"`
	RSSBytes     int64     `json:"rss_bytes"`
	RSSAnonBytes int64     `json:"rss_anon_bytes"`
	LiveBytes    int64     `json:"live_bytes"`
	ObjectsBytes int64     `json:"objects_bytes"`
	HeldBytes    int64     `json:"held_bytes"`
	Goroutines   int       `json:"goroutines"`
	Cycles       uint64    `json:"cycles"`
}

package memory

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Defaults and bounds of [Config].
const (
	DefaultGCThreshold = 0.8
	DefaultHistorySize = 720

	maxPoolSize    = 1_000_000
	maxHistorySize = 100_000
	mostGCTarget   = 0.95
	leastLimit     = 32 << 20
)

// Config says when a [Monitor] acts and what it keeps. The zero value means all defaults.
type Config struct {
	// GCThreshold is the share of the memory limit, 0 to 1, over which Check acts. Zero
	// means 0.8.
	GCThreshold float64 `conf:"gc_threshold"`
	// PoolSizes is the number of idle buffers kept in each of the byte-buffer pools small
	// (4 KiB), medium (64 KiB) and large (1 MiB). A pool not named has its default: 1000,
	// 500, 100; zero keeps none.
	PoolSizes map[string]int `conf:"pool_sizes"`
	// LeakDetection turns the search for leaks on; it needs [Monitor.Run].
	LeakDetection bool `conf:"leak_detection"`
	// LimitBytes is a memory limit to keep besides those that are found. Zero means none.
	LimitBytes int64 `conf:"limit_bytes"`
	// GCTuner lets [Monitor.Run] set GOGC and GOMEMLIMIT from the limit; see the package
	// comment. They are process-wide: leave it off where something else sets them.
	GCTuner bool `conf:"gc_tuner"`
	// GCTarget is the share of the limit, 0 to 1, that the tuner lets memory fill. Zero means 0.9.
	GCTarget float64 `conf:"gc_target"`
	// HistorySize is the number of snapshots kept. Zero means 720, which at one every five
	// minutes is two and a half days.
	HistorySize int `conf:"history_size"`
}

// WithDefaults returns c with what is missing replaced by the defaults; c's map is not
// changed.
func (c Config) WithDefaults() Config {
	if c.GCThreshold == 0 {
		c.GCThreshold = DefaultGCThreshold
	}
	if c.GCTarget == 0 {
		c.GCTarget = DefaultGCTarget
	}
	if c.HistorySize == 0 {
		c.HistorySize = DefaultHistorySize
	}
	sizes := make(map[string]int, len(bufferClasses))
	for _, class := range bufferClasses {
		sizes[class.name] = class.keep
	}
	maps.Copy(sizes, c.PoolSizes)
	c.PoolSizes = sizes
	return c
}

// Validate names every fault of c at once; nil means none.
func (c Config) Validate() error {
	var errs []error
	if math.IsNaN(c.GCThreshold) || c.GCThreshold < 0 || c.GCThreshold > 1 {
		errs = append(errs, fmt.Errorf("memory.gc_threshold: must be between 0 and 1 (got %v)", c.GCThreshold))
	}
	if math.IsNaN(c.GCTarget) || c.GCTarget < 0 || c.GCTarget > mostGCTarget {
		errs = append(errs, fmt.Errorf("memory.gc_target: must be between 0 and %v (got %v)", mostGCTarget, c.GCTarget))
	}
	if c.LimitBytes < 0 || c.LimitBytes > 0 && c.LimitBytes < leastLimit {
		errs = append(errs, fmt.Errorf("memory.limit_bytes: must be 0 or at least %d (got %d)", leastLimit, c.LimitBytes))
	}
	if c.HistorySize < 0 || c.HistorySize > maxHistorySize {
		errs = append(errs, fmt.Errorf(
			"memory.history_size: must be between 0 and %d (got %d)", maxHistorySize, c.HistorySize))
	}
	for _, name := range slices.Sorted(maps.Keys(c.PoolSizes)) {
		if !slices.Contains(PoolNames(), name) {
			errs = append(errs, fmt.Errorf(
				"memory.pool_sizes.%s: must be one of the pools %s", name, strings.Join(PoolNames(), ", ")))
			continue
		}
		if n := c.PoolSizes[name]; n < 0 || n > maxPoolSize {
			errs = append(errs, fmt.Errorf(
				"memory.pool_sizes.%s: must be between 0 and %d (got %d)", name, maxPoolSize, n))
		}
	}
	return errors.Join(errs...)
}

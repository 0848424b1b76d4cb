package profiler

import (
	"errors"
	"fmt"
	"time"
)

// Defaults and bounds of [Config].
const (
	DefaultThreshold    = 100 * time.Millisecond
	DefaultMaxFunctions = 512
	DefaultMaxExemplars = 16

	maxMaxFunctions = 8192
	maxMaxExemplars = 256
	maxTimeEvery    = 1 << 16
)

// Config says what a [Profiler] keeps. The zero value means all defaults.
type Config struct {
	// Threshold is the duration from which a call is kept as an exemplar. Shorter calls
	// count in the statistics all the same. Zero means 100 ms.
	Threshold time.Duration `conf:"threshold"`
	// MaxFunctions bounds the distinct names; calls of further names are counted under
	// [OtherFunction]. Zero means 512, the most is 8192.
	MaxFunctions int `conf:"max_functions"`
	// MaxExemplars bounds the slow calls kept for each function, and likewise the failed
	// ones. Zero means 16, the most is 256.
	MaxExemplars int `conf:"max_exemplars"`
	// TimeEvery times one call in so many of a function, on average; the others are only
	// counted, which costs about a tenth. Zero and 1 mean every call, the most is 65,536.
	TimeEvery int `conf:"time_every"`
}

// WithDefaults returns c with its zero fields replaced by the defaults.
func (c Config) WithDefaults() Config {
	if c.Threshold == 0 {
		c.Threshold = DefaultThreshold
	}
	if c.MaxFunctions == 0 {
		c.MaxFunctions = DefaultMaxFunctions
	}
	if c.MaxExemplars == 0 {
		c.MaxExemplars = DefaultMaxExemplars
	}
	if c.TimeEvery == 0 {
		c.TimeEvery = 1
	}
	return c
}

// Validate names every fault of c at once; nil means none.
func (c Config) Validate() error {
	var errs []error
	if c.Threshold < 0 {
		errs = append(errs, fmt.Errorf("profiler.threshold: must not be negative (got %v)", c.Threshold))
	}
	errs = append(errs,
		checkRange("max_functions", c.MaxFunctions, maxMaxFunctions),
		checkRange("max_exemplars", c.MaxExemplars, maxMaxExemplars),
		checkRange("time_every", c.TimeEvery, maxTimeEvery))
	return errors.Join(errs...)
}

func checkRange(key string, got, most int) error {
	if got < 0 || got > most {
		return fmt.Errorf("profiler.%s: must be between 0 and %d (got %d)", key, most, got)
	}
	return nil
}

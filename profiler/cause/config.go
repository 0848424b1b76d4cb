package cause

import (
	"fmt"
	"time"
)

const (
	// DefaultEvery is how often a Finder that runs looks, for lookFor.
	DefaultEvery = time.Minute
	lookFor      = 2 * time.Second
	minEvery     = 10 * time.Second
)

// Config says when a [Finder] looks by itself. The zero value means all defaults.
type Config struct {
	// Every is how often it looks, for two seconds. Zero means a minute, the least is 10 s.
	Every time.Duration `conf:"every"`
	// Manual leaves looking to people.
	Manual bool `conf:"manual"`
}

// WithDefaults returns c with its zero fields replaced by the defaults.
func (c Config) WithDefaults() Config {
	if c.Every == 0 {
		c.Every = DefaultEvery
	}
	return c
}

// Validate names the fault of c; nil means none.
func (c Config) Validate() error {
	if c.Every != 0 && c.Every < minEvery {
		return fmt.Errorf("profiler.causes.every: must be at least %v, or 0 for the default (got %v)", minEvery, c.Every)
	}
	return nil
}

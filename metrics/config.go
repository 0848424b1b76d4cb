package metrics

import (
	"errors"
	"fmt"
	"time"
)

// Defaults and bounds of [Config].
const (
	DefaultCollectionInterval = time.Minute
	DefaultRetentionDays      = 30
	DefaultBatchSize          = 100
	DefaultMaxSeries          = 10_000
	DefaultRetentionBytes     = 2 << 30

	minCollectionInterval = time.Second
	maxCollectionInterval = time.Hour
	maxRetentionDays      = 3650
	maxBatchSize          = 100_000
	maxMaxSeries          = 1_000_000
	minRetentionBytes     = 16 << 20
)

// Config says how much a [Store] keeps. The zero value means all defaults.
type Config struct {
	// CollectionInterval is the time between two calls of Append. Queries of the overview
	// look back over a few of it. Zero means 60 s; otherwise 1 s to 1 h.
	CollectionInterval time.Duration `conf:"collection_interval"`
	// RetentionDays is how many days of samples are kept. Zero means 30.
	RetentionDays int `conf:"retention_days"`
	// BatchSize is the number of samples in one commit. Zero means 100.
	BatchSize int `conf:"batch_size"`
	// MaxSeries is the most series in use at a time; samples of further ones are dropped
	// and counted. Zero means 10,000.
	MaxSeries int `conf:"max_series"`
	// RetentionBytes bounds the disk that samples take; the oldest are removed first. Zero
	// means 2 GiB; otherwise 16 MiB or more.
	RetentionBytes int64 `conf:"retention_bytes"`
}

// WithDefaults returns c with what is zero replaced by the defaults.
func (c Config) WithDefaults() Config {
	if c.CollectionInterval == 0 {
		c.CollectionInterval = DefaultCollectionInterval
	}
	if c.RetentionDays == 0 {
		c.RetentionDays = DefaultRetentionDays
	}
	if c.BatchSize == 0 {
		c.BatchSize = DefaultBatchSize
	}
	if c.MaxSeries == 0 {
		c.MaxSeries = DefaultMaxSeries
	}
	if c.RetentionBytes == 0 {
		c.RetentionBytes = DefaultRetentionBytes
	}
	return c
}

// Validate names every fault of c at once; nil means none.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("metrics."+format, args...)) }
	if c.CollectionInterval < minCollectionInterval || c.CollectionInterval > maxCollectionInterval {
		fault("collection_interval: must be between %v and %v (got %v)",
			minCollectionInterval, maxCollectionInterval, c.CollectionInterval)
	}
	if c.RetentionDays < 1 || c.RetentionDays > maxRetentionDays {
		fault("retention_days: must be between 1 and %d (got %d)", maxRetentionDays, c.RetentionDays)
	}
	if c.BatchSize < 1 || c.BatchSize > maxBatchSize {
		fault("batch_size: must be between 1 and %d (got %d)", maxBatchSize, c.BatchSize)
	}
	if c.MaxSeries < 1 || c.MaxSeries > maxMaxSeries {
		fault("max_series: must be between 1 and %d (got %d)", maxMaxSeries, c.MaxSeries)
	}
	if c.RetentionBytes < minRetentionBytes {
		fault("retention_bytes: must be at least 16MiB (got %d)", c.RetentionBytes)
	}
	return errors.Join(errs...)
}

func (c Config) retention() time.Duration { return time.Duration(c.RetentionDays) * 24 * time.Hour }

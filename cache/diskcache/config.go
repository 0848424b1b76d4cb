package diskcache

import (
	"errors"
	"fmt"
)

// Defaults and bounds of [Config].
const (
	DefaultMaxBytes   = 1 << 30
	DefaultMaxEntries = 1 << 20

	// MinBytes and MaxBytes bound [Config.MaxBytes].
	MinBytes = 16 << 20
	MaxBytes = 256 << 30

	minEntries = 1 << 10
	maxEntries = 1 << 28

	// A file is this part of the whole.
	files       = 16
	maxFileSize = 1 << 30
)

// Config says where the tier is and how much it may hold.
type Config struct {
	// Dir is the directory; it is made, and belongs to the tier alone.
	Dir string
	// MaxBytes bounds what its files take together, [MinBytes] to [MaxBytes]. Zero means 1 GiB. A
	// value that takes more than a sixteenth of it, or more than 1 GiB, is not kept.
	MaxBytes int64
	// MaxEntries bounds the records in the files, dead ones too, and with them the index, which
	// takes about 64 bytes of memory for each; 1,024 to 268,435,456. Zero means 1,048,576.
	MaxEntries int
}

// WithDefaults returns c with each zero replaced by what it means.
func (c Config) WithDefaults() Config {
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = DefaultMaxEntries
	}
	return c
}

// Validate reports every fault of c at once, or nil.
func (c Config) Validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("cache.disk.path: must be set to a directory"))
	}
	d := c.WithDefaults()
	if d.MaxBytes < MinBytes || d.MaxBytes > MaxBytes {
		errs = append(errs, fmt.Errorf("cache.disk.max_bytes: must be between 16MiB and 256GiB (got %d bytes)", c.MaxBytes))
	}
	if d.MaxEntries < minEntries || d.MaxEntries > maxEntries {
		errs = append(errs, fmt.Errorf("cache.disk.max_entries: must be between %d and %d (got %d)",
			minEntries, maxEntries, c.MaxEntries))
	}
	return errors.Join(errs...)
}

// fileSize is the size of a file at most.
func (c Config) fileSize() int64 { return min(c.MaxBytes/files, maxFileSize) }

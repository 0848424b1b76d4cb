package capture

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// Defaults of [Config].
const (
	DefaultMaxCaptures       = 100
	DefaultMaxBytes          = 256 << 20
	DefaultAutomaticInterval = 10 * time.Minute
	DefaultP99               = time.Second
	DefaultCPU               = 0.8
	DefaultAttributeEvery    = time.Minute

	maxMaxCaptures = 10_000
	minMaxBytes    = 1 << 20
	minInterval    = time.Minute
	maxTargets     = 64
	minAttribute   = 2 * attributeFor
)

// Config says what a [Recorder] keeps and when it captures by itself. The zero value means all
// defaults.
type Config struct {
	// MaxCaptures bounds the captures kept; the oldest goes first. Zero means 100, the most is
	// 10,000.
	MaxCaptures int `conf:"max_captures"`
	// MaxBytes bounds their bytes on disk. Zero means 256 MiB, the least is 1 MiB.
	MaxBytes int64 `conf:"max_bytes"`
	// Manual leaves capturing to people: nothing is captured by itself.
	Manual bool `conf:"manual"`
	// AutomaticInterval is the least time between two automatic captures for the same reason.
	// Zero means ten minutes, the least is one.
	AutomaticInterval time.Duration `conf:"automatic_interval"`
	// P99 is the slowest p99 of a function from which a capture is taken. Zero means 1 s.
	P99 time.Duration `conf:"p99"`
	// CPU is the share of the usable processors, 0 to 1, from which one is taken. Zero means 0.8.
	CPU float64 `conf:"cpu"`
	// AttributeEvery is how often what calls take of a processor and allocate is measured, for ten seconds.
	// Zero means a minute, the least is 20 s.
	AttributeEvery time.Duration `conf:"attribute_every"`
	// NoAttribution leaves that out.
	NoAttribution bool `conf:"no_attribution"`
	// Targets are other Go services that may be captured, by name: the address under which they
	// serve /debug/pprof, such as http://10.0.0.5:6060. Nothing else can be reached.
	Targets map[string]string `conf:"targets"`
}

// WithDefaults returns c with its zero fields replaced by the defaults.
func (c Config) WithDefaults() Config {
	if c.MaxCaptures == 0 {
		c.MaxCaptures = DefaultMaxCaptures
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.AutomaticInterval == 0 {
		c.AutomaticInterval = DefaultAutomaticInterval
	}
	if c.P99 == 0 {
		c.P99 = DefaultP99
	}
	if c.CPU == 0 {
		c.CPU = DefaultCPU
	}
	if c.AttributeEvery == 0 {
		c.AttributeEvery = DefaultAttributeEvery
	}
	return c
}

// Validate names every fault of c at once; nil means none.
func (c Config) Validate() error {
	var errs []error
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("profiler.capture."+key+": "+format, args...))
	}
	if c.MaxCaptures < 0 || c.MaxCaptures > maxMaxCaptures {
		fault("max_captures", "must be between 0 and %d (got %d)", maxMaxCaptures, c.MaxCaptures)
	}
	if c.MaxBytes != 0 && c.MaxBytes < minMaxBytes {
		fault("max_bytes", "must be at least %d, or 0 for the default (got %d)", minMaxBytes, c.MaxBytes)
	}
	if c.AutomaticInterval != 0 && c.AutomaticInterval < minInterval {
		fault("automatic_interval", "must be at least %v, or 0 for the default (got %v)", minInterval, c.AutomaticInterval)
	}
	if c.P99 < 0 {
		fault("p99", "must not be negative (got %v)", c.P99)
	}
	if !(c.CPU >= 0 && c.CPU <= 1) {
		fault("cpu", "must be between 0 and 1 (got %v)", c.CPU)
	}
	if c.AttributeEvery != 0 && c.AttributeEvery < minAttribute {
		fault("attribute_every", "must be at least %v, or 0 for the default (got %v)", minAttribute, c.AttributeEvery)
	}
	if len(c.Targets) > maxTargets {
		fault("targets", "must be at most %d (got %d)", maxTargets, len(c.Targets))
	}
	for _, name := range sortedKeys(c.Targets) {
		if err := checkTarget(name, c.Targets[name]); err != nil {
			fault("targets", "%w", err)
		}
	}
	return errors.Join(errs...)
}

var targetName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// checkTarget never shows the address as it was written: it might hold a password.
func checkTarget(name, address string) error {
	if !targetName.MatchString(name) {
		return fmt.Errorf("a name must be 1 to 63 letters, digits, dots, - and _ (got %q)", name)
	}
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Errorf("%s must be http://host:port or https://host:port", name)
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("%s must carry no password, query or fragment", name)
	}
	return checkHost(name, u.Hostname())
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

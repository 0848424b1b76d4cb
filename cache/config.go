package cache

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Defaults of [Config].
const (
	DefaultTTL             = time.Hour
	DefaultMaxEntries      = 1000
	DefaultMaxBytes        = 256 << 20
	DefaultCleanupInterval = 5 * time.Minute
)

// Bounds that no configuration can lift.
const (
	// MaxKeyBytes is the length of the longest key.
	MaxKeyBytes = 64 << 10
	// MaxCaches is the number of named caches a group can have.
	MaxCaches = 256

	maxEntries    = 1 << 30
	maxBytes      = 1 << 50
	maxNameLength = 128
)

// Config says how a [Group] caches. The zero value means all defaults.
type Config struct {
	// DefaultTTL is how long an entry lives when neither it nor its cache says. Zero means 1 h.
	DefaultTTL time.Duration `conf:"default_ttl"`
	// TTLJitterRatio shortens each time to live by a random share of up to this much, so that
	// entries made together do not expire together; 0 to 1. Zero means none.
	TTLJitterRatio float64 `conf:"ttl_jitter"`
	// MaxEntries bounds the entries of each cache that has no max_size of its own, but for what
	// [Group.Optimize] moves between these. Zero means 1000.
	MaxEntries int `conf:"max_size"`
	// MaxBytes bounds the accounted bytes of all caches together. Zero means 256 MiB.
	MaxBytes int64 `conf:"max_bytes"`
	// CleanupInterval is the time between two removals of expired entries. Zero means 5 min.
	CleanupInterval time.Duration `conf:"cleanup_interval"`
	// RedisURL is where the second tier is, for the program that makes it with package rediscache and
	// gives it to [NewShared]; the group itself does not connect to it. Empty means none.
	RedisURL string `conf:"redis_url,secret"`
	// Disk is where a second tier of this process alone is, instead of RedisURL, for the program that
	// makes it with package diskcache.
	Disk DiskConfig `conf:"disk"`
	// Caches are settings for caches by name. They need not exist.
	Caches map[string]NamedConfig `conf:"caches"`
}

// NamedConfig is what one cache has different from the rest.
type NamedConfig struct {
	// TTL is how long its entries live unless they say. Zero means the section's default_ttl.
	TTL time.Duration `conf:"ttl"`
	// MaxEntries bounds its entries. Zero means the section's max_size.
	MaxEntries int `conf:"max_size"`
	// MaxBytes is the share of the section's max_bytes it asks for. Zero means what is left,
	// split among those who do not ask: equally until [Group.Optimize] moves some.
	MaxBytes int64 `conf:"max_bytes"`
	// StaleWhileRevalidate is how long beyond its time to live a value is served while a new one is
	// loaded in the background. Zero means as the program says, or not at all.
	StaleWhileRevalidate time.Duration `conf:"stale_while_revalidate"`
	// StaleIfError is how long beyond its time to live a value is served when a load fails. Zero
	// means as the program says, or not at all.
	StaleIfError time.Duration `conf:"stale_if_error"`
	// RefreshAheadRatio is the share of the time to live, 0 to 1, from which a value that is in use
	// is loaded anew in the background. Zero means as the program says, or not ahead.
	RefreshAheadRatio float64 `conf:"refresh_ahead"`
	// NegativeTTL is how long a key is remembered that was found to have no value. Zero means as the
	// program says, or not at all.
	NegativeTTL time.Duration `conf:"negative_ttl"`
	// MaxNegative bounds the keys remembered so. Zero means as the program says, or a sixteenth of
	// max_size.
	MaxNegative int `conf:"negative_max_size"`
	// LoadEverywhere has each process load a missing key itself, instead of one for all who share the
	// second tier.
	LoadEverywhere bool `conf:"load_everywhere"`
}

// WithDefaults returns c with each zero replaced by what it means. The named caches keep theirs,
// which mean "as the section".
func (c Config) WithDefaults() Config {
	if c.DefaultTTL == 0 {
		c.DefaultTTL = DefaultTTL
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = DefaultMaxEntries
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.CleanupInterval == 0 {
		c.CleanupInterval = DefaultCleanupInterval
	}
	return c
}

// Validate reports every fault of c at once, or nil.
func (c Config) Validate() error {
	var f faults
	f.notNegative("cache.default_ttl", c.DefaultTTL)
	f.ratio("cache.ttl_jitter", c.TTLJitterRatio)
	f.size("cache.max_size", c.MaxEntries)
	f.bytes("cache.max_bytes", c.MaxBytes)
	f.notNegative("cache.cleanup_interval", c.CleanupInterval)
	f.redisURL(c.RedisURL)
	if c.RedisURL != "" && c.Disk.Path != "" {
		f.add("cache.disk.path: must not be set beside cache.redis_url: there is one second tier; unset one of them")
	}
	if len(c.Caches) > MaxCaches {
		f.add("cache.caches: must be at most %d (got %d)", MaxCaches, len(c.Caches))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Caches)) {
		n, key := c.Caches[name], "cache.caches."+name
		if !validName(name) {
			f.add("%s: name must be 1 to %d letters, digits, dots, dashes or underscores", key, maxNameLength)
		}
		n.check(&f, key)
	}
	return errors.Join(f...)
}

func (n NamedConfig) check(f *faults, key string) {
	f.notNegative(key+".ttl", n.TTL)
	f.notNegative(key+".stale_while_revalidate", n.StaleWhileRevalidate)
	f.notNegative(key+".stale_if_error", n.StaleIfError)
	f.ratio(key+".refresh_ahead", n.RefreshAheadRatio)
	f.notNegative(key+".negative_ttl", n.NegativeTTL)
	f.size(key+".negative_max_size", n.MaxNegative)
	f.size(key+".max_size", n.MaxEntries)
	f.bytes(key+".max_bytes", n.MaxBytes)
}

// faults collects what is wrong with a configuration.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f *faults) notNegative(key string, d time.Duration) {
	if d < 0 {
		f.add("%s: must not be negative (got %s)", key, d)
	}
}

func (f *faults) ratio(key string, r float64) {
	if r < 0 || r > 1 || math.IsNaN(r) {
		f.add("%s: must be between 0 and 1 (got %v)", key, r)
	}
}

func (f *faults) size(key string, n int) {
	if n < 0 || n > maxEntries {
		f.add("%s: must be between 0 and %d (got %d)", key, maxEntries, n)
	}
}

func (f *faults) bytes(key string, n int64) {
	if n < 0 || n > maxBytes {
		f.add("%s: must be between 0 and %d (got %d)", key, int64(maxBytes), n)
	}
}

// redisSchemes are those that package rediscache takes.
var redisSchemes = []string{
	"redis", "rediss", "valkey", "valkeys", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster", "unix",
}

// redisURL checks the scheme alone; the message leaves the URL out, which may hold a password.
func (f *faults) redisURL(s string) {
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	if err != nil || !slices.Contains(redisSchemes, u.Scheme) {
		f.add("cache.redis_url: must be a URL such as redis://host:6379/0 or rediss://host:6379/0")
	}
}

func validName(s string) bool {
	return s != "" && len(s) <= maxNameLength && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

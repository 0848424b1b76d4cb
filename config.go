package upshift

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/diskcache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/internal/conf"
	"github.com/sentientcore/upshift/memory"
	"github.com/sentientcore/upshift/metrics"
	"github.com/sentientcore/upshift/postgres"
	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/capture"
	"github.com/sentientcore/upshift/profiler/cause"
)

// Config is the configuration of the whole: one section for each part, that part's own
// Config, and whether it is in use. Start from [DefaultConfig]; in the zero value every
// part is off. Inside a section, zero means the default.
type Config struct {
	// DataDir holds metrics, tokens and the audit log. It must be set; DefaultConfig names
	// the user's state directory.
	DataDir      string             `conf:"data_dir"`
	Cache        CacheConfig        `conf:"cache"`
	Database     DatabaseConfig     `conf:"database"`
	Memory       MemoryConfig       `conf:"memory"`
	LoadBalancer LoadBalancerConfig `conf:"load_balancer"`
	Profiler     ProfilerConfig     `conf:"profiler"`
	Metrics      MetricsConfig      `conf:"metrics"`
	Thresholds   alert.Thresholds   `conf:"thresholds"`
	Alerts       alert.Config       `conf:"alerts"`
	Gateway      gateway.Config     `conf:"gateway"`
	API          api.Config         `conf:"api"`
}

// CacheConfig is the section cache.
type CacheConfig struct {
	// Enabled turns the cache on.
	Enabled bool `conf:"enabled"`
	cache.Config
}

// DatabaseConfig is the section database. Without a URL the part is off.
type DatabaseConfig struct {
	// OptimizationEnabled turns on the background round that looks for what to improve; it
	// changes nothing on its own.
	OptimizationEnabled bool `conf:"optimization_enabled"`
	postgres.Config
}

// MemoryConfig is the section memory.
type MemoryConfig struct {
	// MonitoringEnabled turns memory statistics and relief under pressure on.
	MonitoringEnabled bool `conf:"monitoring_enabled"`
	memory.Config
}

// LoadBalancerConfig is the section load_balancer.
type LoadBalancerConfig struct {
	// Enabled turns the load balancer on; without it the gateway has nowhere to send
	// requests.
	Enabled bool `conf:"enabled"`
	balancer.Config
	// Pools are further pools, to which gateway.routes send requests. Empty means none.
	Pools []PoolConfig `conf:"pools"`
}

// ProfilerConfig is the section profiler.
type ProfilerConfig struct {
	// Enabled turns recording on; it can be turned on and off at run time too.
	Enabled bool `conf:"enabled"`
	profiler.Config
	// Capture is how profiles are captured, while Enabled.
	Capture capture.Config `conf:"capture"`
	// Causes is when causes of slowness are looked for, while Enabled.
	Causes cause.Config `conf:"causes"`
}

// MetricsConfig is the section metrics.
type MetricsConfig struct {
	// Enabled turns on the store of metrics, and with it history and alerts.
	Enabled bool `conf:"enabled"`
	metrics.Config
}

// ownGCTarget is the share of the memory limit that the tuner of upshift's own process fills.
const ownGCTarget = 0.75

// DefaultConfig is everything on with its defaults, on loopback, without servers and
// database. DataDir is the user's state directory + /upshift: $XDG_STATE_HOME, or
// ~/.local/state; empty when the user has neither.
func DefaultConfig() Config { return defaultConfig(os.Getenv) }

func defaultConfig(getenv func(string) string) Config {
	return Config{
		DataDir:      stateDir(getenv),
		Cache:        CacheConfig{Enabled: true},
		Database:     DatabaseConfig{OptimizationEnabled: true},
		Memory:       MemoryConfig{MonitoringEnabled: true, Config: memory.Config{LeakDetection: true}},
		LoadBalancer: LoadBalancerConfig{Enabled: true},
		Profiler:     ProfilerConfig{Enabled: true},
		Metrics:      MetricsConfig{Enabled: true},
	}.WithDefaults()
}

func stateDir(getenv func(string) string) string {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "upshift")
	}
	if dir := getenv("LocalAppData"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "upshift")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "upshift")
	}
	return ""
}

// WithDefaults returns c with the zero fields of its sections replaced by the defaults.
// DataDir and the switches stay as they are.
func (c Config) WithDefaults() Config {
	c.Cache.Config = c.Cache.Config.WithDefaults()
	c.Database.Config = c.Database.Config.WithDefaults()
	c.Memory.Config = c.Memory.Config.WithDefaults()
	c.LoadBalancer.Config = c.LoadBalancer.Config.WithDefaults()
	c.LoadBalancer.Pools = slices.Clone(c.LoadBalancer.Pools)
	for i := range c.LoadBalancer.Pools {
		p := &c.LoadBalancer.Pools[i]
		p.Config = p.Config.WithDefaults()
	}
	c.Profiler.Config = c.Profiler.Config.WithDefaults()
	c.Profiler.Capture = c.Profiler.Capture.WithDefaults()
	c.Profiler.Causes = c.Profiler.Causes.WithDefaults()
	c.Metrics.Config = c.Metrics.Config.WithDefaults()
	c.Thresholds = c.Thresholds.WithDefaults()
	c.Alerts = c.Alerts.WithDefaults()
	c.Gateway = c.Gateway.WithDefaults()
	c.API = c.API.WithDefaults()
	return c
}

// Validate names every fault of c at once, each beginning with its key; nil means none.
func (c Config) Validate() error {
	return errors.Join(
		c.validateDataDir(),
		c.Cache.Validate(), c.Database.Validate(), c.Memory.Validate(), c.LoadBalancer.Validate(),
		c.Profiler.Validate(), c.Profiler.Capture.Validate(), c.Profiler.Causes.Validate(), c.Metrics.Validate(), c.Thresholds.Validate(), c.Alerts.Validate(),
		c.Gateway.Validate(), c.API.Validate(),
		c.LoadBalancer.validatePools(), c.validateRoutes(),
		c.validateAddresses(), c.validateAlerts(), c.validateRedis(), c.validateDisk(),
	)
}

func (c Config) validateDataDir() error {
	switch {
	case c.DataDir == "":
		return errors.New("data_dir: must be set, because this user has no home directory")
	case strings.HasPrefix(c.DataDir, "~"):
		return fmt.Errorf("data_dir: must be written out, ~ is not replaced here (got %q)", c.DataDir)
	}
	return nil
}

// validateAddresses refuses one address for both doors.
func (c Config) validateAddresses() error {
	data, admin := c.Gateway.WithDefaults().Listen, c.API.WithDefaults().Listen
	if data != admin || strings.HasSuffix(admin, ":0") {
		return nil
	}
	return fmt.Errorf("api.listen: must differ from gateway.listen (got %q for both)", admin)
}

// validateRedis refuses a second tier that could never be found.
func (c Config) validateRedis() error {
	known := c.Cache.Validate() == nil // otherwise the section says it
	if c.Cache.RedisURL == "" || !known {
		return nil
	}
	return rediscache.Config{URL: c.Cache.RedisURL}.Validate()
}

// validateDisk refuses a second tier on disk that could not be opened.
func (c Config) validateDisk() error {
	if c.Cache.Disk.Path == "" {
		return nil
	}
	return c.diskCache().Validate()
}

// diskCache is the second tier on disk; a relative path is below the data directory.
func (c Config) diskCache() diskcache.Config {
	d := c.Cache.Disk
	dir := d.Path
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(c.DataDir, dir)
	}
	return diskcache.Config{Dir: dir, MaxBytes: d.MaxBytes, MaxEntries: d.MaxEntries}
}

// validateAlerts refuses a webhook that could never be called.
func (c Config) validateAlerts() error {
	if c.Alerts.WebhookURL == "" || c.Metrics.Enabled {
		return nil
	}
	return errors.New("alerts.webhook_url: must not be set without metrics.enabled: true, which alerts rest on")
}

// Load reads the configuration of a process of upshift's own: defaults, then the file of
// src, then its environment, then its settings. Unlike in [DefaultConfig] the garbage
// collector's tuner is on, and fills three quarters of the limit: less than
// memory.gc_threshold and the alert on memory, so that garbage sets off neither. The report tells where each value comes from. The error joins all
// faults, one a line, each with its place.
func Load(src conf.Sources) (Config, *conf.Report, error) {
	cfg := defaultConfig(lookup(src.Env))
	cfg.Memory.GCTuner, cfg.Memory.GCTarget = true, ownGCTarget
	src.Aliases = aliases()
	report, err := conf.Load(&cfg, src)
	if err != nil {
		return Config{}, nil, err
	}
	cfg = cfg.WithDefaults() // a zero that was written down means the default
	if err := report.Refresh(cfg); err != nil {
		return Config{}, nil, err
	}
	return cfg, report, nil
}

// lookup reads a variable from an environment in the form of os.Environ; the last one of
// a name counts.
func lookup(environ []string) func(string) string {
	return func(name string) string {
		found := ""
		for _, pair := range environ {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				found = value
			}
		}
		return found
	}
}

// aliases are the fixed names of variables that do not derive from their key.
func aliases() map[string]string {
	return map[string]string{
		"PERFORMANCE_DB_OPTIMIZATION_ENABLED":     "database.optimization_enabled",
		"PERFORMANCE_DB_SLOW_QUERY_THRESHOLD":     "database.slow_query_threshold",
		"PERFORMANCE_DB_CONNECTION_POOL_SIZE":     "database.connection_pool_size",
		"PERFORMANCE_DB_QUERY_CACHE_SIZE":         "database.query_cache_size",
		"PERFORMANCE_RESPONSE_TIME_THRESHOLD":     "thresholds.response_time",
		"PERFORMANCE_CPU_USAGE_THRESHOLD":         "thresholds.cpu_usage",
		"PERFORMANCE_MEMORY_USAGE_THRESHOLD":      "thresholds.memory_usage",
		"PERFORMANCE_ERROR_RATE_THRESHOLD":        "thresholds.error_rate",
		"PERFORMANCE_ALERT_WEBHOOK_URL":           "alerts.webhook_url",
		"PERFORMANCE_ALERT_WEBHOOK_ALLOW_PRIVATE": "alerts.webhook_allow_private",
	}
}

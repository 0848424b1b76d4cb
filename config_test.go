package upshift_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/internal/conf"
)

// contract is the table of fixed names: variable, file key, default as it is printed, and
// a value that can be set.
var contract = []struct{ env, key, byDefault, other string }{
	{"PERFORMANCE_CACHE_ENABLED", "cache.enabled", "true", "false"},
	{"PERFORMANCE_CACHE_DEFAULT_TTL", "cache.default_ttl", "1h", "2h"},
	{"PERFORMANCE_CACHE_MAX_SIZE", "cache.max_size", "1000", "77"},
	{"PERFORMANCE_CACHE_CLEANUP_INTERVAL", "cache.cleanup_interval", "5m", "1m"},
	{"PERFORMANCE_CACHE_REDIS_URL", "cache.redis_url", "", "redis://127.0.0.1:6379/0"},
	{"PERFORMANCE_DB_OPTIMIZATION_ENABLED", "database.optimization_enabled", "true", "false"},
	{"PERFORMANCE_DATABASE_URL", "database.url", "", "postgres://127.0.0.1/x"},
	{"PERFORMANCE_DB_SLOW_QUERY_THRESHOLD", "database.slow_query_threshold", "1s", "2s"},
	{"PERFORMANCE_DB_CONNECTION_POOL_SIZE", "database.connection_pool_size", "20", "7"},
	{"PERFORMANCE_DB_QUERY_CACHE_SIZE", "database.query_cache_size", "1000", "7"},
	{"PERFORMANCE_MEMORY_MONITORING_ENABLED", "memory.monitoring_enabled", "true", "false"},
	{"PERFORMANCE_MEMORY_GC_THRESHOLD", "memory.gc_threshold", "0.8", "0.5"},
	{"PERFORMANCE_MEMORY_LEAK_DETECTION", "memory.leak_detection", "true", "false"},
	{"PERFORMANCE_LOAD_BALANCER_ENABLED", "load_balancer.enabled", "true", "false"},
	{"PERFORMANCE_LOAD_BALANCER_STRATEGY", "load_balancer.strategy", "adaptive", "round_robin"},
	{"PERFORMANCE_LOAD_BALANCER_HEALTH_CHECK_INTERVAL", "load_balancer.health_check_interval", "30s", "5s"},
	{"PERFORMANCE_LOAD_BALANCER_MAX_RETRIES", "load_balancer.max_retries", "3", "1"},
	{"PERFORMANCE_METRICS_ENABLED", "metrics.enabled", "true", "false"},
	{"PERFORMANCE_METRICS_COLLECTION_INTERVAL", "metrics.collection_interval", "1m", "10s"},
	{"PERFORMANCE_METRICS_RETENTION_DAYS", "metrics.retention_days", "30", "7"},
	{"PERFORMANCE_METRICS_BATCH_SIZE", "metrics.batch_size", "100", "7"},
	{"PERFORMANCE_RESPONSE_TIME_THRESHOLD", "thresholds.response_time", "1s", "2s"},
	{"PERFORMANCE_CPU_USAGE_THRESHOLD", "thresholds.cpu_usage", "80", "70"},
	{"PERFORMANCE_MEMORY_USAGE_THRESHOLD", "thresholds.memory_usage", "85", "70"},
	{"PERFORMANCE_ERROR_RATE_THRESHOLD", "thresholds.error_rate", "5", "7"},
	{"PERFORMANCE_ALERT_WEBHOOK_URL", "alerts.webhook_url", "", "https://example.com/hook"},
	{"PERFORMANCE_ALERT_WEBHOOK_ALLOW_PRIVATE", "alerts.webhook_allow_private", "false", "true"},
	{"PERFORMANCE_GATEWAY_LISTEN", "gateway.listen", "127.0.0.1:8080", "127.0.0.1:9080"},
	{"PERFORMANCE_API_LISTEN", "api.listen", "127.0.0.1:8090", "127.0.0.1:9090"},
	{"PERFORMANCE_API_TOKEN", "api.token", "", "sixteen-characters-or-more"},
	{"PERFORMANCE_DATA_DIR", "data_dir", "/home/someone/.local/state/upshift", "/var/lib/upshift"},
}

const home = "HOME=/home/someone"

// valueOf is the printed value and origin of key.
func valueOf(t *testing.T, report *conf.Report, key string) conf.Setting {
	t.Helper()
	for _, s := range report.Settings {
		if s.Key == key {
			return s
		}
	}
	t.Fatalf("%s is not among the settings", key)
	return conf.Setting{}
}

// masked is how a value is printed: tokens not at all, of a webhook only its host.
func masked(key, value string) string {
	switch key {
	case "api.token":
		return "***"
	case "alerts.webhook_url":
		return "https://example.com/***"
	}
	return value
}

func TestFixedNames(t *testing.T) {
	t.Parallel()
	for _, c := range contract {
		t.Run(c.env, func(t *testing.T) {
			t.Parallel()
			_, report, err := upshift.Load(conf.Sources{Env: []string{home}})
			if err != nil {
				t.Fatal(err)
			}
			if got := valueOf(t, report, c.key); got.Value != c.byDefault || got.Origin != "default" {
				t.Errorf("default: got %+v, want %q", got, c.byDefault)
			}

			for _, name := range []string{c.env, conf.EnvName(c.key)} {
				_, report, err = upshift.Load(conf.Sources{Env: []string{home, name + "=" + c.other}})
				if err != nil {
					t.Fatal(err)
				}
				if got := valueOf(t, report, c.key); got.Value != masked(c.key, c.other) || got.Origin != "env "+name {
					t.Errorf("%s: got %+v, want %q", name, got, masked(c.key, c.other))
				}
			}
		})
	}
}

func TestPasswordsInURLsAreMasked(t *testing.T) {
	t.Parallel()
	_, report, err := upshift.Load(conf.Sources{Env: []string{
		home, "PERFORMANCE_DATABASE_URL=postgres://me:hush@127.0.0.1/x", "PERFORMANCE_CACHE_REDIS_URL=redis://:hush@127.0.0.1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"database.url", "cache.redis_url"} {
		if got := valueOf(t, report, key).Value; strings.Contains(got, "hush") || !strings.Contains(got, "***") {
			t.Errorf("%s: got %q, want the password masked", key, got)
		}
	}
}

// default < file < environment < --set.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := writeConfig(t, "cache:\n  default_ttl: 90m\n  max_size: 5\n  max_bytes: 64MiB\n")
	cfg, report, err := upshift.Load(conf.Sources{
		File: file, Env: []string{home, "PERFORMANCE_CACHE_MAX_SIZE=6", "PERFORMANCE_CACHE_DEFAULT_TTL=60"},
		Sets: []string{"cache.max_size=7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Cache.MaxBytes != 64<<20 || cfg.Cache.DefaultTTL.Seconds() != 60 || cfg.Cache.MaxEntries != 7 {
		t.Errorf("got %+v", cfg.Cache.Config)
	}
	if got := valueOf(t, report, "cache.max_bytes").Origin; !strings.HasSuffix(got, "upshift.yaml:4") {
		t.Errorf("origin: got %q, want file and line", got)
	}
	if got := valueOf(t, report, "cache.max_size").Origin; got != "--set" {
		t.Errorf("origin: got %q, want --set", got)
	}
}

func TestServersAndPoolSizesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	cfg, _, err := upshift.Load(conf.Sources{Env: []string{
		home, "PERFORMANCE_LOAD_BALANCER_SERVERS=one=http://127.0.0.1:9001,two=http://127.0.0.1:9002",
		"PERFORMANCE_MEMORY_POOL_SIZES=small=10,medium=5,large=1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s := cfg.LoadBalancer.Servers; len(s) != 2 || s[1].ID != "two" || s[1].URL != "http://127.0.0.1:9002" {
		t.Errorf("servers: got %+v", s)
	}
	if p := cfg.Memory.PoolSizes; p["small"] != 10 || p["medium"] != 5 || p["large"] != 1 {
		t.Errorf("pool sizes: got %v", p)
	}
}

func TestAllFaultsInOneReport(t *testing.T) {
	t.Parallel()
	file := writeConfig(t, "cache:\n  default_tll: 90m\n  max_size: many\nload_balancer:\n  max_retries: -1\n")
	_, _, err := upshift.Load(conf.Sources{File: file, Env: []string{home}, Sets: []string{"cache.default_ttl=-3"}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"upshift.yaml:2: cache.default_tll", "did you mean cache.default_ttl?", "upshift.yaml:3: cache.max_size",
		"upshift.yaml:5: load_balancer.max_retries", "--set: cache.default_ttl: must not be negative",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the report lacks %q:\n%v", want, err)
		}
	}
}

func TestBothDoorsCannotShareAnAddress(t *testing.T) {
	t.Parallel()
	_, _, err := upshift.Load(conf.Sources{Env: []string{home}, Sets: []string{"api.listen=127.0.0.1:8080"}})
	if err == nil || !strings.Contains(err.Error(), "api.listen: must differ from gateway.listen") {
		t.Errorf("got %v", err)
	}
}

func TestAnExposedAdminPlaneIsRefused(t *testing.T) {
	t.Parallel()
	_, _, err := upshift.Load(conf.Sources{Env: []string{home}, Sets: []string{"api.listen=0.0.0.0:8090"}})
	if err == nil || !strings.Contains(err.Error(), "api.listen") {
		t.Errorf("got %v, want it refused by name", err)
	}
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upshift.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

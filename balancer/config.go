package balancer

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"
)

// Defaults of [Config].
const (
	DefaultStrategy            = Adaptive
	DefaultHealthCheckInterval = 30 * time.Second
	DefaultHealthCheckTimeout  = 5 * time.Second
	DefaultHealthCheckPath     = "/health"
	DefaultMaxRetries          = 3
	DefaultDrainTimeout        = 30 * time.Second

	defaultRise                = 2
	defaultFall                = 2
	defaultSlowStart           = 30 * time.Second
	defaultPanicThreshold      = 0.5
	defaultConsecutiveFailures = 5
	defaultEjectionTime        = 30 * time.Second
	defaultMaxEjection         = 0.5
	defaultFailureRatio        = 0.25
	defaultSlowFactor          = 10
	defaultHedgeBudget         = 0.03
	defaultRetryBudget         = 0.2
	defaultDialTimeout         = 3 * time.Second

	maxServers    = 4096
	maxRetries    = 10
	maxHedgePaths = 64
)

// NoHealthCheck is the health_check_path that turns active checks off.
const NoHealthCheck = "none"

// Config says how a [Pool] balances. The zero value means all defaults and no servers.
type Config struct {
	// Strategy is one of [Strategies]. Empty means adaptive.
	Strategy string `conf:"strategy"`
	// HealthCheckInterval is the time between two active checks of a server, spread by
	// ±20 %; a result that contradicts the state is looked into ten times as fast, once a
	// second at most. Zero means 30 s.
	HealthCheckInterval time.Duration `conf:"health_check_interval"`
	// HealthCheckTimeout bounds one active check. Zero means 5 s.
	HealthCheckTimeout time.Duration `conf:"health_check_timeout"`
	// HealthCheckPath is what active checks GET, below the server's URL; a 2xx answer is
	// healthy. Empty means /health, "none" turns active checks off. "grpc", or "grpc:" and the
	// name of a service, asks grpc.health.v1 instead, over HTTP/2.
	HealthCheckPath string `conf:"health_check_path"`
	// HealthCheckRise is how many good checks in a row bring a server back. Zero means 2.
	HealthCheckRise int `conf:"health_check_rise"`
	// HealthCheckFall is how many bad checks in a row make it unhealthy. Zero means 2.
	HealthCheckFall int `conf:"health_check_fall"`
	// MaxRetries is the number of attempts in all; 1 means no retry. Zero means 3.
	MaxRetries int `conf:"max_retries"`
	// RetryBudgetRatio is how many retries a call pays for. A hundred can be saved up, and three may
	// always be under way. Zero means 0.2.
	RetryBudgetRatio float64 `conf:"retry_budget"`
	// RepeatPaths are paths of POST requests that may be sent again although their method does not
	// say so, such as /v1/embeddings; * stands for anything within a segment. An event stream on
	// them is repeated only before its first byte. Empty means none.
	RepeatPaths []string `conf:"repeat_paths"`
	// HedgePaths are paths of requests that may be sent to a second server too when the first is
	// late, that is slower than 95 % of the last ones; they may be repeated as well. Empty means none.
	HedgePaths []string `conf:"hedge_paths"`
	// HedgeBudgetRatio is the share of those requests for which a second server is asked. Zero means
	// 0.03.
	HedgeBudgetRatio float64 `conf:"hedge_budget"`
	// AttemptTimeout is how long an attempt may take until its headers before another server is
	// tried, if the request may be repeated; the last attempt has no such bound. Zero means 20
	// times what was predicted, at least 2 s.
	AttemptTimeout time.Duration `conf:"attempt_timeout"`
	// Servers are the pool's servers, told apart by id.
	Servers []ServerConfig `conf:"servers"`
	// Discovery finds further servers.
	Discovery DiscoveryConfig `conf:"discovery"`
	// DrainTimeout is how long a removed or drained server may finish its calls before
	// they are cut. Zero means 30 s.
	DrainTimeout time.Duration `conf:"drain_timeout"`
	// DialTimeout bounds the making of a connection. Zero means 3 s.
	DialTimeout time.Duration `conf:"dial_timeout"`
	// SlowStart is how long a new or recovered server takes to get its full share,
	// starting with a tenth of it. Zero means 30 s.
	SlowStart time.Duration `conf:"slow_start"`
	// PanicThresholdRatio is the share of usable servers below which health is ignored.
	// Zero means 0.5.
	PanicThresholdRatio float64 `conf:"panic_threshold"`
	// ConsecutiveFailures is how many failed calls in a row eject a server. Zero means 5.
	ConsecutiveFailures int `conf:"consecutive_failures"`
	// FailureRatio is the share of a server's calls of the last ten seconds, at least 20, that
	// ejects it when the others' median is lower by 0.15. Zero means 0.25.
	FailureRatio float64 `conf:"failure_ratio"`
	// SlowFactor ejects a server whose response time × weight is so many times the others' median
	// for three seconds, and above 0.1 s. The strategies adaptive and least_response_time do not need it: they give it as
	// little as it is worth. Zero means 10.
	SlowFactor float64 `conf:"slow_factor"`
	// EjectionTime is how long a first ejection lasts; the n-th lasts n times as long, up
	// to five minutes. Zero means 30 s.
	EjectionTime time.Duration `conf:"ejection_time"`
	// MaxEjectionRatio is the share of the servers that may be ejected at once, one being
	// always allowed. Zero means 0.5.
	MaxEjectionRatio float64 `conf:"max_ejection"`
}

// ServerConfig is one server as configured.
type ServerConfig struct {
	// ID names the server in statistics and calls: 1 to 64 letters, digits, . _ : -
	ID string `conf:"id" json:"id"`
	// URL is the server's base: http, https, or h2c for HTTP/2 without TLS, as gRPC inside a
	// network has it. Requests keep their own path below it.
	URL string `conf:"url" json:"url"`
	// Weight is the server's capacity relative to the others. Zero means 1.
	Weight float64 `conf:"weight" json:"weight"`
	// MaxConnections bounds the calls in flight. Zero means unlimited.
	MaxConnections int `conf:"max_connections" json:"max_connections"`
	// Status is "maintenance" for a server that gets no calls, or empty.
	Status string `conf:"status" json:"status"`
}

// ServerPatch is a change of a server; nil fields stay as they are.
type ServerPatch struct {
	// Weight must be above 0.
	Weight *float64 `json:"weight,omitempty"`
	// MaxConnections bounds the calls in flight; 0 means unlimited.
	MaxConnections *int `json:"max_connections,omitempty"`
	// Status is "maintenance", or "healthy" or "" to put the server back into service.
	Status *string `json:"status,omitempty"`
	// URL makes the server another one: what was learnt about it is forgotten.
	URL *string `json:"url,omitempty"`
}

// WithDefaults returns c with its zero fields replaced by the defaults.
func (c Config) WithDefaults() Config {
	setDefault(&c.Strategy, DefaultStrategy)
	setDefault(&c.HealthCheckInterval, DefaultHealthCheckInterval)
	setDefault(&c.HealthCheckTimeout, DefaultHealthCheckTimeout)
	setDefault(&c.HealthCheckPath, DefaultHealthCheckPath)
	setDefault(&c.HealthCheckRise, defaultRise)
	setDefault(&c.HealthCheckFall, defaultFall)
	setDefault(&c.MaxRetries, DefaultMaxRetries)
	setDefault(&c.RetryBudgetRatio, defaultRetryBudget)
	setDefault(&c.DrainTimeout, DefaultDrainTimeout)
	setDefault(&c.DialTimeout, defaultDialTimeout)
	setDefault(&c.SlowStart, defaultSlowStart)
	setDefault(&c.PanicThresholdRatio, defaultPanicThreshold)
	setDefault(&c.ConsecutiveFailures, defaultConsecutiveFailures)
	setDefault(&c.FailureRatio, defaultFailureRatio)
	setDefault(&c.SlowFactor, defaultSlowFactor)
	setDefault(&c.EjectionTime, defaultEjectionTime)
	setDefault(&c.MaxEjectionRatio, defaultMaxEjection)
	setDefault(&c.HedgeBudgetRatio, defaultHedgeBudget)
	setDefault(&c.Discovery.Interval, DefaultDiscoveryInterval)
	c.Servers = slices.Clone(c.Servers)
	for i := range c.Servers {
		c.Servers[i] = c.Servers[i].withDefaults()
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (s ServerConfig) withDefaults() ServerConfig {
	setDefault(&s.Weight, 1)
	if s.Status == StatusHealthy {
		s.Status = ""
	}
	return s
}

// Validate names every fault of c at once; nil means none.
func (c Config) Validate() error {
	const section = "load_balancer."
	var errs []error
	if c.Strategy != "" && !slices.Contains(Strategies(), c.Strategy) {
		errs = append(errs, unknownStrategy(section+"strategy", c.Strategy))
	}
	if p := c.HealthCheckPath; p != "" && p != NoHealthCheck && !goodPath(p) && !goodGRPCCheck(p) {
		errs = append(errs, fieldError(section+"health_check_path",
			"must begin with / and be at most 1024 printable characters, or be grpc, grpc:SERVICE or none (got %q)", p))
	}
	errs = append(errs, c.validateDurations(section)...)
	errs = append(errs, c.validateNumbers(section)...)
	errs = append(errs, validatePatterns(section+"repeat_paths", c.RepeatPaths)...)
	errs = append(errs, validatePatterns(section+"hedge_paths", c.HedgePaths)...)
	if len(c.HedgePaths) > maxHedgePaths {
		errs = append(errs, fieldError(section+"hedge_paths", "must be at most %d (got %d)", maxHedgePaths, len(c.HedgePaths)))
	}
	errs = append(errs, c.Discovery.validate(section+"discovery.")...)
	if len(c.Servers) > maxServers {
		errs = append(errs, fieldError(section+"servers", "must be at most %d (got %d)", maxServers, len(c.Servers)))
	}
	return errors.Join(append(errs, validateServers(section, c.Servers)...)...)
}

func (c Config) validateDurations(section string) (errs []error) {
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"health_check_interval", c.HealthCheckInterval},
		{"health_check_timeout", c.HealthCheckTimeout},
		{"drain_timeout", c.DrainTimeout},
		{"dial_timeout", c.DialTimeout},
		{"slow_start", c.SlowStart},
		{"ejection_time", c.EjectionTime},
		{"attempt_timeout", c.AttemptTimeout},
	} {
		if d.value < 0 {
			errs = append(errs, fieldError(section+d.key, "must not be negative (got %v)", d.value))
		}
	}
	return errs
}

func (c Config) validateNumbers(section string) (errs []error) {
	for _, n := range []struct {
		key   string
		value int
	}{
		{"max_retries", c.MaxRetries},
		{"health_check_rise", c.HealthCheckRise},
		{"health_check_fall", c.HealthCheckFall},
		{"consecutive_failures", c.ConsecutiveFailures},
	} {
		if n.value < 0 {
			errs = append(errs, fieldError(section+n.key, "must not be negative (got %d)", n.value))
		}
	}
	if c.MaxRetries > maxRetries {
		errs = append(errs, fieldError(section+"max_retries", "must be at most %d (got %d)", maxRetries, c.MaxRetries))
	}
	if f := c.SlowFactor; f != 0 && !(f >= 2 && f <= 1e6) {
		errs = append(errs, fieldError(section+"slow_factor", "must be between 2 and 1000000 (got %v)", f))
	}
	for _, r := range []struct {
		key   string
		value float64
	}{
		{"retry_budget", c.RetryBudgetRatio},
		{"panic_threshold", c.PanicThresholdRatio},
		{"max_ejection", c.MaxEjectionRatio},
		{"failure_ratio", c.FailureRatio},
		{"hedge_budget", c.HedgeBudgetRatio},
	} {
		if !(r.value >= 0 && r.value <= 1) {
			errs = append(errs, fieldError(section+r.key, "must be between 0 and 1 (got %v)", r.value))
		}
	}
	return errs
}

func validateServers(section string, servers []ServerConfig) (errs []error) {
	seen := make(map[string]int, len(servers))
	for i, s := range servers {
		field := section + "servers[" + itoa(i) + "]."
		errs = append(errs, s.validate(field)...)
		if first, ok := seen[s.ID]; ok && s.ID != "" {
			errs = append(errs, &FieldError{
				Field: field + "id", Err: ErrDuplicateServer,
				Problem: "must be unique (" + s.ID + " is servers[" + itoa(first) + "] already)",
			})
			continue
		}
		seen[s.ID] = i
	}
	return errs
}

// validate checks one server; field is the prefix of the field names.
func (s ServerConfig) validate(field string) (errs []error) {
	if !goodID(s.ID) {
		errs = append(errs, fieldError(field+"id", "must be 1 to 64 letters, digits or . _ : - (got %q)", s.ID))
	}
	if _, err := parseServerURL(s.URL); err != nil {
		errs = append(errs, prefixed(field+"url", err))
	}
	if s.Weight != 0 {
		errs = append(errs, validateWeight(field+"weight", s.Weight))
	}
	if s.MaxConnections < 0 {
		errs = append(errs, fieldError(field+"max_connections", "must not be negative (got %d)", s.MaxConnections))
	}
	errs = append(errs, validateStatus(field+"status", s.Status))
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func validateWeight(field string, w float64) error {
	if !(w > 0) || math.IsInf(w, 0) {
		return fieldError(field, "must be above 0 (got %v)", w)
	}
	if w < 1e-3 || w > 1e6 {
		return fieldError(field, "must be between 0.001 and 1000000 (got %v)", w)
	}
	return nil
}

func validateStatus(field, status string) error {
	if status != "" && status != StatusMaintenance && status != StatusHealthy {
		return fieldError(field, "must be maintenance, or healthy or empty for in service (got %q)", status)
	}
	return nil
}

func goodID(id string) bool {
	return id != "" && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:-", r))
	}) < 0
}

func goodPath(p string) bool {
	return strings.HasPrefix(p, "/") && len(p) <= 1024 &&
		strings.IndexFunc(p, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) < 0
}

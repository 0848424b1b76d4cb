package alert

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Defaults and bounds of [Config] and [Thresholds].
const (
	DefaultResponseTime       = time.Second
	DefaultCPUUsagePercent    = 80
	DefaultMemoryUsagePercent = 85
	DefaultErrorRatePercent   = 5
	DefaultFor                = time.Minute
	DefaultKeepFiring         = 2 * time.Minute
	DefaultMinRequests        = 20

	maxResponseTime = time.Hour
	maxHold         = 24 * time.Hour
	maxMinRequests  = 1_000_000
	maxURLBytes     = 2048
)

// Thresholds are the values above which something is wrong. The zero value means all
// defaults.
type Thresholds struct {
	// ResponseTime is the mean time of a response. Zero means 1 s.
	ResponseTime time.Duration `conf:"response_time" json:"response_time_ns"`
	// CPUUsagePercent is the use of all processors. Zero means 80; 100 is never exceeded.
	CPUUsagePercent float64 `conf:"cpu_usage" json:"cpu_usage_percent"`
	// MemoryUsagePercent is the use of the machine's memory, or of the container's limit.
	// Zero means 85; 100 is never exceeded.
	MemoryUsagePercent float64 `conf:"memory_usage" json:"memory_usage_percent"`
	// ErrorRatePercent is the share of requests answered with 5xx. Zero means 5; 100 is
	// never exceeded.
	ErrorRatePercent float64 `conf:"error_rate" json:"error_rate_percent"`
}

// WithDefaults returns t with what is zero replaced by the defaults.
func (t Thresholds) WithDefaults() Thresholds {
	setDefault(&t.ResponseTime, DefaultResponseTime)
	setDefault(&t.CPUUsagePercent, DefaultCPUUsagePercent)
	setDefault(&t.MemoryUsagePercent, DefaultMemoryUsagePercent)
	setDefault(&t.ErrorRatePercent, DefaultErrorRatePercent)
	return t
}

// Validate names every fault of t at once; nil means none.
func (t Thresholds) Validate() error {
	var errs []error
	if t.ResponseTime < 0 || t.ResponseTime > maxResponseTime {
		errs = append(errs, fmt.Errorf("thresholds.response_time: must be between 0 and %v (got %v)",
			maxResponseTime, t.ResponseTime))
	}
	for _, p := range []struct {
		key   string
		value float64
	}{
		{"cpu_usage", t.CPUUsagePercent},
		{"memory_usage", t.MemoryUsagePercent},
		{"error_rate", t.ErrorRatePercent},
	} {
		if !(p.value >= 0 && p.value <= 100) { // not a number is out of it too
			errs = append(errs, fmt.Errorf("thresholds.%s: must be between 0 and 100 percent (got %v)", p.key, p.value))
		}
	}
	return errors.Join(errs...)
}

// Config says when an alert changes its state and who is told. The zero value means all
// defaults and no webhook.
type Config struct {
	// WebhookURL receives each alert that fires or resolves as JSON by POST. Empty means
	// nobody is told but the log. Its path and query often let the bearer write, so it is a
	// secret.
	WebhookURL string `conf:"webhook_url,secret"`
	// WebhookAllowPrivate lets the webhook be a loopback, private or link-local address.
	WebhookAllowPrivate bool `conf:"webhook_allow_private"`
	// For is how long a value must be above its threshold before the alert fires. Zero
	// means 60 s.
	For time.Duration `conf:"for"`
	// KeepFiring is how long a value must be well below its threshold before the alert
	// resolves. Zero means 120 s.
	KeepFiring time.Duration `conf:"keep_firing"`
	// MinRequests is how many requests the error rate and the response time must rest on.
	// Zero means 20.
	MinRequests int `conf:"min_requests"`
}

// WithDefaults returns c with what is zero replaced by the defaults.
func (c Config) WithDefaults() Config {
	setDefault(&c.For, DefaultFor)
	setDefault(&c.KeepFiring, DefaultKeepFiring)
	setDefault(&c.MinRequests, DefaultMinRequests)
	return c
}

// Validate names every fault of c at once; nil means none. What the name in the webhook's
// URL stands for is not looked up here but at every call.
func (c Config) Validate() error {
	var errs []error
	if c.WebhookURL != "" {
		if _, err := parseWebhook(c.WebhookURL, c.WebhookAllowPrivate); err != nil {
			errs = append(errs, fmt.Errorf("alerts.webhook_url: %w", err))
		}
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"for", c.For}, {"keep_firing", c.KeepFiring}} {
		if d.value < 0 || d.value > maxHold {
			errs = append(errs, fmt.Errorf("alerts.%s: must be between 0 and %v (got %v)", d.key, maxHold, d.value))
		}
	}
	if c.MinRequests < 0 || c.MinRequests > maxMinRequests {
		errs = append(errs, fmt.Errorf("alerts.min_requests: must be between 0 and %d (got %d)", maxMinRequests, c.MinRequests))
	}
	return errors.Join(errs...)
}

// parseWebhook reads and judges the URL of a receiver. No error holds the URL, a secret.
func parseWebhook(raw string, allowPrivate bool) (*url.URL, error) {
	if len(raw) > maxURLBytes {
		return nil, fmt.Errorf("must be at most %d bytes (got %d)", maxURLBytes, len(raw))
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("must be a URL such as https://hooks.example.com/upshift")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must begin with http:// or https://")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("must name a host")
	case u.Fragment != "":
		return nil, errors.New("must not have a fragment (#…)")
	}
	return u, checkHost(u.Hostname(), allowPrivate)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

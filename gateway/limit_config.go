package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"
)

// Defaults of the queue of [Config].
const (
	DefaultQueueSize    = 100
	DefaultQueueTimeout = 5 * time.Second
)

// How a tenant is told, see [Config.TenantBy].
const (
	// ByCredential tells tenants by what they authenticate with at the server: Authorization,
	// X-Api-Key or Api-Key. A tenant's name is key- and the first 12 hexadecimal digits of its SHA-256.
	ByCredential = "credential"
	// ByHeader tells them by X-Upshift-Tenant, which must then come from a proxy that can be
	// trusted or from clients that can.
	ByHeader = "header"
)

// Priorities of a [Limit].
const (
	PriorityLow    = "low"
	PriorityNormal = "normal"
	PriorityHigh   = "high"
)

// EachTenant is the tenant of a [Limit] for all that have none of their own.
const EachTenant = "*"

const maxLimits = 256

// Limit is what a tenant may use. Zero fields are no limit.
type Limit struct {
	// Tenant is the name of one, or * for each of the others by itself.
	Tenant string `conf:"tenant"`
	// RequestsPerSecond is the mean rate of requests, those answered from the cache included. Burst
	// is how many may come at once; zero means those of two seconds.
	RequestsPerSecond float64 `conf:"requests_per_second"`
	Burst             int     `conf:"burst"`
	// TokensPerMinute are tokens of language models, those of prompts and answers together, as
	// servers count them. They are taken off when an answer has ended: who has none left waits
	// for the next ones.
	TokensPerMinute int64 `conf:"tokens_per_minute"`
	// Concurrency bounds the requests that are at servers at a time; further ones wait in a queue.
	Concurrency int `conf:"concurrency"`
	// Priority is low, normal or high, for the queues. Empty means normal. A request may ask for
	// a lower one by X-Upshift-Priority.
	Priority string `conf:"priority"`
}

// priorities by name, the greater the sooner.
var priorities = map[string]int{PriorityLow: -1, PriorityNormal: 0, "": 0, PriorityHigh: 1}

// burst is how many requests may come at once.
func (l Limit) burst() int {
	return cmp.Or(l.Burst, int(max(math.Ceil(2*l.RequestsPerSecond), 1)))
}

func validateLimits(c Config) error {
	var errs []error
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("gateway.%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.TenantBy != ByCredential && c.TenantBy != ByHeader {
		fault("tenant_by", "must be %s or %s (got %q)", ByCredential, ByHeader, c.TenantBy)
	}
	if len(c.Limits) > maxLimits {
		fault("limits", "must be at most %d (got %d)", maxLimits, len(c.Limits))
	}
	seen := map[string]bool{}
	for i, l := range c.Limits {
		key := func(field string) string { return fmt.Sprintf("limits[%d].%s", i, field) }
		if l.Tenant == "" || len(l.Tenant) > 128 {
			fault(key("tenant"), "must be the name of a tenant, or * for each of the others")
		} else if seen[l.Tenant] {
			fault(key("tenant"), "must not be there twice (got %q)", l.Tenant)
		}
		seen[l.Tenant] = true
		if !(l.RequestsPerSecond >= 0 && l.RequestsPerSecond <= 1e6) {
			fault(key("requests_per_second"), "must be from 0 to 1000000 (got %v)", l.RequestsPerSecond)
		}
		if l.Burst < 0 || l.Burst > 0 && l.RequestsPerSecond == 0 {
			fault(key("burst"), "must not be negative, nor set without requests_per_second (got %d)", l.Burst)
		}
		if l.TokensPerMinute < 0 || l.TokensPerMinute > 1e12 {
			fault(key("tokens_per_minute"), "must be from 0 to 1000000000000 (got %d)", l.TokensPerMinute)
		}
		if l.Concurrency < 0 {
			fault(key("concurrency"), "must not be negative (got %d)", l.Concurrency)
		}
		if _, ok := priorities[l.Priority]; !ok {
			fault(key("priority"), "must be low, normal or high (got %q)", l.Priority)
		}
	}
	return errors.Join(errs...)
}

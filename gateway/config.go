package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentientcore/upshift/gateway/llm"
)

// Defaults of [Config].
const (
	DefaultListen            = "127.0.0.1:8080"
	DefaultMaxConnections    = 4096
	DefaultMaxBodyBytes      = 10 << 20
	DefaultBodyTimeout       = 30 * time.Second
	DefaultWriteTimeout      = 30 * time.Second
	DefaultResponseTimeout   = 5 * time.Minute
	DefaultIdleTimeout       = 10 * time.Minute
	DefaultDrainTimeout      = 30 * time.Second
	DefaultCacheMaxBodyBytes = 1 << 20
)

// Config says where the data plane listens and what it puts up with. The zero value means all
// defaults.
type Config struct {
	// Listen is host:port of the data plane. Empty means 127.0.0.1:8080. It cannot change while
	// running.
	Listen string `conf:"listen"`
	// MaxConnections bounds open client connections; more are closed at once. Zero means 4096.
	MaxConnections int `conf:"max_connections"`
	// MaxBodyBytes bounds a request's body; a longer one is answered 413. Zero means 10 MiB.
	MaxBodyBytes int64 `conf:"max_body_bytes"`
	// BodyTimeout is how long a client may leave its request's body without a further byte.
	// Zero means 30 s.
	BodyTimeout time.Duration `conf:"body_timeout"`
	// WriteTimeout is how long a client may leave an answer without taking a further byte. There
	// is no bound on the whole, which would end streams. Zero means 30 s.
	WriteTimeout time.Duration `conf:"write_timeout"`
	// ResponseTimeout is how long servers, retries included, may take until the headers of an
	// answer; then the client gets 504. Zero means 5 min, since a model may think long.
	ResponseTimeout time.Duration `conf:"response_timeout"`
	// IdleTimeout is how long a server may leave an answer, or both sides an upgraded
	// connection, without a further byte. Zero means 10 min.
	IdleTimeout time.Duration `conf:"idle_timeout"`
	// DrainTimeout is how long requests in flight may take when shutting down. Zero means 30 s.
	DrainTimeout time.Duration `conf:"drain_timeout"`
	// CacheMaxBodyBytes bounds the body of an answer that is kept. Zero means 1 MiB.
	CacheMaxBodyBytes int64 `conf:"cache_max_body_bytes"`
	// CachePost are routes of POST requests that change nothing and whose answers are kept, such as
	// embeddings. Empty means none.
	CachePost []PostRoute `conf:"cache_post"`
	// Prices is the path of a file of the prices of language models, in the form of
	// [llm.DefaultPricesText]. Empty means those that come with upshift.
	Prices string `conf:"prices"`
	// TenantBy is [ByCredential] or [ByHeader]. Empty means credential.
	TenantBy string `conf:"tenant_by"`
	// Limits are what tenants may use. Empty means no limits.
	Limits []Limit `conf:"limits"`
	// Routes say which pools serve which requests; the first one that fits counts. What none fits
	// goes to the default pool.
	Routes []PoolRoute `conf:"routes"`
	// MaxConcurrency bounds the requests of all tenants that are at servers at a time; further ones
	// wait in a queue. Zero means no bound.
	MaxConcurrency int `conf:"max_concurrency"`
	// QueueSize bounds those who wait in each queue, that of all and that of each tenant; a further
	// one is refused, or takes the place of one of lower priority. Zero means 100.
	QueueSize int `conf:"queue_size"`
	// QueueTimeout is how long a request may wait in a queue. Zero means 5 s.
	QueueTimeout time.Duration `conf:"queue_timeout"`
}

// WithDefaults returns c with its zero fields replaced by the defaults.
func (c Config) WithDefaults() Config {
	c.Listen = cmp.Or(c.Listen, DefaultListen)
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections)
	c.MaxBodyBytes = cmp.Or(c.MaxBodyBytes, DefaultMaxBodyBytes)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, DefaultBodyTimeout)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, DefaultWriteTimeout)
	c.ResponseTimeout = cmp.Or(c.ResponseTimeout, DefaultResponseTimeout)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, DefaultIdleTimeout)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, DefaultDrainTimeout)
	c.CacheMaxBodyBytes = cmp.Or(c.CacheMaxBodyBytes, DefaultCacheMaxBodyBytes)
	c.TenantBy = cmp.Or(c.TenantBy, ByCredential)
	c.QueueSize = cmp.Or(c.QueueSize, DefaultQueueSize)
	c.QueueTimeout = cmp.Or(c.QueueTimeout, DefaultQueueTimeout)
	c.CachePost = slices.Clone(c.CachePost)
	for i, r := range c.CachePost {
		c.CachePost[i] = r.withDefaults()
	}
	return c
}

// Validate names every fault of c at once, each beginning with its key; nil means none.
func (c Config) Validate() error {
	c = c.WithDefaults()
	errs := []error{validateListen(c.Listen), validatePost(c.CachePost), validatePrices(c.Prices), validateLimits(c), validateRoutes(c.Routes)}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"body_timeout", c.BodyTimeout},
		{"write_timeout", c.WriteTimeout},
		{"response_timeout", c.ResponseTimeout},
		{"idle_timeout", c.IdleTimeout},
		{"drain_timeout", c.DrainTimeout},
		{"queue_timeout", c.QueueTimeout},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("gateway.%s: must not be negative (got %v)", d.key, d.value))
		}
	}
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"max_connections", int64(c.MaxConnections)},
		{"max_body_bytes", c.MaxBodyBytes},
		{"cache_max_body_bytes", c.CacheMaxBodyBytes},
		{"max_concurrency", int64(c.MaxConcurrency)},
		{"queue_size", int64(c.QueueSize)},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("gateway.%s: must not be negative (got %d)", n.key, n.value))
		}
	}
	return errors.Join(errs...)
}

func validateListen(listen string) error {
	_, port, err := net.SplitHostPort(listen)
	if err == nil {
		var n int
		if n, err = strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
			err = errors.New("no such port")
		}
	}
	if err != nil {
		return fmt.Errorf("gateway.listen: must be host:port such as 127.0.0.1:8080 (got %q)", listen)
	}
	return nil
}

func validatePrices(file string) error {
	_, err := readPrices(file)
	return err
}

// readPrices reads a file of prices, or those that come with upshift. Each fault begins with the key that names the file.
func readPrices(file string) (*llm.Prices, error) {
	if file == "" {
		return llm.DefaultPrices()
	}
	p, err := llm.ReadPrices(file)
	if err == nil {
		return p, nil
	}
	var errs []error
	for fault := range strings.Lines(err.Error()) {
		errs = append(errs, errors.New("gateway.prices: "+strings.TrimSpace(fault)))
	}
	return nil, errors.Join(errs...)
}

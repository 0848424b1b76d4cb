package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Defaults and bounds of [Config].
const (
	DefaultSlowQueryThreshold = time.Second
	DefaultConnectionPoolSize = 20
	DefaultQueryCacheSize     = 1000
	DefaultPollInterval       = 10 * time.Second
	DefaultConnectTimeout     = 5 * time.Second
	DefaultStatementTimeout   = 5 * time.Second
	DefaultVacuumTimeout      = 30 * time.Minute

	maxPoolSize       = 10_000
	maxQueryCacheSize = 1_000_000
	minPollInterval   = 100 * time.Millisecond
)

// Config says which database a [Monitor] watches and how. The zero value means all
// defaults and no database.
type Config struct {
	// URL is the database: postgres://user:password@host:5432/name, or the key=value form.
	// What it leaves out comes from where libpq takes it: PGPASSWORD, ~/.pgpass and so on.
	URL string `conf:"url,secret"`
	// SlowQueryThreshold is the time above which a statement is slow, by its mean or by its
	// slowest call. Zero means 1 s.
	SlowQueryThreshold time.Duration `conf:"slow_query_threshold"`
	// ConnectionPoolSize is the most connections held open at once. Zero means 20; the
	// monitor itself seldom needs more than two.
	ConnectionPoolSize int `conf:"connection_pool_size"`
	// QueryCacheSize is the number of distinct statements remembered with their text; those
	// not seen for longest go first. Zero means 1000.
	QueryCacheSize int `conf:"query_cache_size"`
	// PollInterval is the time between two readings of the server's statistics. Zero means
	// 10 s.
	PollInterval time.Duration `conf:"poll_interval"`
	// ConnectTimeout bounds the making of a connection. Zero means 5 s.
	ConnectTimeout time.Duration `conf:"connect_timeout"`
	// StatementTimeout bounds each statement of the monitor, vacuum left out. Zero means 5 s.
	StatementTimeout time.Duration `conf:"statement_timeout"`
	// VacuumTimeout bounds the vacuum of one table. Zero means 30 min.
	VacuumTimeout time.Duration `conf:"vacuum_timeout"`
}

// WithDefaults returns c with its zero fields replaced by the defaults.
func (c Config) WithDefaults() Config {
	setDefault(&c.SlowQueryThreshold, DefaultSlowQueryThreshold)
	setDefault(&c.ConnectionPoolSize, DefaultConnectionPoolSize)
	setDefault(&c.QueryCacheSize, DefaultQueryCacheSize)
	setDefault(&c.PollInterval, DefaultPollInterval)
	setDefault(&c.ConnectTimeout, DefaultConnectTimeout)
	setDefault(&c.StatementTimeout, DefaultStatementTimeout)
	setDefault(&c.VacuumTimeout, DefaultVacuumTimeout)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate names every fault of c at once; nil means none. It never repeats the URL, which
// may hold a password.
func (c Config) Validate() error {
	var errs []error
	if c.URL != "" {
		if _, err := parseURL(c.URL); err != nil {
			errs = append(errs, err)
		}
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"slow_query_threshold", c.SlowQueryThreshold},
		{"poll_interval", c.PollInterval},
		{"connect_timeout", c.ConnectTimeout},
		{"statement_timeout", c.StatementTimeout},
		{"vacuum_timeout", c.VacuumTimeout},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("database.%s: must not be negative (got %v)", d.key, d.value))
		}
	}
	if c.PollInterval > 0 && c.PollInterval < minPollInterval {
		errs = append(errs, fmt.Errorf("database.poll_interval: must be at least %v (got %v)", minPollInterval, c.PollInterval))
	}
	for _, n := range []struct {
		key        string
		value, top int
	}{
		{"connection_pool_size", c.ConnectionPoolSize, maxPoolSize},
		{"query_cache_size", c.QueryCacheSize, maxQueryCacheSize},
	} {
		if n.value < 0 || n.value > n.top {
			errs = append(errs, fmt.Errorf("database.%s: must be between 0 and %d (got %d)", n.key, n.top, n.value))
		}
	}
	return errors.Join(errs...)
}

// parseURL reads a connection string. Its errors say what is wrong only where that cannot
// tell a part of the password: where the string parses as a URL, so that the password is
// known.
func parseURL(raw string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(raw)
	if err == nil {
		return cfg, nil
	}
	const want = "database.url: must be a URL such as postgres://user:password@host:5432/name, " +
		"with special characters of the password written as %xx, or key=value pairs"
	u, bad := url.Parse(raw)
	if bad != nil || u.Host == "" || strings.ContainsAny(u.Host, "@%") {
		return nil, errors.New(want)
	}
	if s := u.Scheme; s != "postgres" && s != "postgresql" {
		return nil, fmt.Errorf("%s (got the scheme %q)", want, s)
	}
	if reason := errors.Unwrap(err); reason != nil {
		password, _ := u.User.Password()
		return nil, fmt.Errorf("%s: %s", want, newRedactor(raw, password).clean(reason.Error()))
	}
	return nil, errors.New(want)
}

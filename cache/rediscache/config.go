package rediscache

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Defaults of [Config].
const (
	DefaultPrefix        = "upshift"
	DefaultLookupTimeout = 20 * time.Millisecond
	DefaultApplyTimeout  = 500 * time.Millisecond
	DefaultFeedTimeout   = 1500 * time.Millisecond
)

const (
	maxPrefix = 64
	// layout is part of every key: what writes another layout does not meet this one.
	layout      = "2"
	dialTimeout = time.Second
	// connTimeout ends a connection on which nothing is answered.
	connTimeout = 2 * time.Second
)

// Config says where the server is and how long to wait for it.
type Config struct {
	// URL is where the server is, in one of the forms of the package comment. It may hold a
	// password and is never logged.
	URL string
	// Prefix begins every key and channel; those that share values have the same. Empty means
	// "upshift".
	Prefix string
	// LookupTimeout is the longest that a caller waits for a lookup. Zero means 20 ms.
	LookupTimeout time.Duration
	// ApplyTimeout is the longest that a batch of writes may take; no caller waits for it. Zero
	// means 500 ms.
	ApplyTimeout time.Duration
	// FeedTimeout is how long the feed may be silent until it counts as lost, which is seen within
	// half a second after. What memory holds may be stale for so much longer. Zero means 1.5 s.
	FeedTimeout time.Duration
}

// WithDefaults returns c with each zero replaced by what it means.
func (c Config) WithDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if c.LookupTimeout == 0 {
		c.LookupTimeout = DefaultLookupTimeout
	}
	if c.ApplyTimeout == 0 {
		c.ApplyTimeout = DefaultApplyTimeout
	}
	if c.FeedTimeout == 0 {
		c.FeedTimeout = DefaultFeedTimeout
	}
	return c
}

// Validate reports every fault of c at once, or nil. It does not show the URL.
func (c Config) Validate() error {
	var errs []error
	if _, err := c.options(); err != nil {
		errs = append(errs, err)
	}
	if len(c.Prefix) > maxPrefix || strings.ContainsAny(c.Prefix, "{} \r\n") {
		errs = append(errs, fmt.Errorf("cache.redis: prefix must be at most %d characters without braces or space", maxPrefix))
	}
	if min(c.LookupTimeout, c.ApplyTimeout, c.FeedTimeout) < 0 {
		errs = append(errs, errors.New("cache.redis: timeouts must not be negative"))
	}
	return errors.Join(errs...)
}

// options are the client's. What a parser says of a URL may show its password, so it is left out.
func (c Config) options() (rueidis.ClientOption, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" && u.Scheme != "unix" {
		return rueidis.ClientOption{}, errors.New("cache.redis_url: must be a URL such as redis://host:6379/0")
	}
	sentinel, cluster := false, u.Query().Has("addr")
	switch u.Scheme {
	case "redis+sentinel":
		u.Scheme, sentinel = "redis", true
	case "rediss+sentinel":
		u.Scheme, sentinel = "rediss", true
	case "redis+cluster":
		u.Scheme, cluster = "redis", true
	case "rediss+cluster":
		u.Scheme, cluster = "rediss", true
	}
	opt, err := rueidis.ParseURL(u.String())
	if err != nil {
		return rueidis.ClientOption{}, errors.New("cache.redis_url: " + hint(u, err))
	}
	if sentinel && opt.Sentinel.MasterSet == "" {
		return rueidis.ClientOption{}, errors.New("cache.redis_url: sentinels need the parameter master_set")
	}
	if opt.Sentinel.MasterSet != "" {
		opt.Sentinel.TLSConfig = opt.TLSConfig
	}
	if len(opt.InitAddress) > 1 || cluster || sentinel {
		unnamed(opt.TLSConfig)
	}
	if err := secured(opt.TLSConfig, u.Query()); err != nil {
		return rueidis.ClientOption{}, err
	}
	guarded(&opt)
	if opt.Dialer.Timeout == 0 {
		opt.Dialer.Timeout = dialTimeout
	}
	if opt.ConnWriteTimeout == 0 {
		opt.ConnWriteTimeout = connTimeout
	}
	if opt.ClientName == "" {
		opt.ClientName = "upshift"
	}
	opt.ForceSingleClient = !cluster && opt.Sentinel.MasterSet == ""
	opt.DisableCache = true     // memory holds decoded values
	opt.DisableRetry = true     // nobody waits for a second try
	opt.AlwaysPipelining = true // a caller that gives up costs no connection
	return opt, nil
}

// hint says which part of a URL is wrong.
func hint(u *url.URL, err error) string {
	for _, part := range []string{
		"database number", "dial timeout", "write timeout", "URL path", "URL scheme", "skip verify",
	} {
		if strings.Contains(err.Error(), part) {
			return "invalid " + part
		}
	}
	return "must be a URL such as " + u.Scheme + "://host:6379/0"
}

// unnamed has each of several servers show a certificate of its own name.
func unnamed(cfg *tls.Config) {
	if cfg != nil {
		cfg.ServerName = ""
	}
}

package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway/llm"
)

// DefaultPostTTL is how long an answer to a POST is kept unless its route says.
const DefaultPostTTL = time.Hour

// EmbeddingsCacheName is the name of the cache of embeddings.
const EmbeddingsCacheName = "embeddings"

// When the answers of a [PostRoute] are kept.
const (
	// WhenTemperatureZero keeps answers to requests whose body says "temperature": 0.
	WhenTemperatureZero = "temperature_zero"
	// WhenAlways keeps the answers to all requests: they must depend on the request alone.
	WhenAlways = "always"
)

// maxPostRoutes bounds [Config.CachePost].
const maxPostRoutes = 64

// PostRoute is a route of POST requests that change nothing and whose answers are kept.
type PostRoute struct {
	// Path is what the path of a request must be. In it * stands for anything within one segment,
	// as in path.Match.
	Path string `conf:"path"`
	// When is [WhenTemperatureZero] or [WhenAlways]. Empty means always for a path that ends in
	// /embeddings, otherwise temperature_zero.
	When string `conf:"when"`
	// TTL is how long an answer is kept. Zero means 1 h.
	TTL time.Duration `conf:"ttl"`
	// Cache is the name of the cache that keeps the answers. Empty means embeddings for a path that
	// ends in /embeddings, otherwise responses.
	Cache string `conf:"cache"`
	// IgnoreHeaders are headers of requests that do not change the answer, beside those that are
	// known not to.
	IgnoreHeaders []string `conf:"ignore_headers"`
}

func (r PostRoute) withDefaults() PostRoute {
	when, name := WhenTemperatureZero, CacheName
	if strings.HasSuffix(r.Path, "/embeddings") {
		when, name = WhenAlways, EmbeddingsCacheName
	}
	r.When, r.Cache, r.TTL = cmp.Or(r.When, when), cmp.Or(r.Cache, name), cmp.Or(r.TTL, DefaultPostTTL)
	return r
}

func validatePost(routes []PostRoute) error {
	var errs []error
	fault := func(i int, key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("gateway.cache_post[%d].%s: %s", i, key, fmt.Sprintf(format, args...)))
	}
	if len(routes) > maxPostRoutes {
		errs = append(errs, fmt.Errorf("gateway.cache_post: must be at most %d (got %d)", maxPostRoutes, len(routes)))
	}
	for i, r := range routes {
		if _, err := path.Match(r.Path, "/"); err != nil || !strings.HasPrefix(r.Path, "/") {
			fault(i, "path", "must be a path such as /v1/embeddings or /*/chat/completions (got %q)", r.Path)
		}
		if r.When != "" && r.When != WhenTemperatureZero && r.When != WhenAlways {
			fault(i, "when", "must be %s or %s (got %q)", WhenTemperatureZero, WhenAlways, r.When)
		}
		if r.TTL < 0 {
			fault(i, "ttl", "must not be negative (got %v)", r.TTL)
		}
		if r.Cache != "" && !plain(r.Cache, "._-") || len(r.Cache) > 128 {
			fault(i, "cache", "must be 1 to 128 letters, digits, dots, dashes or underscores (got %q)", r.Cache)
		}
		for _, name := range r.IgnoreHeaders {
			switch canonical := http.CanonicalHeaderKey(name); {
			case name == "" || !plain(name, "-"):
				fault(i, "ignore_headers", "must be names of headers such as X-Run-Id (got %q)", name)
			case isCredential(canonical):
				fault(i, "ignore_headers", "must not have %s, which says who asks", canonical)
			}
		}
	}
	return errors.Join(errs...)
}

// postRoute is a PostRoute in force.
type postRoute struct {
	PostRoute
	keep    *keeper
	ignored map[string]bool // canonical names
}

// settings are a configuration in force.
type settings struct {
	Config
	posts  []*postRoute
	prices *llm.Prices
}

// newSettings makes what a configuration needs; group may be nil.
func newSettings(cfg Config, group *cache.Group, count *counters) (*settings, error) {
	prices, err := readPrices(cfg.Prices)
	if err != nil {
		return nil, err
	}
	s := &settings{Config: cfg, prices: prices}
	if group == nil {
		return s, nil
	}
	for i, r := range cfg.CachePost {
		keep, err := newKeeper(group, r.Cache, count)
		if err != nil {
			return nil, fmt.Errorf("gateway.cache_post[%d].cache: %w", i, err)
		}
		route := &postRoute{PostRoute: r, keep: keep, ignored: map[string]bool{}}
		for _, name := range r.IgnoreHeaders {
			route.ignored[http.CanonicalHeaderKey(name)] = true
		}
		s.posts = append(s.posts, route)
	}
	return s, nil
}

// post returns the route of a POST whose answers are kept, or nil. The first that matches counts.
func (s *settings) post(r *http.Request) *postRoute {
	if r.Method != http.MethodPost {
		return nil
	}
	for _, route := range s.posts {
		if ok, _ := path.Match(route.Path, r.URL.Path); ok {
			return route
		}
	}
	return nil
}

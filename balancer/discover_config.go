package balancer

import (
	"net/url"
	"strings"
	"time"
)

// DiscoveryConfig says where servers are found besides [Config.Servers].
type DiscoveryConfig struct {
	// File is a JSON file with the member servers, a list of servers as in [Config.Servers]. A new
	// one is taken over within two seconds; one that has a fault, or is gone, changes nothing. Empty
	// means none.
	File string `conf:"file"`
	// DNS are names that stand for servers. A name that cannot be looked up keeps those of the last
	// time.
	DNS []DNSConfig `conf:"dns"`
	// Interval is the time between two look-ups of a name of which DNS does not say how long it may
	// be kept. Zero means 30 s.
	Interval time.Duration `conf:"interval"`
}

// DNSConfig is a name that stands for servers.
type DNSConfig struct {
	// ID begins the ids of the servers found: 1 to 20 letters, digits, . _ -
	ID string `conf:"id"`
	// URL holds the name: in http://vllm.internal:8000 each IPv4 address of the name, or each IPv6
	// address where there is none, is a server; in http://_vllm._tcp.internal, without a port, the
	// targets of its SRV records are, those of the first priority, with their weights. For addresses
	// it must be http or h2c, as certificates are for names.
	URL string `conf:"url"`
	// Weight is that of each server, times the one of its SRV record. Zero means 1.
	Weight float64 `conf:"weight"`
	// MaxConnections bounds the calls in flight at each. Zero means unlimited.
	MaxConnections int `conf:"max_connections"`
}

const maxDNSNames = 64

// sources are those that are configured.
func (c DiscoveryConfig) sources() (all []source) {
	if c.File != "" {
		all = append(all, &fileSource{path: c.File})
	}
	for _, d := range c.DNS {
		all = append(all, newDNSSource(d, c.Interval))
	}
	return all
}

// has reports whether a source is configured.
func (c DiscoveryConfig) has(name string) bool {
	for _, s := range c.sources() {
		if s.name() == name {
			return true
		}
	}
	return false
}

func (c DiscoveryConfig) validate(field string) (errs []error) {
	if c.Interval < 0 {
		errs = append(errs, fieldError(field+"interval", "must not be negative (got %v)", c.Interval))
	}
	if len(c.DNS) > maxDNSNames {
		errs = append(errs, fieldError(field+"dns", "must be at most %d names (got %d)", maxDNSNames, len(c.DNS)))
	}
	seen := map[string]bool{}
	for i, d := range c.DNS {
		at := field + "dns[" + itoa(i) + "]."
		errs = append(errs, d.validate(at)...)
		if seen[d.ID] {
			errs = append(errs, fieldError(at+"id", "must be unique (%s is there already)", d.ID))
		}
		seen[d.ID] = true
	}
	return errs
}

func (d DNSConfig) validate(at string) (errs []error) {
	if !goodID(d.ID) || len(d.ID) > 20 || strings.Contains(d.ID, ":") {
		errs = append(errs, fieldError(at+"id", "must be 1 to 20 letters, digits or . _ - (got %q)", d.ID))
	}
	u, err := parseServerURL(d.URL)
	switch {
	case err != nil:
		errs = append(errs, prefixed(at+"url", err))
	case isSRV(u) && u.Port() != "":
		errs = append(errs, fieldError(at+"url", "must not have a port, which SRV records bring (got %q)", d.URL))
	case !isSRV(u) && u.Scheme == "https":
		errs = append(errs, fieldError(at+"url",
			"must be http or h2c, as certificates are for names, not addresses (got %q); list it under servers", d.URL))
	}
	if d.Weight != 0 {
		if err := validateWeight(at+"weight", d.Weight); err != nil {
			errs = append(errs, err)
		}
	}
	if d.MaxConnections < 0 {
		errs = append(errs, fieldError(at+"max_connections", "must not be negative (got %d)", d.MaxConnections))
	}
	return errs
}

// isSRV reports whether a name is one of SRV records: _service._proto.name.
func isSRV(u *url.URL) bool { return strings.HasPrefix(u.Hostname(), "_") }

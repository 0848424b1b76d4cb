package upshift

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/internal/run"
)

// PoolConfig is a further pool of servers, beside that of the section itself, to which
// gateway.routes send requests.
type PoolConfig struct {
	// Name is what routes call it: 1 to 64 letters, digits, dots, dashes or underscores.
	Name string `conf:"name"`
	balancer.Config
}

// maxPools bounds load_balancer.pools.
const maxPools = 32

// validatePools names the faults of load_balancer.pools. Servers of all pools have ids of
// their own, since statistics know them by these.
func (c LoadBalancerConfig) validatePools() error {
	var errs []error
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("load_balancer.%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if len(c.Pools) > maxPools {
		fault("pools", "must be at most %d (got %d)", maxPools, len(c.Pools))
	}
	names, ids := map[string]bool{gateway.DefaultPool: true}, map[string]bool{}
	for _, s := range c.Servers {
		ids[s.ID] = true
	}
	for i, p := range c.Pools {
		key := fmt.Sprintf("pools[%d]", i)
		if p.Name == "" || len(p.Name) > 64 || strings.ContainsFunc(p.Name, isOdd) {
			fault(key+".name", "must be 1 to 64 letters, digits, dots, dashes or underscores (got %q)", p.Name)
		} else if names[p.Name] {
			fault(key+".name", "must not be there twice, nor be %q (got %q)", gateway.DefaultPool, p.Name)
		}
		names[p.Name] = true
		if err := p.Config.Validate(); err != nil {
			for line := range strings.Lines(err.Error()) {
				errs = append(errs, errors.New("load_balancer."+key+strings.TrimPrefix(strings.TrimSpace(line), "load_balancer")))
			}
		}
		for j, s := range p.Servers {
			if ids[s.ID] {
				fault(fmt.Sprintf("%s.servers[%d].id", key, j), "must differ from those of other pools (got %q)", s.ID)
			}
			ids[s.ID] = true
		}
	}
	return errors.Join(errs...)
}

func isOdd(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
}

// validateRoutes refuses routes to pools that are not configured.
func (c Config) validateRoutes() error {
	var errs []error
	for i, r := range c.Gateway.Routes {
		for _, name := range r.Pools {
			known := name == gateway.DefaultPool || slices.Contains(c.LoadBalancer.poolNames(), name)
			if !known || !c.LoadBalancer.Enabled {
				errs = append(errs, fmt.Errorf("gateway.routes[%d].pools: there is no pool %q in load_balancer.pools", i, name))
			}
		}
	}
	return errors.Join(errs...)
}

func (c LoadBalancerConfig) poolNames() []string {
	names := make([]string, 0, len(c.Pools))
	for _, p := range c.Pools {
		names = append(names, p.Name)
	}
	return names
}

// buildPools makes the further pools.
func (m *Manager) buildPools(cfg LoadBalancerConfig) error {
	m.Pools = map[string]*balancer.Pool{}
	for _, p := range cfg.Pools {
		pool, err := balancer.New(p.Config)
		if err != nil {
			return fmt.Errorf("load_balancer.pools: %s: %w", p.Name, err)
		}
		m.Pools[p.Name] = pool
	}
	return nil
}

// applyPools puts the configuration of the further pools in force; their names are the same.
func (m *Manager) applyPools(cfg LoadBalancerConfig) error {
	var errs []error
	for _, p := range cfg.Pools {
		errs = append(errs, m.Pools[p.Name].Apply(p.Config))
	}
	return errors.Join(errs...)
}

// poolTransports are the further pools as the gateway knows them.
func (m *Manager) poolTransports() map[string]http.RoundTripper {
	out := map[string]http.RoundTripper{}
	for name, p := range m.Pools {
		out[name] = p
	}
	return out
}

// poolParts are the lives of the further pools.
func (m *Manager) poolParts(cfg LoadBalancerConfig) []run.Part {
	var parts []run.Part
	for _, name := range cfg.poolNames() {
		parts = append(parts, run.Part{Name: "load_balancer_" + name, Run: m.Pools[name].Run})
	}
	return parts
}

// poolMetrics are the instruments of all pools. Those of a whole pool are of the first one only:
// they have no label to tell pools apart by.
type poolMetrics []*balancer.Pool

// Describe implements [prometheus.Collector].
func (ps poolMetrics) Describe(ch chan<- *prometheus.Desc) { ps[0].Describe(ch) }

// Collect implements [prometheus.Collector].
func (ps poolMetrics) Collect(ch chan<- prometheus.Metric) {
	ps[0].Collect(ch)
	for _, p := range ps[1:] {
		found := make(chan prometheus.Metric)
		go func() {
			defer close(found)
			p.Collect(found)
		}()
		for metric := range found {
			var out dto.Metric
			if metric.Write(&out) == nil && len(out.GetLabel()) > 0 {
				ch <- metric
			}
		}
	}
}

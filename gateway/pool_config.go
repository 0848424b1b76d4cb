package gateway

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sentientcore/upshift/gateway/llm"
)

// DefaultPool is the name of [Parts.Pool].
const DefaultPool = "default"

const (
	maxPoolRoutes = 256
	maxTiers      = 8
)

// PoolRoute says which pools serve some of the requests. Empty patterns fit all.
type PoolRoute struct {
	// Path fits the path of a request, as in path.Match; /** at its end stands for all below.
	Path string `conf:"path"`
	// Host fits its host, without the port; *. at its beginning stands for all below.
	Host string `conf:"host"`
	// Model fits the model that its body names, as in path.Match; a request that names none does
	// not fit. The body is read for it before it is passed on, up to 1 MiB.
	Model string `conf:"model"`
	// Pools are tried in this order: the next one when no server of the one before can take the
	// request. The name default stands for the servers of load_balancer.servers.
	Pools []string `conf:"pools"`
}

// fits reports whether a request is one of the route. Its model is only asked for where it counts.
func (r *PoolRoute) fits(host, target string, model func() string) bool {
	if r.Host != "" && !fitsHost(r.Host, host) || r.Path != "" && !fitsPath(r.Path, target) {
		return false
	}
	if r.Model == "" {
		return true
	}
	name := model()
	ok, _ := path.Match(r.Model, strings.ReplaceAll(name, "/", "∕")) // a name is no path
	return ok && name != ""
}

func fitsPath(pattern, target string) bool {
	if below, ok := strings.CutSuffix(pattern, "/**"); ok {
		return target == below || strings.HasPrefix(target, below+"/")
	}
	ok, _ := path.Match(pattern, target)
	return ok
}

func fitsHost(pattern, host string) bool {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	if below, ok := strings.CutPrefix(pattern, "*."); ok {
		return len(host) > len(below) && strings.EqualFold(host[len(host)-len(below)-1:], "."+below)
	}
	return strings.EqualFold(pattern, host)
}

func validateRoutes(routes []PoolRoute) error {
	var errs []error
	if len(routes) > maxPoolRoutes {
		errs = append(errs, fmt.Errorf("gateway.routes: must be at most %d (got %d)", maxPoolRoutes, len(routes)))
	}
	for i, r := range routes {
		fault := func(key, format string, args ...any) {
			errs = append(errs, fmt.Errorf("gateway.routes[%d].%s: %s", i, key, fmt.Sprintf(format, args...)))
		}
		if _, err := path.Match(r.Path, ""); err != nil || r.Path != "" && !strings.HasPrefix(r.Path, "/") {
			fault("path", "must be a path such as /v1/chat/completions, /v1/* or /v1/** (got %q)", r.Path)
		}
		if strings.ContainsAny(strings.TrimPrefix(r.Host, "*."), "*/: ") {
			fault("host", "must be a host without a port, such as api.example.com or *.example.com (got %q)", r.Host)
		}
		if _, err := path.Match(r.Model, ""); err != nil {
			fault("model", "must be a pattern such as gpt-* (got %q)", r.Model)
		}
		if len(r.Pools) == 0 || len(r.Pools) > maxTiers || slices.Contains(r.Pools, "") {
			fault("pools", "must name 1 to %d pools (got %q)", maxTiers, r.Pools)
		}
	}
	return errors.Join(errs...)
}

// knownPools refuses routes to pools that are not there.
func (g *Gateway) knownPools(routes []PoolRoute) error {
	var errs []error
	for i, r := range routes {
		for _, name := range r.Pools {
			if g.pools[name] == nil {
				errs = append(errs, fmt.Errorf("gateway.routes[%d].pools: there is no pool %q; known are %s",
					i, name, strings.Join(g.poolNames, ", ")))
			}
		}
	}
	return errors.Join(errs...)
}

// needsModel reports whether the model of a request is looked at.
func needsModel(x *exchange, routes []PoolRoute) bool {
	return x.model != nil && x.model.api != llm.Models && slices.ContainsFunc(routes, func(r PoolRoute) bool { return r.Model != "" })
}

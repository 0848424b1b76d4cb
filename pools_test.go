package upshift_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/gateway"
)

func withPools(cfg upshift.Config, own, cloud string) upshift.Config {
	pool := func(name, url string) upshift.PoolConfig {
		return upshift.PoolConfig{Name: name, Config: balancer.Config{
			HealthCheckPath: balancer.NoHealthCheck, MaxRetries: 1, Servers: []balancer.ServerConfig{{ID: name + "-1", URL: url}},
		}}
	}
	cfg.LoadBalancer.Pools = []upshift.PoolConfig{pool("own", own), pool("cloud", cloud)}
	cfg.Gateway.Routes = []gateway.PoolRoute{{Path: "/v1/**", Pools: []string{"own", "cloud"}}}
	return cfg
}

func TestPools(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + ln.Addr().String()
	ln.Close()
	cfg := withPools(testConfig(t, backend(t, "default")), dead, backend(t, "cloud"))
	m := start(t, cfg, upshift.Collaborators{})
	for path, want := range map[string]string{"/else": "default", "/v1/x": "cloud"} {
		if status, body := get(t, "http://"+m.GatewayAddr()+path); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want %q", path, status, body, want)
		}
	}
	_, exposition := get(t, "http://"+m.APIAddr()+"/metrics")
	for _, line := range []string{
		`upshift_balancer_requests_total{server="cloud-1"} 1`, `upshift_balancer_requests_total{server="own-1"} 1`,
		`upshift_gateway_pool_overflows_total{pool="own"} 1`, `upshift_gateway_pool_requests_total{pool="default"} 1`,
	} {
		if !strings.Contains(exposition, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	_, stats := get(t, "http://"+m.APIAddr()+"/api/performance/load-balancer/stats")
	if !strings.Contains(stats, `"pools":{"cloud":{"enabled":true`) || !strings.Contains(stats, `"own-1"`) {
		t.Errorf("statistics: %s", stats)
	}

	if err := m.Apply(withPools(cfg, backend(t, "own"), backend(t, "cloud"))); err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, "http://"+m.GatewayAddr()+"/v1/x"); body != "own" {
		t.Errorf("after the reload: %q", body)
	}
	cfg.LoadBalancer.Pools = cfg.LoadBalancer.Pools[:1]
	cfg.Gateway.Routes[0].Pools = []string{"own"}
	if err := m.Apply(cfg); err == nil || !strings.Contains(err.Error(), "load_balancer.pools: cannot change while running") {
		t.Errorf("a pool that left: %v", err)
	}
}

func TestPoolsThatAreRefused(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, backend(t, "x"))
	cfg.LoadBalancer.Pools = []upshift.PoolConfig{
		{Name: "default"},
		{Name: "a b", Config: balancer.Config{Strategy: "fastest", Servers: []balancer.ServerConfig{{ID: "s", URL: "nowhere"}}}},
		{Name: "c", Config: balancer.Config{Servers: []balancer.ServerConfig{{ID: "s", URL: "http://127.0.0.1:1"}}}},
	}
	cfg.Gateway.Routes = []gateway.PoolRoute{{Pools: []string{"d"}}}
	err := cfg.Validate()
	for _, want := range []string{
		"load_balancer.pools[0].name: ", "load_balancer.pools[1].name: ", "load_balancer.pools[1].strategy: ",
		"load_balancer.pools[1].servers[0].url: ", "load_balancer.pools[2].servers[0].id: ", `gateway.routes[0].pools: there is no pool "d"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

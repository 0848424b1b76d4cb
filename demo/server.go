package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/internal/conf"
)

// settings are the configuration of the demo's server, in the form of --set: short
// intervals, so that something is to be seen within a minute.
func settings(dataDir, databaseURL string, servers []string) []string {
	sets := []string{
		"data_dir=" + dataDir,
		"load_balancer.health_check_interval=2s",
		"load_balancer.ejection_time=5s",
		"load_balancer.slow_start=5s",
		"metrics.collection_interval=10s",
	}
	if len(servers) > 0 {
		sets = append(sets, "load_balancer.servers="+strings.Join(servers, ","))
	}
	if databaseURL != "" {
		sets = append(sets, "database.url="+databaseURL)
	}
	return sets
}

// loader returns what reads the configuration of sets.
func loader(sets []string) func() (upshift.Config, []api.Setting, error) {
	return func() (upshift.Config, []api.Setting, error) {
		cfg, report, err := upshift.Load(conf.Sources{Sets: sets})
		if err != nil {
			return upshift.Config{}, nil, err
		}
		shown := make([]api.Setting, len(report.Settings))
		for i, s := range report.Settings {
			shown[i] = api.Setting(s)
		}
		return cfg, shown, nil
	}
}

// freeAddresses replaces the default addresses by free ones where another program has
// them. It tells which.
func freeAddresses(ctx context.Context) (sets, taken []string, err error) {
	for _, a := range []struct{ key, address string }{
		{"gateway.listen", gateway.DefaultListen}, {"api.listen", api.DefaultListen},
	} {
		busy, err := inUse(ctx, a.address)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", a.key, err)
		}
		if busy {
			sets, taken = append(sets, a.key+"=127.0.0.1:0"), append(taken, a.address)
		}
	}
	return sets, taken, nil
}

func inUse(ctx context.Context, address string) (bool, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, ln.Close()
}

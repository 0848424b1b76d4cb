package upshift_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/balancer"
)

// run is the shortest program that runs all of upshift, as the README shows it.
func run(ctx context.Context) error {
	cfg := upshift.DefaultConfig()
	cfg.LoadBalancer.Servers = []balancer.ServerConfig{{ID: "llm-1", URL: "http://127.0.0.1:9001"}}
	m, err := upshift.New(cfg, upshift.Collaborators{Logger: slog.Default()})
	if err != nil {
		return err
	}
	return m.Run(ctx)
}

// Run everything until the context ends, as main would with signal.NotifyContext.
func ExampleManager_Run() {
	_ = run // needs the ports 8080 and 8090
}

// Start on free ports, ask through the gateway, and look at what every part knows.
func Example() {
	dir, err := os.MkdirTemp("", "upshift")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	cfg := upshift.DefaultConfig()
	cfg.DataDir = dir
	cfg.Gateway.Listen, cfg.API.Listen = "127.0.0.1:0", "127.0.0.1:0"
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := m.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	resp, err := http.Get("http://" + m.GatewayAddr() + "/v1/models")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	s := m.Status()
	fmt.Println(resp.StatusCode, s.Gateway.Requests, s.Balancer.TotalServers) // there is no server yet
	fmt.Println(m.Shutdown(ctx))
	// Output:
	// 503 1 0
	// <nil>
}

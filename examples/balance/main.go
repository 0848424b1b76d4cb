// Command balance spreads the calls of an ordinary http.Client over two servers, takes one
// out for an upgrade, and puts it back, while calls go on.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/sentientcore/upshift/balancer"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	left, right := server("left"), server("right")
	defer left.Close()
	defer right.Close()
	pool, err := balancer.New(balancer.Config{
		Strategy:        balancer.RoundRobin,
		HealthCheckPath: balancer.NoHealthCheck, // needs pool.Run, which this program leaves out
		Servers:         []balancer.ServerConfig{{ID: "left", URL: left.URL}, {ID: "right", URL: right.URL}},
	})
	if err != nil {
		return err
	}
	defer pool.CloseIdleConnections()
	client := &http.Client{Transport: pool}

	if err := call(ctx, client, 10); err != nil {
		return err
	}
	fmt.Fprintln(out, "both in service:", pool.Stats().Distribution)

	if err := pool.Drain(ctx, "left"); err != nil { // returns when its last call ended
		return err
	}
	if err := call(ctx, client, 10); err != nil {
		return err
	}
	fmt.Fprintln(out, "left is drained:", pool.Stats().Distribution)

	back := balancer.StatusHealthy
	if err := pool.Update("left", balancer.ServerPatch{Status: &back}); err != nil {
		return err
	}
	fmt.Fprintln(out, "healthy servers:", pool.Stats().HealthyServers)
	return nil
}

// call asks n times. The host in the URL is not looked up: the pool replaces it.
func call(ctx context.Context, client *http.Client, n int) error {
	for range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://pool.example/work", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
	}
	return nil
}

func server(name string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name) }))
}

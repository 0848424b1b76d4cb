package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

const (
	reloadRate   = 1000 // requests a second
	reloadLength = 20 * time.Second
	reloadEvery  = 200 * time.Millisecond
)

// measureReload changes servers, weights, strategy and limits by reloads of the file, under load.
func measureReload(ctx context.Context, r *rig) error {
	addrs := make([]string, 3)
	for i := range addrs {
		b, err := r.backend(ctx)
		if err != nil {
			return err
		}
		addrs[i] = b.Addr
	}
	file := filepath.Join(r.dir, "upshift.yaml")
	if err := os.WriteFile(file, reloadConfig(addrs, 0), 0o600); err != nil {
		return err
	}
	s, err := r.newSetup(ctx, []string{"serve", "--config", file}, "cache.enabled=false")
	if err != nil {
		return err
	}
	p, err := r.launch(s)
	if err != nil {
		return err
	}
	if err := p.ready(ctx); err != nil {
		return err
	}
	arrivals := load.Poisson(r.seed, reloadRate, r.length(reloadLength), func(*rand.Rand) string { return "/item?us=2000" })
	done, cancel := context.WithCancel(ctx)
	reloads := make(chan reloaded, 1)
	go func() { reloads <- p.reload(done, file, addrs) }()
	out, err := load.Open(ctx, load.Target{Name: "upshift", Addr: p.gateway}, arrivals)
	cancel()
	got := <-reloads
	if err := errors.Join(err, got.err); err != nil {
		return err
	}
	note := fmt.Sprintf("%d requests at %d/s, %d reloads", out.Sent, reloadRate, got.n)
	if out.FirstError != nil {
		note += "; " + out.FirstError.Error()
	}
	r.add(Row{Bar: "reload: requests that failed", Figure: float64(out.Failed), Most: most(0), Note: note})
	r.add(Row{Bar: "reload: reloads refused", Figure: float64(got.refused), Most: most(0)})
	return nil
}

// reloaded is what became of reloads.
type reloaded struct {
	n, refused int
	err        error
}

// reload writes the file anew and has it read, again and again until ctx ends.
func (p *product) reload(ctx context.Context, file string, addrs []string) (got reloaded) {
	for {
		if p.Pause(ctx, reloadEvery) != nil {
			return got
		}
		got.n++
		if got.err = os.WriteFile(file, reloadConfig(addrs, got.n), 0o600); got.err != nil {
			return got
		}
		if _, err := p.call(ctx, http.MethodPost, base+"/config/reload", nil); err != nil && ctx.Err() == nil {
			got.refused++
		}
	}
}

// reloadConfig is the n-th configuration: each differs in servers, weights, strategy and limits.
func reloadConfig(addrs []string, n int) []byte {
	strategies := []string{"adaptive", "least_connections", "round_robin", "least_response_time", "weighted_round_robin"}
	var b strings.Builder
	fmt.Fprintf(&b, "load_balancer:\n  strategy: %s\n  max_retries: %d\n  drain_timeout: %ds\n  servers:\n",
		strategies[n%len(strategies)], 2+n%3, 5+n%4)
	for i, addr := range addrs {
		if i == n%(len(addrs)+1) {
			continue // it leaves, and comes back with the next
		}
		fmt.Fprintf(&b, "    - {id: s%d, url: 'http://%s', weight: %d}\n", i, addr, 1+(n+i)%4)
	}
	fmt.Fprintf(&b, "gateway:\n  max_body_bytes: %d\n", 1<<20+n)
	return []byte(b.String())
}

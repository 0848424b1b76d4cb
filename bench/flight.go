package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentientcore/upshift/bench/node"
	"github.com/sentientcore/upshift/bench/proc"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/redistest"
)

const (
	flightNodes   = 8
	flightCallers = 1000
	flightLoad    = 2 * time.Second
)

// redis starts a server for a measurement.
func (r *rig) redis(ctx context.Context) (*redistest.Server, error) {
	return redistest.StartServer(ctx)
}

// nodes starts processes over a server: of kind cache, the product, or tracking, the rival.
func (r *rig) nodes(ctx context.Context, kind string, n int, url string) ([]*proc.Process, error) {
	var all []*proc.Process
	for i := range n {
		p, err := r.Start(proc.Command{Name: fmt.Sprintf("%s node %d", kind, i), Path: r.self, Args: []string{roleArg, kind, url}})
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		if _, err := p.Line(ctx, "ready"); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// answer waits for a line of a node with figures.
func answer[T any](ctx context.Context, p *proc.Process, begins string) (T, error) {
	var v T
	line, err := p.Line(ctx, begins)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(line), &v)
}

// measureFlight has crowds in several processes ask for a cold key.
func measureFlight(ctx context.Context, r *rig) error {
	server, err := r.redis(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }() // it writes nothing for keeps
	nodes, err := r.nodes(ctx, "cache", flightNodes, server.URL())
	if err != nil {
		return err
	}
	for round := range r.times(r.rounds) {
		r.progress("round %d", round+1)
		if err := r.flight(ctx, nodes, fmt.Sprintf("cold%d", round), ""); err != nil {
			return err
		}
		if err := r.flight(ctx, nodes, fmt.Sprintf("cancelled%d", round), "cancelled"); err != nil {
			return err
		}
	}
	return r.flight(ctx, nodes, "killed", "killed")
}

// flight is one crowd of all nodes, of which the one that loads may meet with something half way.
func (r *rig) flight(ctx context.Context, nodes []*proc.Process, key, leader string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, p := range nodes {
		if err := p.Tell(fmt.Sprintf("ask %s %d %d", key, flightCallers, flightLoad.Milliseconds())); err != nil {
			return err
		}
	}
	first, err := loader(ctx, nodes, key)
	if err != nil {
		return err
	}
	if leader != "" {
		if err := first.Pause(ctx, flightLoad/2); err != nil {
			return err
		}
	}
	gone := time.Now()
	loads, longest := int64(0), time.Duration(0)
	switch leader {
	case "cancelled":
		if err := first.Tell("cancel " + key); err != nil {
			return err
		}
	case "killed":
		first.Kill()
		nodes = slices.DeleteFunc(slices.Clone(nodes), func(p *proc.Process) bool { return p == first })
		loads++ // the one that it had begun
	}
	errs := int64(0)
	for _, p := range nodes {
		got, err := answer[node.Asked](ctx, p, "asked "+key+" ")
		if err != nil {
			return err
		}
		loads, longest = loads+got.Loads, max(longest, got.Longest)
		if p != first || leader == "" {
			errs += got.Errors
		}
	}
	r.rows(leader, loads, errs, longest, time.Since(gone))
	return nil
}

// loader waits for the node that loads a key.
func loader(ctx context.Context, nodes []*proc.Process, key string) (*proc.Process, error) {
	for {
		for _, p := range nodes {
			if strings.Contains(p.Output(), "loading "+key+"\n") {
				return p, nil
			}
		}
		if err := nodes[0].Pause(ctx, time.Millisecond); err != nil {
			return nil, fmt.Errorf("wait for a load: %w", err)
		}
	}
}

// rows reports a crowd.
func (r *rig) rows(leader string, loads, errs int64, longest, since time.Duration) {
	crowd := fmt.Sprintf("flight: %d × %d callers, %v load", flightNodes, flightCallers, flightLoad)
	switch leader {
	case "":
		r.add(Row{Bar: crowd + ": loads", Figure: float64(loads), Most: most(1), Note: fmt.Sprintf("longest wait %v, %d errors", longest, errs)})
	case "cancelled":
		r.add(Row{Bar: crowd + ", leader cancelled: errors", Figure: float64(errs), Most: most(0), Note: fmt.Sprintf("%d loads", loads)})
	case "killed":
		r.add(Row{Bar: crowd + ", leader killed: loads", Figure: float64(loads), Most: most(2), Note: fmt.Sprintf("%d errors", errs)})
		r.add(Row{
			Bar: "flight: longest wait after the kill", Figure: since.Seconds(), Unit: "s", Most: most((flightLoad + cache.LeaseTTL).Seconds()),
			Note: fmt.Sprintf("load and one lease; %.2f s since it asked", longest.Seconds()),
		})
	}
}

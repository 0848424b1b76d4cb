package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/sim"
)

// The world of the balancer's bars: 16 servers of 1× to 4× speed with four slots each,
// lognormal work of 100 ms on the slowest, callers who give up after 5 s.
const (
	simSlots    = 4
	simMeanWork = 0.1
)

func simWorld() sim.World {
	w := sim.World{Timeout: 5 * time.Second, WarmUp: 10 * time.Second}
	for i := range 16 {
		w.Servers = append(w.Servers, sim.Server{Speed: float64(1 + i/4), Slots: simSlots})
	}
	return w
}

// simRow is the means of some seeds.
type simRow struct{ p99, first, success float64 }

// placing makes a policy of a seed for a world.
type placing func(w sim.World, seed uint64) (sim.Policy, error)

func pooled(cfg balancer.Config, trueWeights bool) placing {
	return func(w sim.World, seed uint64) (sim.Policy, error) {
		weights := make([]float64, len(w.Servers))
		for i, s := range w.Servers {
			weights[i] = 1
			if trueWeights {
				weights[i] = s.Speed
			}
		}
		return sim.NewPool(cfg, seed, weights...)
	}
}

func eightPools(w sim.World, seed uint64) (sim.Policy, error) {
	var all []sim.Policy
	for i := range uint64(8) {
		p, err := pooled(balancer.Config{}, false)(w, 8*seed+i)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return sim.Gateways(all...), nil
}

// play runs the world once for each seed; source makes the calls of one.
func (r *rig) play(ctx context.Context, w sim.World, source func(seed uint64) sim.Source, policyOf placing) (row simRow, err error) {
	n := float64(r.rounds)
	for i := range uint64(r.rounds) {
		if err := ctx.Err(); err != nil {
			return row, err
		}
		seed := r.seed*1000 + i
		p, err := policyOf(w, seed)
		if err != nil {
			return row, err
		}
		out := w.Run(source(seed), p)
		row.p99 += 1e3 * out.Quantile(0.99) / n
		row.first += 1e3 * out.FirstQuantile(0.99) / n
		row.success += 100 * out.Success() / n
	}
	return row, nil
}

// work is lognormal traffic at a share of the capacity.
func (r *rig) work(w sim.World, load float64) func(seed uint64) sim.Source {
	capacity := 0.0
	for _, s := range w.Servers {
		capacity += s.Speed * simSlots
	}
	return func(seed uint64) sim.Source {
		return sim.Lognormal{
			Seed: seed, Length: r.length(70 * time.Second), PerSecond: load * capacity / simMeanWork,
			Mean: simMeanWork, Sigma: 1, HintSigma: 0.5,
		}.Trace().Source()
	}
}

// measureSimulation plays the balancer's strategies and its rivals in virtual time.
func measureSimulation(ctx context.Context, r *rig) error {
	for _, step := range []func(context.Context) error{
		r.simulateLoads, r.simulateTable, r.simulateFaults, r.simulateSessions,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) simulateLoads(ctx context.Context) error {
	w := simWorld()
	oracle := func(w sim.World, seed uint64) (sim.Policy, error) { return sim.NewOracle(w, seed), nil }
	rival := func(w sim.World, seed uint64) (sim.Policy, error) { return sim.NewLeastTime(len(w.Servers), seed), nil }
	for _, c := range []struct{ load, bound float64 }{{0.6, 1.15}, {0.75, 1.15}, {0.9, 1.25}} {
		var got [4]simRow
		for i, p := range []placing{pooled(balancer.Config{}, false), oracle, rival, eightPools} {
			var err error
			if got[i], err = r.play(ctx, w, r.work(w, c.load), p); err != nil {
				return err
			}
		}
		at := fmt.Sprintf("sim load %.2f ", c.load)
		r.add(Row{Bar: at + "adaptive p99 / oracle", Figure: got[0].p99 / got[1].p99, Unit: "×", Most: most(c.bound)})
		r.add(Row{
			Bar: at + "adaptive p99 / EWMA×in-flight", Figure: got[0].p99 / got[2].p99, Unit: "×", Most: most(0.85),
			Note: fmt.Sprintf("%.0f of %.0f ms", got[0].p99, got[2].p99),
		})
		eight := Row{Bar: at + "8 gateways p99 / one", Figure: got[3].p99 / got[0].p99, Unit: "×"}
		if c.load == 0.75 {
			eight.Most = most(1.15)
		}
		r.add(eight)
	}
	return nil
}

// simulateTable holds the other strategies against what was measured when they were chosen.
func (r *rig) simulateTable(ctx context.Context) error {
	w := simWorld()
	for _, c := range []struct {
		name  string
		cfg   balancer.Config
		told  bool
		bound float64
	}{
		{"weighted_round_robin, true weights", balancer.Config{Strategy: balancer.WeightedRoundRobin}, true, 379},
		{"least_connections", balancer.Config{Strategy: balancer.LeastConnections}, false, 298},
		{"least_connections, true weights", balancer.Config{Strategy: balancer.LeastConnections}, true, 233},
		{"least_response_time", balancer.Config{Strategy: balancer.LeastResponseTime}, false, 237},
		{"resource_based, no reports", balancer.Config{Strategy: balancer.ResourceBased}, false, 298},
	} {
		got, err := r.play(ctx, w, r.work(w, 0.75), pooled(c.cfg, c.told))
		if err != nil {
			return err
		}
		r.add(Row{Bar: "sim load 0.75 " + c.name, Figure: got.p99, Unit: "ms", Most: most(1.03 * c.bound), Note: fmt.Sprintf("table %.0f ms, 3 %% for the seeds", c.bound)})
	}
	got, err := r.play(ctx, w, r.work(w, 0.75), pooled(balancer.Config{Strategy: balancer.RoundRobin}, false))
	r.add(Row{Bar: "sim load 0.75 round_robin success", Figure: got.success, Unit: "%", Least: least(89.9)})
	return err
}

func (r *rig) simulateFaults(ctx context.Context) error {
	w := simWorld()
	w.Faults = []sim.Fault{{Server: 15, To: time.Hour, Fail: 0.3}}
	alone, err := r.play(ctx, w, r.work(w, 0.75), pooled(balancer.Config{ConsecutiveFailures: 1 << 30}, false))
	if err != nil {
		return err
	}
	r.add(Row{Bar: "sim fastest fails 30 %: success, no retry", Figure: alone.success, Unit: "%", Least: least(99.5)})
	w.Attempts = 3
	retried, err := r.play(ctx, w, r.work(w, 0.75), pooled(balancer.Config{}, false))
	if err != nil {
		return err
	}
	r.add(Row{Bar: "sim fastest fails 30 %: success with retry", Figure: retried.success, Unit: "%", Least: least(99.99)})

	const s = time.Second
	w = simWorld()
	w.Faults = []sim.Fault{{Server: 8, From: 15 * s, To: 30 * s, Slow: 10}}
	slow, healed := 0.0, 100.0
	for i := range uint64(r.rounds) {
		seed := r.seed*1000 + i
		p, err := pooled(balancer.Config{}, false)(w, seed)
		if err != nil {
			return err
		}
		long := *r
		long.quick = false // the times of the fault are fixed
		out := w.Run(long.work(w, 0.75)(seed), p)
		slow = max(slow, 100*out.Share(8, 17*s, 30*s))
		healed = min(healed, 100*out.Share(8, 40*s, 60*s)/max(out.Share(8, 5*s, 15*s), 1e-9))
	}
	r.add(Row{Bar: "sim 10× slower: most of traffic from 2 s on", Figure: slow, Unit: "%", Most: most(1)})
	r.add(Row{Bar: "sim healed: least of former traffic from 10 s on", Figure: healed, Unit: "%", Least: least(70)})
	return nil
}

// simulateSessions plays conversations with 12 unequal replicas of a language model.
func (r *rig) simulateSessions(ctx context.Context) error {
	w := sim.World{Timeout: time.Minute, WarmUp: 10 * time.Second}
	for i := range 12 {
		w.Servers = append(w.Servers, sim.Server{Speed: float64(1 + i/3), Batch: 48, Memory: 160_000})
	}
	rival := func(w sim.World, seed uint64) (sim.Policy, error) { return sim.NewLoadAware(len(w.Servers), seed), nil }
	for _, c := range []struct{ perSecond, bound float64 }{
		{10, 0.75}, {20, 0.75}, {30, 0.75}, {40, 0.75}, {50, 1.05}, {60, 1.05}, {75, 1.05}, {90, 1.05},
	} {
		source := func(seed uint64) sim.Source {
			return sim.Sessions{Seed: seed, Length: r.length(90 * time.Second), PerSecond: c.perSecond}.Source()
		}
		got, err := r.play(ctx, w, source, pooled(balancer.Config{}, false))
		if err != nil {
			return err
		}
		than, err := r.play(ctx, w, source, rival)
		if err != nil {
			return err
		}
		at := fmt.Sprintf("sim %.0f conversations/s ", c.perSecond)
		r.add(Row{
			Bar: at + "first token p99", Figure: got.first / than.first, Unit: "×", Most: most(c.bound),
			Note: fmt.Sprintf("%.0f ms, load-aware prefix rule %.0f", got.first, than.first),
		})
		r.add(Row{
			Bar: at + "end p99", Figure: got.p99 / than.p99, Unit: "×", Most: most(c.bound),
			Note: fmt.Sprintf("%.0f ms, load-aware prefix rule %.0f", got.p99, than.p99),
		})
	}
	return nil
}

package sim_test

import (
	"testing"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/sim"
)

// The setting of the table in docs/adr/0008: 16 servers of 1× to 4× speed with four slots
// each, lognormal work of 100 ms on the slowest, callers who give up after 5 s.
const (
	slots    = 4
	meanWork = 0.1
	giveUp   = 5 * time.Second
	length   = 50 * time.Second
)

func unequal() sim.World {
	w := sim.World{Timeout: giveUp, WarmUp: 10 * time.Second}
	for i := range 16 {
		w.Servers = append(w.Servers, sim.Server{Speed: float64(1 + i/4), Slots: slots})
	}
	return w
}

// traffic is work for a share of the capacity.
func traffic(w sim.World, load float64, length time.Duration, seed uint64) sim.Source {
	capacity := 0.0
	for _, s := range w.Servers {
		capacity += s.Speed * slots
	}
	return sim.Lognormal{
		Seed: seed, Length: length, PerSecond: load * capacity / meanWork, Mean: meanWork, Sigma: 1, HintSigma: 0.5,
	}.Trace().Source()
}

// pool returns the strategy itself, told nothing of the servers, or their true speeds.
func pool(tb testing.TB, w sim.World, cfg balancer.Config, trueWeights bool, seed uint64) sim.Policy {
	tb.Helper()
	weights := make([]float64, len(w.Servers))
	for i, s := range w.Servers {
		weights[i] = 1
		if trueWeights {
			weights[i] = s.Speed
		}
	}
	p, err := sim.NewPool(cfg, seed, weights...)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// maker makes a policy for a world.
type maker func(tb testing.TB, w sim.World, seed uint64) sim.Policy

func named(strategy string, trueWeights bool) maker {
	return func(tb testing.TB, w sim.World, seed uint64) sim.Policy {
		tb.Helper()
		return pool(tb, w, balancer.Config{Strategy: strategy}, trueWeights, seed)
	}
}

func oracle(_ testing.TB, w sim.World, seed uint64) sim.Policy { return sim.NewOracle(w, seed) }

func leastTime(_ testing.TB, w sim.World, seed uint64) sim.Policy {
	return sim.NewLeastTime(len(w.Servers), seed)
}

func eightGateways(tb testing.TB, w sim.World, seed uint64) sim.Policy {
	tb.Helper()
	var all []sim.Policy
	for i := range uint64(8) {
		all = append(all, pool(tb, w, balancer.Config{}, false, 8*seed+i))
	}
	return sim.Gateways(all...)
}

// play returns the mean p99 in milliseconds and the lowest success in percent of some seeds.
func play(t *testing.T, w sim.World, load float64, seeds uint64, policy maker) (p99, success float64) {
	t.Helper()
	if underRace {
		t.Skip("one goroutine: nothing to race")
	}
	success = 100
	for seed := range seeds {
		r := w.Run(traffic(w, load, length, seed), policy(t, w, seed))
		p99 += 1e3 * r.Quantile(0.99) / float64(seeds)
		success = min(success, 100*r.Success())
	}
	return p99, success
}

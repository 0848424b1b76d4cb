package sim_test

import (
	"testing"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/sim"
)

// No strategy is worse than what was measured when it was chosen, nor does it herd.
func TestStrategiesKeepTheTable(t *testing.T) {
	t.Parallel()
	table := []struct {
		name        string
		policy      maker
		calm, laden float64 // p99 in ms at 75 % and 90 % load
	}{
		{"weighted_round_robin, true weights", named(balancer.WeightedRoundRobin, true), 379, 711},
		{"least_connections", named(balancer.LeastConnections, false), 310, 330},
		{"least_connections, true weights", named(balancer.LeastConnections, true), 240, 270},
		{"least_response_time", named(balancer.LeastResponseTime, false), 240, 280},
		{"resource_based without reports", named(balancer.ResourceBased, false), 310, 330},
		{"adaptive", named(balancer.Adaptive, false), 200, 225},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			calm, ok := play(t, unequal(), 0.75, 1, row.policy)
			laden, ok2 := play(t, unequal(), 0.9, 1, row.policy)
			t.Logf("p99 %.0f ms at 75 %%, %.0f ms at 90 %%", calm, laden)
			if calm > row.calm || laden > row.laden {
				t.Errorf("p99 %.0f and %.0f ms, want at most %.0f and %.0f", calm, laden, row.calm, row.laden)
			}
			if min(ok, ok2) < 99.9 {
				t.Errorf("success %.2f %%: it herds", min(ok, ok2))
			}
		})
	}
}

func TestAdaptiveIsNearTheOracle(t *testing.T) {
	t.Parallel()
	for load, bound := range map[float64]float64{0.75: 1.15, 0.9: 1.25} {
		best, _ := play(t, unequal(), load, 2, oracle)
		rival, _ := play(t, unequal(), load, 2, leastTime)
		got, _ := play(t, unequal(), load, 2, named(balancer.Adaptive, false))
		t.Logf("load %v: p99 %.0f ms: %.2f × the oracle's, %.2f × that of latency × in-flight", load, got, got/best, got/rival)
		if got > bound*best || got > 0.85*rival {
			t.Errorf("load %v: p99 %.0f ms, want %v × %.0f and 0.85 × %.0f at most", load, got, bound, best, rival)
		}
	}
}

// Gateways that do not know each other, and so only an eighth of what is under way.
func TestEightGateways(t *testing.T) {
	t.Parallel()
	one, _ := play(t, unequal(), 0.75, 2, named(balancer.Adaptive, false))
	eight, _ := play(t, unequal(), 0.75, 2, eightGateways)
	t.Logf("p99 %.0f ms, of one gateway %.0f", eight, one)
	if eight > 1.25*one {
		t.Errorf("p99 %.0f ms, want at most 1.25 × %.0f", eight, one)
	}
}

// The fastest server fails 30 % of its calls at once.
func TestSinkhole(t *testing.T) {
	t.Parallel()
	w := unequal()
	w.Faults = []sim.Fault{{Server: 15, To: time.Hour, Fail: 0.3}}
	alone := balancer.Config{ConsecutiveFailures: 1 << 30} // no ejection helps
	if _, ok := play(t, w, 0.75, 2, func(tb testing.TB, w sim.World, seed uint64) sim.Policy {
		tb.Helper()
		return pool(tb, w, alone, false, seed)
	}); ok < 99.5 {
		t.Errorf("success %.2f %% without retry and ejection, want 99.5 %%", ok)
	}
	w.Attempts = 3
	if _, ok := play(t, w, 0.75, 2, named(balancer.Adaptive, false)); ok < 99.99 {
		t.Errorf("success %.3f %% with retry, want 99.99 %%", ok)
	}
}

// A server becomes ten times slower at 15 s and heals at 25 s.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	const s = time.Second
	if underRace {
		t.Skip("one goroutine: nothing to race")
	}
	for seed := range uint64(2) {
		for _, slow := range []int{8, 15} {
			w := unequal()
			w.Faults = []sim.Fault{{Server: slow, From: 15 * s, To: 25 * s, Slow: 10}}
			r := w.Run(traffic(w, 0.75, 45*s, seed), pool(t, w, balancer.Config{}, false, seed))
			before, during, after := r.Share(slow, 5*s, 15*s), r.Share(slow, 17*s, 25*s), r.Share(slow, 35*s, 45*s)
			if during > 0.01 {
				t.Errorf("seed %d: server %d, slow, got %.2f %% of the calls from 2 s on, want 1 %% at most", seed, slow, 100*during)
			}
			if after < 0.7*before {
				t.Errorf("seed %d: server %d, healed, got %.2f %% from 10 s on, before %.2f %%", seed, slow, 100*after, 100*before)
			}
		}
	}
}

// Of equal servers none is starved.
func TestFairness(t *testing.T) {
	t.Parallel()
	for _, name := range balancer.Strategies() {
		w := unequal()
		for i := range w.Servers {
			w.Servers[i].Speed = 2
		}
		r := w.Run(traffic(w, 0.3, length, 3), pool(t, w, balancer.Config{Strategy: name}, false, 3))
		for i := range w.Servers {
			if got := r.Share(i, 0, length) * 16; got < 0.5 || got > 2 {
				t.Errorf("%s: server %d got %.2f × its fair share", name, i, got)
			}
		}
	}
}

// The same seed plays the same.
func TestRunIsRepeatable(t *testing.T) {
	t.Parallel()
	w := unequal()
	w.Attempts = 2
	w.Faults = []sim.Fault{{Server: 3, From: 3 * time.Second, To: 9 * time.Second, Slow: 4, Fail: 0.2}}
	var first float64
	for i := range 2 {
		r := w.Run(traffic(w, 0.8, 15*time.Second, 9), pool(t, w, balancer.Config{}, false, 9))
		if got := r.Quantile(0.99); i == 0 {
			first = got
		} else if got != first {
			t.Errorf("p99 %v, then %v", first, got)
		}
	}
}

// One server, calls far apart: nothing waits, so each takes its work over the speed.
func TestQueueKeepsTime(t *testing.T) {
	t.Parallel()
	var calls sim.Trace
	for i := range 8 {
		calls = append(calls, sim.Call{At: time.Duration(i) * time.Second, Work: 0.5})
	}
	for range 3 { // and three at once in two slots: the last waits for the first
		calls = append(calls, sim.Call{At: 10 * time.Second, Work: 1})
	}
	w := sim.World{Servers: []sim.Server{{Speed: 2, Slots: 2}}}
	r := w.Run(calls.Source(), sim.NewLeastOutstanding(1, 1))
	if r.Quantile(0) != 0.25 || r.Quantile(0.99) != 1 || r.Calls != 11 || r.Success() != 1 {
		t.Errorf("shortest %v s, longest %v s, %d calls", r.Quantile(0), r.Quantile(0.99), r.Calls)
	}
}

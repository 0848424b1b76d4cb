package replay_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/replay"
	"github.com/sentientcore/upshift/balancer/sim"
)

// truth is a world that makes logs.
type truth struct {
	sim.World
	weights []float64
	load    float64
	sigma   float64
	noise   float64
	calls   int
}

// someTruth returns a world that no strategy was tuned for.
func someTruth(seed uint64) truth {
	rnd := rand.New(rand.NewPCG(seed, 1))
	t := truth{load: 0.55 + 0.3*rnd.Float64(), sigma: 0.7 + 0.6*rnd.Float64(), noise: 0.3 + 0.4*rnd.Float64(), calls: 12_000}
	slots := 2 + rnd.IntN(5)
	for range 4 + rnd.IntN(9) {
		speed := math.Exp2(2 * rnd.Float64())
		t.Servers = append(t.Servers, sim.Server{Speed: speed, Slots: slots})
		t.weights = append(t.weights, math.Round(4*speed*math.Exp(0.2*rnd.NormFloat64()))/4+0.25)
	}
	return t
}

func (t truth) traffic(seed uint64) (sim.Trace, time.Duration) {
	const meanWork = 0.1
	capacity := 0.0
	for _, s := range t.Servers {
		capacity += s.Speed * float64(s.Slots)
	}
	rate := t.load * capacity / meanWork
	length := time.Duration(float64(t.calls) / rate * float64(time.Second))
	return sim.Lognormal{
		Seed: seed, Length: length, PerSecond: rate, Mean: meanWork, Sigma: t.sigma, HintSigma: t.noise,
	}.Trace(), length
}

// keeper writes a log of what a policy does.
type keeper struct {
	sim.Policy
	log *replay.Log
}

func (k *keeper) Done(now time.Duration, c *sim.Call, ok bool) {
	k.Policy.Done(now, c, ok)
	k.log.Calls = append(k.log.Calls, replay.Call{
		At: c.Placed, Server: c.Server, Took: now - c.Placed, Size: c.Hint, OK: ok, Again: len(c.Tried) > 0,
	})
}

// record makes a log under the strategy.
func (t truth) record(tb testing.TB, strategy string, seed uint64) *replay.Log {
	tb.Helper()
	k := &keeper{log: &replay.Log{Strategy: strategy, Placed: true}}
	for i := range t.Servers {
		k.log.Servers = append(k.log.Servers, replay.Server{ID: fmt.Sprint("s", i), Weight: t.weights[i]})
	}
	k.Policy = t.pool(tb, strategy, seed)
	trace, _ := t.traffic(seed)
	t.Run(trace.Source(), k)
	k.log.Sort()
	return k.log
}

func (t truth) pool(tb testing.TB, strategy string, seed uint64) sim.Policy {
	tb.Helper()
	p, err := sim.NewPool(balancer.Config{Strategy: strategy}, seed, t.weights...)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// really returns the p99 of independent runs, in ms.
func (t truth) really(tb testing.TB, strategy string, seed uint64) float64 {
	tb.Helper()
	const runs = 4
	sum := 0.0
	for i := range uint64(runs) {
		trace, length := t.traffic(seed*1000 + 77 + i)
		w := t.World
		w.WarmUp = length / 5
		sum += math.Log(1e3 * w.Run(trace.Source(), t.pool(tb, strategy, seed+i)).Quantile(0.99))
	}
	return math.Exp(sum / runs)
}

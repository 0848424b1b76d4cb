package sim_test

import (
	"testing"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/sim"
)

func replicas(memory int) sim.World {
	w := sim.World{Timeout: time.Minute, WarmUp: 10 * time.Second}
	for i := range 12 {
		w.Servers = append(w.Servers, sim.Server{Speed: float64(1 + i/3), Batch: 48, Memory: memory})
	}
	return w
}

// Conversations with twelve unequal replicas, from idle to far beyond what they can do,
// against the load-aware prefix rule: never worse, much better below saturation.
func TestPromptsGoWhereTheyAreKnown(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("one goroutine: nothing to race")
	}
	for _, c := range []struct{ perSecond, bound float64 }{{20, 0.75}, {65, 1.05}} {
		var first, end, rivalFirst, rivalEnd float64
		for seed := range uint64(2) {
			load := sim.Sessions{Seed: seed, Length: 90 * time.Second, PerSecond: c.perSecond}
			w := replicas(160_000)
			r := w.Run(load.Source(), pool(t, w, balancer.Config{}, false, seed))
			rival := w.Run(load.Source(), sim.NewLoadAware(len(w.Servers), seed))
			first, end = first+r.FirstQuantile(0.99), end+r.Quantile(0.99)
			rivalFirst, rivalEnd = rivalFirst+rival.FirstQuantile(0.99), rivalEnd+rival.Quantile(0.99)
		}
		t.Logf("%v conversations/s: p99 to the first token %.2f ×, to the end %.2f ×", c.perSecond, first/rivalFirst, end/rivalEnd)
		if first > c.bound*rivalFirst || end > c.bound*rivalEnd {
			t.Errorf("%v conversations/s: p99 %.2f and %.2f × the load-aware prefix rule, want at most %v",
				c.perSecond, first/rivalFirst, end/rivalEnd, c.bound)
		}
	}
}

// A replica that has read a prompt does not read it again, until it must make room.
func TestReplicaKnowsPrefixes(t *testing.T) {
	t.Parallel()
	prompt := func(id uint64) *sim.Prompt {
		p := &sim.Prompt{Tokens: 1280, Output: 2}
		for i := range uint64(20) {
			p.Blocks = append(p.Blocks, id<<32|i)
		}
		return p
	}
	var calls sim.Trace
	for i, id := range []uint64{1, 1, 2, 3, 1} {
		calls = append(calls, sim.Call{At: time.Duration(10*i) * time.Second, Prompt: prompt(id)})
	}
	for memory, want := range map[int]int{100_000: 2 * 1280, 2 * 1290: 1280} {
		w := sim.World{Servers: []sim.Server{{Speed: 1, Batch: 4, Memory: memory}}}
		r := w.Run(calls.Source(), sim.NewLeastOutstanding(1, 1))
		if r.KnownTokens != want || r.Calls != 5 {
			t.Errorf("memory %d: %d tokens were known, want %d", memory, r.KnownTokens, want)
		}
	}
}

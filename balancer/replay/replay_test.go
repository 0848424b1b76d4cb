package replay_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/replay"
	"github.com/sentientcore/upshift/balancer/sim"
)

// recordedUnder cycles through the strategies whose log is rich.
func recordedUnder(seed uint64) string {
	all := []string{balancer.LeastConnections, balancer.WeightedRoundRobin, balancer.LeastResponseTime, balancer.Adaptive}
	return all[seed%uint64(len(all))]
}

// Logs of worlds that nobody tuned for foretell what strategies really do there.
func TestCompareForetells(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("one goroutine: nothing to race")
	}
	var inside, all, tau, logs float64
	for seed := range uint64(4) {
		w := someTruth(100 + seed)
		v, err := replay.Compare(t.Context(), w.record(t, recordedUnder(seed), seed), replay.Options{Plays: 10})
		if err != nil {
			t.Errorf("log %d: %v", seed, err)
			continue
		}
		var told, truth []float64
		for _, o := range v.Evaluated {
			p99 := w.really(t, o.Strategy, seed)
			all++
			if o.P99.Low <= p99 && p99 <= o.P99.High {
				inside++
			}
			told, truth = append(told, o.P99.Value), append(truth, p99)
		}
		tau += kendall(told, truth)
		logs++
	}
	t.Logf("%.0f %% of the intervals hold the truth, tau %.2f", 100*inside/all, tau/logs)
	if inside/all < 0.75 || tau/logs < 0.75 {
		t.Errorf("%.0f %% of the intervals hold the truth, tau %.2f; want 75 %% and 0.75", 100*inside/all, tau/logs)
	}
}

// kendall returns the order that two lists have in common, pairs left out that do not truly
// differ by 3 %.
func kendall(told, truth []float64) float64 {
	agree, pairs := 0.0, 0.0
	for i := range told {
		for j := range i {
			if math.Abs(math.Log(truth[i]/truth[j])) < 0.03 {
				continue
			}
			pairs++
			if (told[i] < told[j]) == (truth[i] < truth[j]) {
				agree++
			}
		}
	}
	return 2*agree/max(pairs, 1) - 1
}

func TestFitFindsTheServers(t *testing.T) {
	t.Parallel()
	w := someTruth(7)
	m, err := replay.Fit(w.record(t, balancer.LeastConnections, 7))
	if err != nil {
		t.Fatal(err)
	}
	scale := 0.0
	for i, s := range w.Servers {
		scale += math.Log(m.Servers[i].Speed/s.Speed) / float64(len(w.Servers))
	}
	for i, s := range w.Servers {
		got := m.Servers[i]
		if off := math.Log(got.Speed/s.Speed) - scale; math.Abs(off) > 0.1 || got.Slots != s.Slots {
			t.Errorf("server %d: speed %.0f %% off, %d slots, want %d", i, 100*off, got.Slots, s.Slots)
		}
	}
	if math.Abs(m.UtilizationRatio-w.load) > 0.12 {
		t.Errorf("utilization %.2f, want about %.2f", m.UtilizationRatio, w.load)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	half := func(w truth) time.Duration {
		_, length := w.traffic(1)
		return length / 2
	}
	for _, c := range []struct {
		name string
		edit func(w *truth)
		log  func(l *replay.Log)
		want string
	}{
		{name: "slower", want: "drifted", edit: func(w *truth) {
			w.Faults = []sim.Fault{{Server: 1, From: half(*w), To: hour, Slow: 2.5}}
		}},
		{name: "failing", want: "a fault is under way", edit: func(w *truth) {
			w.Faults = []sim.Fault{{Server: 0, To: hour, Fail: 0.3}}
		}},
		{name: "short", want: "too few", edit: func(w *truth) { w.calls = 500 }},
		{name: "overload", want: "overloaded", edit: func(w *truth) { w.load = 1.3 }},
		{name: "traffic", want: "the traffic drifted", log: func(l *replay.Log) {
			for i := range l.Calls { // the first half at a fifth of the pace
				if c := &l.Calls[i]; i < len(l.Calls)/2 {
					c.At *= 5
				} else {
					c.At += 4 * l.Calls[len(l.Calls)/2-1].At / 5
				}
			}
		}},
		{name: "one server", want: "one server", log: func(l *replay.Log) { l.Servers = l.Servers[:1] }},
		{name: "arrivals only", want: "arrivals only", log: func(l *replay.Log) { l.Placed = false }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				w := someTruth(40 + seed)
				w.load = 0.65
				if c.edit != nil {
					c.edit(&w)
				}
				l := w.record(t, balancer.LeastConnections, seed)
				if c.log != nil {
					c.log(l)
				}
				if _, err := replay.Fit(l); !errors.Is(err, replay.ErrCannotTell) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("seed %d: got %v, want %q", seed, err, c.want)
				}
			}
		})
	}
}

// Round robin over unequal servers is told to give way; the best strategy is left in force.
func TestVerdict(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("one goroutine: nothing to race")
	}
	w := truth{load: 0.6, sigma: 1, noise: 0.5, calls: 12_000}
	for _, speed := range []float64{1, 1.2, 1.4, 1.6, 1.8} {
		w.Servers = append(w.Servers, sim.Server{Speed: speed, Slots: 4})
		w.weights = append(w.weights, 1)
	}
	v, err := replay.Compare(t.Context(), w.record(t, balancer.RoundRobin, 1), replay.Options{Plays: 8})
	if err != nil {
		t.Fatal(err)
	}
	if !v.Switch || v.Best == balancer.RoundRobin || v.Current != balancer.RoundRobin {
		t.Errorf("got %+v", v)
	}
	if v, err = replay.Compare(t.Context(), w.record(t, v.Best, 1), replay.Options{Plays: 8}); err != nil {
		t.Fatal(err)
	}
	if v.Switch {
		t.Errorf("told to leave the best strategy: %s", v.Message)
	}
}

func TestAssume(t *testing.T) {
	t.Parallel()
	l := &replay.Log{}
	for i := range 1500 {
		l.Calls = append(l.Calls, replay.Call{
			At: time.Duration(i) * 50 * time.Millisecond, Took: -1, OK: true, Input: 2000, Output: 50, Size: 2000,
			Blocks: []uint64{uint64(i % 9), uint64(100 + i%9), uint64(200 + i)},
		})
	}
	m, err := replay.Assume(l, []float64{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	v, err := m.Compare(t.Context(), replay.Options{Plays: 8})
	if err != nil {
		t.Fatal(err)
	}
	if v.Switch || len(v.Evaluated) != len(replay.Judged()) || !strings.Contains(v.Message, "assumed") {
		t.Errorf("got %+v", v)
	}
	for _, speeds := range [][]float64{nil, {1}, {1, -1}, {1, math.NaN()}} {
		if _, err := replay.Assume(l, speeds); err == nil {
			t.Errorf("speeds %v were accepted", speeds)
		}
	}
}

// A strategy that heeds failures sends a failing server little, so that its share of all
// calls is small: the fault shows in the quarter in which it began.
func TestRefusesWhatAdaptiveHides(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		w := someTruth(60 + seed)
		_, length := w.traffic(seed)
		w.Faults = []sim.Fault{{Server: 1, From: length / 4, To: time.Hour, Fail: 0.3}}
		_, err := replay.Fit(w.record(t, balancer.Adaptive, seed))
		if !errors.Is(err, replay.ErrCannotTell) {
			t.Errorf("seed %d: got %v, want a refusal", seed, err)
		}
	}
}

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

func TestMediansOverRounds(t *testing.T) {
	t.Parallel()
	outcome := func(ms ...int) load.Outcome {
		var o load.Outcome
		for _, m := range ms {
			o.Latencies = append(o.Latencies, time.Duration(m)*time.Millisecond)
		}
		return o
	}
	direct := openRun{rounds: []load.Outcome{outcome(1, 2), outcome(1, 20), outcome(1, 3)}}
	proxy := openRun{rounds: []load.Outcome{outcome(2, 4), outcome(2, 21), outcome(2, 8)}}
	if got := proxy.differences(direct, 1); !slices.Equal(got, []float64{2, 1, 5}) {
		t.Errorf("differences %v, want 2 1 5", got)
	}
	if got := proxy.added(direct, 1); got != 2 {
		t.Errorf("added %v, want 2: the median of the differences, not the difference of the medians", got)
	}
	if got := proxy.quantile(1); got != 8*time.Millisecond {
		t.Errorf("quantile %v, want 8 ms", got)
	}
}

func TestRunsOfALateGeneratorAreNoisy(t *testing.T) {
	t.Parallel()
	run := func(lag time.Duration) openRun {
		return openRun{rounds: []load.Outcome{{Lag: load.Sample{0, lag}}, {Lag: load.Sample{lagMost / 2}}, {Lag: load.Sample{0, lag}}}}
	}
	if noisy([]openRun{run(0), run(lagMost)}) {
		t.Error("a generator within its bound is noisy")
	}
	if !noisy([]openRun{run(0), run(lagMost + 1)}) {
		t.Error("a late generator is not noisy")
	}
}

package profiler

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBottlenecksAreOrderedByImpact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProfiler(t, Config{})
		run := func(name string, n int, d time.Duration, err error) {
			for range n {
				call := p.Start(name)
				time.Sleep(d)
				call.End(err)
			}
		}
		run("steady", 1000, 10*time.Millisecond, nil)               // slow tail: 51 × 10 ms
		run("tail", 190, 2*time.Millisecond, nil)                   // and of these 11, ten of them of 3 s
		run("tail", 10, 3*time.Second, nil)                         //
		run("slow", 30, 500*time.Millisecond, nil)                  // 2 × 500 ms
		run("failing", 20, time.Millisecond, errors.New("refused")) // 2 × 1 ms

		got := p.Bottlenecks(95)
		var names []string
		for _, b := range got {
			names = append(names, b.Name)
		}
		if want := "tail slow steady failing"; strings.Join(names, " ") != want {
			t.Fatalf("order %v, want %s", names, want)
		}
		tail := got[0]
		if tail.SlowCalls != 11 || tail.Percentile != 95 || tail.P50Seconds != tail.PercentileSeconds {
			t.Errorf("tail: %d slow calls at %v", tail.SlowCalls, tail.PercentileSeconds)
		}
		if want := 30.002; math.Abs(tail.ImpactSeconds-want) > want*RelativeError {
			t.Errorf("impact %v, want %v", tail.ImpactSeconds, want)
		}
		for name, want := range map[string]string{
			"failing": `100.0 % of 20 calls failed, the last with "refused"`,
			"slow":    "the median call takes 500ms, over the threshold of 100ms",
		} {
			for _, b := range got {
				if b.Name == name && (len(b.Recommendations) != 1 || !strings.Contains(b.Recommendations[0], want)) {
					t.Errorf("%s: %q, want one with %q", name, b.Recommendations, want)
				}
			}
		}
		if n := len(got[2].Recommendations); n != 0 {
			t.Errorf("advice for a function with nothing wrong: %q", got[2].Recommendations)
		}
		// At p99 the tail is over the threshold and gets its advice.
		for _, b := range p.Bottlenecks(99) {
			if text := strings.Join(b.Recommendations, "\n"); b.Name == "tail" &&
				(len(b.Recommendations) != 1 || !strings.Contains(text, "a few calls are slow")) {
				t.Errorf("tail at p99: %q", text)
			}
		}
	})
}

func TestBottleneckAdviceByCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProfiler(t, Config{})
		for range 20 {
			ctx, outer := p.StartContext(t.Context(), "outer")
			_, inner := p.StartContext(ctx, "inner")
			time.Sleep(time.Second)
			inner.End(nil)
			outer.End(nil)
		}
		for range 10_000 {
			call := p.Start("chatty")
			time.Sleep(200 * time.Microsecond)
			call.End(nil)
		}
		for range 300 {
			call := p.Start("regressed")
			time.Sleep(150 * time.Millisecond)
			call.End(nil)
		}
		time.Sleep(2 * time.Minute)
		for range 50 {
			call := p.Start("regressed")
			time.Sleep(600 * time.Millisecond)
			call.End(nil)
		}
		want := map[string]string{
			"outer":     "100 % of its 20s is spent in nested calls",
			"inner":     "20s of the total 20s is its own",
			"chatty":    "µs at the median add up to 2s: batch them",
			"regressed": "overall: it became slower",
		}
		for _, b := range p.Bottlenecks(math.NaN()) {
			text := strings.Join(b.Recommendations, "\n")
			if !strings.Contains(text, want[b.Name]) {
				t.Errorf("%s: %q, want %q", b.Name, text, want[b.Name])
			}
		}
	})
}

package capture

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sentientcore/upshift/profiler"
)

func newProfiler(tb testing.TB) *profiler.Profiler {
	tb.Helper()
	p, err := profiler.New(profiler.Config{})
	must(tb, err)
	return p
}

var kept []byte

func allocateForTest(_ context.Context, n int) (int, error) {
	kept = make([]byte, n)
	return len(kept), nil
}

func burnForTest(_ context.Context, n int) (int, error) {
	x := 1
	for i := range n {
		x = x*31 + i
	}
	return x, nil
}

// A sample belongs to the innermost call on its stack, or that of its label.
func TestSamplesAreAttributed(t *testing.T) {
	t.Parallel()
	p := newProfiler(t)
	const wrapper = "github.com/sentientcore/upshift/profiler.recorded[...]"
	burn := profiler.Wrap(p, "burn", burnForTest)
	for range 1000 {
		_, err := burn(t.Context(), 1)
		must(t, err)
	}
	for range 10 {
		p.Start("labelled").End(nil)
	}
	sample := func(n int64, label string, functions ...string) *profile.Sample {
		s := &profile.Sample{Value: []int64{n, n * 1e7}}
		if label != "" {
			s.Label = map[string][]string{profiler.LabelKey: {label}}
		}
		for _, name := range functions {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
		}
		return s
	}
	const pkg = "github.com/sentientcore/upshift/profiler/capture."
	a := NewAttributor(p, nil)
	a.addCPU(&profile.Profile{Sample: []*profile.Sample{
		sample(200, "", "math.Sqrt", pkg+"burnForTest", wrapper, "main.main"),
		sample(100, "labelled", "math.Sqrt", wrapper, pkg+"burnForTest"), // the outer call is not its own
		sample(150, "labelled", "net.Read"),                              // a goroutine that it started
		sample(1000, "", "runtime.gcBgMarkWorker"),
		sample(99, "unknown", "net.Read"),
		{Value: []int64{1}},
	}}, p.CallCounts())
	a.publish()
	for name, want := range map[string]profiler.Estimate{
		"burn":     {Known: true, PerCall: 2e-3, Samples: 200, Calls: 1000},
		"labelled": {Known: true, PerCall: 250e-3, Samples: 250, Calls: 10},
	} {
		s, _ := p.Function(name)
		got := s.Cost.CPU
		if got.Low >= got.PerCall || got.High <= got.PerCall {
			t.Errorf("%s: interval %v to %v around %v", name, got.Low, got.High, got.PerCall)
		}
		got.Low, got.High = 0, 0
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if s, _ := p.Function("burn"); s.Cost.Alloc.Known || s.Cost.Alloc.Reason == "" {
		t.Errorf("bytes without a look at the heap: %+v", s.Cost.Alloc)
	}
}

// What wrapped functions allocate is found in the real heap profile, and processor time in a real CPU
// profile. It does not run beside others, since a process has one CPU profiler.
func TestAttribution(t *testing.T) {
	p := newProfiler(t)
	r, err := Open(t.TempDir(), Config{}, Signals{Profiler: p})
	must(t, err)
	defer func() { must(t, r.Close()) }()
	const size, calls = 64 << 10, 4000
	allocate, burn := profiler.Wrap(p, "allocate", allocateForTest), profiler.Wrap(p, "burn", burnForTest)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	must(t, r.costs.Measure(t.Context(), 10*time.Millisecond)) // the first look at the heap
	for i := range calls {
		_, _ = allocate(ctx, size) // fails never
		if i%(calls/leastCycles/2) == 0 {
			runtime.GC()
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			_, _ = burn(ctx, 100_000) // fails never
		}
	})
	defer wg.Wait()
	defer cancel()
	for deadline := time.Now().Add(time.Minute); ; {
		must(t, r.costs.Measure(t.Context(), 100*time.Millisecond))
		if s, _ := p.Function("burn"); s.Cost.CPU.Samples > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no sample of a goroutine that burns")
		}
	}
	s, _ := p.Function("allocate")
	if got := s.Cost.Alloc; !got.Known || math.Abs(got.PerCall/size-1) > 0.2 || got.Low > got.PerCall || got.High < got.PerCall {
		t.Errorf("a call allocates %+v, in truth %d", got, size)
	}
}

// Intervals hold the truth as often as they say.
func TestIntervals(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, mean := range []float64{150, 1000} {
		const rounds = 4000
		held := 0
		for range rounds {
			n := 0.0 // a Poisson process of that mean
			for at := random.ExpFloat64(); at < mean; at += random.ExpFloat64() {
				n++
			}
			e := tallied{samples: n, value: n / 100, calls: 50}.counted()
			if truth := mean / 100 / 50; e.Low <= truth && truth <= e.High {
				held++
			}
		}
		if share := float64(held) / rounds; share < 0.94 || share > 0.965 {
			t.Errorf("with %v samples in the mean, %.1f %% of the intervals hold the truth", mean, 100*share)
		}
	}
	for reason, few := range map[string]tallied{TooFew: {samples: 99, value: 1, calls: 10}, "no calls": {samples: 1000, value: 1}} {
		if e := few.counted(); e.Known || e.Reason != reason || e.PerCall != 0 {
			t.Errorf("want no estimate, %s: %+v", reason, e)
		}
		if e := few.weighed(); e.Known || e.Reason != reason {
			t.Errorf("want no estimate, %s: %+v", reason, e)
		}
	}
}

func TestFiguresAge(t *testing.T) {
	t.Parallel()
	p := newProfiler(t)
	for range 100 {
		p.Start("f").End(nil)
	}
	a := NewAttributor(p, nil)
	measure := func(rounds int, nanos float64) profiler.Estimate {
		for range rounds {
			a.of("f").cpu = a.of("f").cpu.plus(tallied{samples: 200, value: nanos, calls: 100})
			a.publish()
		}
		s, _ := p.Function("f")
		return s.Cost.CPU
	}
	if got := measure(agedAfter, 1); got.PerCall != 0.01 {
		t.Errorf("at first %+v", got)
	}
	if got := measure(2*agedAfter, 2); got.PerCall != 0.02 {
		t.Errorf("after it became twice as dear %+v", got)
	}
}

func TestAttributionIsConfigured(t *testing.T) {
	t.Parallel()
	err := Config{AttributeEvery: time.Second}.Validate()
	if err == nil || !strings.Contains(err.Error(), "profiler.capture.attribute_every: must be at least 20s") {
		t.Errorf("Validate() = %v", err)
	}
}

func TestCaptureMetrics(t *testing.T) {
	t.Parallel()
	r := open(t, Config{Manual: true})
	await(t, r, start(t, r, Request{Kind: Heap}).ID)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r)
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	want := "# HELP upshift_captures_kept Captures kept on disk.\n# TYPE upshift_captures_kept gauge\nupshift_captures_kept 1\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "upshift_captures_kept"); err != nil {
		t.Error(err)
	}
	none := prometheus.NewPedanticRegistry()
	none.MustRegister((*Recorder)(nil))
	if families, err := none.Gather(); err != nil || len(families) != 0 {
		t.Errorf("a nil recorder has %d families, %v", len(families), err)
	}
}

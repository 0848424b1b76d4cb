package profiler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	err := Config{Threshold: -3 * time.Second, MaxFunctions: -1, MaxExemplars: 1000, TimeEvery: -2}.Validate()
	want := "profiler.threshold: must not be negative (got -3s)\n" +
		"profiler.max_functions: must be between 0 and 8192 (got -1)\n" +
		"profiler.max_exemplars: must be between 0 and 256 (got 1000)\n" +
		"profiler.time_every: must be between 0 and 65536 (got -2)"
	if err == nil || err.Error() != want {
		t.Errorf("Validate() = %v\nwant %s", err, want)
	}
	if _, err := New(Config{MaxFunctions: -1}); err == nil {
		t.Error("New took an invalid configuration")
	}
	p := newProfiler(t, Config{})
	if err := p.Apply(Config{Threshold: -1}); err == nil || p.Threshold() != DefaultThreshold {
		t.Errorf("Apply of an invalid configuration: err %v, threshold %v", err, p.Threshold())
	}
	want2 := Config{Threshold: DefaultThreshold, MaxFunctions: 512, MaxExemplars: 16, TimeEvery: 1}
	if diff := cmp.Diff(want2, Config{}.WithDefaults()); diff != "" {
		t.Error(diff)
	}
}

func TestCallsAreCountedAndTimed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProfiler(t, Config{Threshold: 50 * time.Millisecond})
		for i := 1; i <= 100; i++ {
			call := p.Start("work")
			time.Sleep(time.Duration(i) * time.Millisecond)
			var err error
			if i%10 == 0 {
				err = fmt.Errorf("fault %d", i)
			}
			call.End(err)
		}
		s := mustFunction(t, p, "work")
		if s.Calls != 100 || s.Errors != 10 {
			t.Errorf("calls %d, errors %d; want 100, 10", s.Calls, s.Errors)
		}
		near := func(what string, got, want, tolerance float64) {
			t.Helper()
			if math.Abs(got-want) > want*tolerance {
				t.Errorf("%s = %v, want %v", what, got, want)
			}
		}
		near("min", s.MinSeconds, 0.001, 0)
		near("max", s.MaxSeconds, 0.1, 0)
		near("mean", s.MeanSeconds, 0.0505, 1e-9)
		near("total", s.TotalSeconds, 5.05, 1e-9)
		near("self", s.SelfSeconds, 5.05, 1e-9)
		near("p50", s.P50Seconds, 0.050, RelativeError)
		near("p90", s.P90Seconds, 0.090, RelativeError)
		near("p95", s.P95Seconds, 0.095, RelativeError)
		near("p99", s.P99Seconds, 0.099, RelativeError)
		near("p99.9", s.P999Seconds, 0.100, RelativeError)
		newest := s.Exemplars[0]
		if len(s.Exemplars) != DefaultMaxExemplars || newest.Seconds != 0.1 || newest.Error != "fault 100" {
			t.Errorf("exemplars: %d, newest %+v", len(s.Exemplars), newest)
		}
		if len(s.RecentErrors) != 10 || s.RecentErrors[9].Error != "fault 10" {
			t.Errorf("recent errors: %+v", s.RecentErrors)
		}
		if !s.LastCalled.Equal(time.Now()) {
			t.Errorf("last called %v, want %v", s.LastCalled, time.Now())
		}
		want := Stats{
			Enabled: true, ThresholdSeconds: 0.05, Functions: 1, MaxFunctions: 512, Calls: 100, Errors: 10, TimeEvery: 1,
		}
		got := p.Stats()
		got.CallOverheadSeconds, got.OverheadRatio = 0, 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSelfTimeLeavesOutNestedCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProfiler(t, Config{})
		ctx, outer := p.StartContext(t.Context(), "outer")
		time.Sleep(time.Second)
		// Two nested calls that overlap by a second cover three seconds between them.
		inner, cancel := context.WithCancel(ctx)
		_, first := p.StartContext(inner, "inner")
		time.Sleep(time.Second)
		_, second := p.StartContext(inner, "inner")
		time.Sleep(time.Second)
		first.End(nil)
		time.Sleep(time.Second)
		second.End(nil)
		cancel()
		// One is still running when the outer one ends.
		_, late := p.StartContext(ctx, "late")
		time.Sleep(time.Second)
		outer.End(nil)
		time.Sleep(time.Second)
		late.End(nil)

		got := map[string][2]float64{}
		for _, s := range p.Functions() {
			got[s.Name] = [2]float64{s.TotalSeconds, s.SelfSeconds}
		}
		want := map[string][2]float64{"outer": {5, 1}, "inner": {4, 4}, "late": {2, 2}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRecentWindowForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProfiler(t, Config{})
		call := func(d time.Duration, err error) {
			c := p.Start("f")
			time.Sleep(d)
			c.End(err)
		}
		for range 200 { // 100 s of 500 ms
			call(500*time.Millisecond, errors.New("slow"))
		}
		for range 2000 { // 80 s of 40 ms
			call(40*time.Millisecond, nil)
		}
		s := mustFunction(t, p, "f")
		if s.Calls != 2200 || s.Errors != 200 {
			t.Errorf("total: %d calls, %d errors", s.Calls, s.Errors)
		}
		w := s.Recent
		if w.SpanSeconds < 60 || w.SpanSeconds > 75.1 {
			t.Errorf("span %v, want 60 to 75", w.SpanSeconds)
		}
		if calls := w.SpanSeconds / 0.04; math.Abs(float64(w.Calls)-calls) > 1 || w.Errors != 0 {
			t.Errorf("recent: %d calls, %d errors; want %v, 0", w.Calls, w.Errors, calls)
		}
		if math.Abs(w.P99Seconds-0.04) > 0.04*RelativeError || math.Abs(w.MeanSeconds-0.04) > 1e-9 {
			t.Errorf("recent p99 %v, mean %v; want 0.04", w.P99Seconds, w.MeanSeconds)
		}
		time.Sleep(61 * time.Second)
		if w := mustFunction(t, p, "f").Recent; w.Calls != 0 || w.SpanSeconds < 60 {
			t.Errorf("after a minute's rest: %+v", w)
		}
		time.Sleep(time.Hour)
		call(time.Second, nil)
		if w := mustFunction(t, p, "f").Recent; w.Calls != 1 || w.MeanSeconds != 1 {
			t.Errorf("after an hour's rest: %+v", w)
		}
	})
}

func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{MaxFunctions: 3})
	for i := range 10 {
		p.Start(fmt.Sprint("f", i)).End(nil)
	}
	site := p.Site("late")
	site.Start().End(nil)
	s := p.Stats()
	if s.Functions != 4 || s.Calls != 11 || s.Overflowed != 8 {
		t.Errorf("stats %+v; want 4 functions, 11 calls, 8 overflowed", s)
	}
	if other := mustFunction(t, p, OtherFunction); other.Calls != 8 {
		t.Errorf("%d calls under %s, want 8", other.Calls, OtherFunction)
	}
	if !p.Clear("f0") || p.Clear("f0") {
		t.Error("Clear must tell whether the name was known")
	}
	site.Start().End(nil)
	if late := mustFunction(t, p, "late"); late.Calls != 1 {
		t.Errorf("the freed room was not used: %+v", late)
	}
}

func TestClear(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	site := p.Site("site")
	site.Start().End(nil)
	running := site.Start()
	p.Start("other").End(nil)
	if n := p.ClearAll(); n != 2 {
		t.Errorf("ClearAll() = %d, want 2", n)
	}
	running.End(nil)
	if got := p.Stats(); got.Functions != 0 || got.Calls != 0 {
		t.Errorf("after ClearAll: %+v", got)
	}
	site.Start().End(nil)
	if s := mustFunction(t, p, "site"); s.Calls != 1 {
		t.Errorf("a site counts %d calls after being cleared, want 1", s.Calls)
	}
}

func TestSwitchesAtRunTime(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	running := p.Start("f")
	p.SetEnabled(false)
	p.Start("f").End(nil)
	running.End(nil)
	if s := mustFunction(t, p, "f"); s.Calls != 1 || p.Enabled() {
		t.Errorf("calls %d, enabled %v; want 1, false", s.Calls, p.Enabled())
	}
	p.SetEnabled(true)
	p.SetThreshold(1)
	p.Start("f").End(nil)
	if s := mustFunction(t, p, "f"); s.Calls != 2 || len(s.Exemplars) != 1 {
		t.Errorf("calls %d, exemplars %d; want 2, 1", s.Calls, len(s.Exemplars))
	}
	if p.SetThreshold(0); p.Threshold() != DefaultThreshold {
		t.Errorf("threshold %v, want the default", p.Threshold())
	}
}

func TestExemplarKeepsLabelsAndTrace(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{Threshold: 1, MaxExemplars: 2})
	ctx := pprof.WithLabels(t.Context(), pprof.Labels("agent", "planner", "step", strings.Repeat("x", 500)))
	ctx = WithTraceID(ctx, "trace-1")
	for i := range 3 {
		_, call := p.StartContext(ctx, "f")
		call.End(fmt.Errorf("%d %s", i, strings.Repeat("é", 500)))
	}
	s := mustFunction(t, p, "f")
	if len(s.Exemplars) != 2 || len(s.RecentErrors) != 2 {
		t.Fatalf("%d exemplars, %d errors; want 2, 2", len(s.Exemplars), len(s.RecentErrors))
	}
	e := s.Exemplars[0]
	if e.TraceID != "trace-1" || e.Labels["agent"] != "planner" || len(e.Labels["step"]) != maxLabelBytes {
		t.Errorf("exemplar %+v", e)
	}
	if !strings.HasPrefix(e.Error, "2 é") || len(e.Error) != maxErrorBytes {
		t.Errorf("error of %d bytes: %q", len(e.Error), e.Error)
	}
}

type badError struct{}

func (*badError) Error() string { panic("no text") }

func TestErrorWhoseTextPanics(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	p.Start("f").End(&badError{})
	e := mustFunction(t, p, "f").RecentErrors[0]
	if e.Error != "*profiler.badError (its Error method panicked)" {
		t.Errorf("error text %q", e.Error)
	}
}

func TestNilProfiler(t *testing.T) {
	t.Parallel()
	var p *Profiler
	p.Start("f").End(nil)
	ctx, call := p.StartContext(t.Context(), "f")
	call.Done(nil)
	p.SetEnabled(true)
	p.SetThreshold(1)
	_, known := p.Function("f")
	if ctx != t.Context() || p.Enabled() || p.Threshold() != 0 || known || len(p.Functions()) != 0 ||
		len(p.Bottlenecks(95)) != 0 || p.Clear("f") || p.ClearAll() != 0 ||
		p.Stats() != (Stats{}) || p.Apply(Config{}) != nil {
		t.Error("a nil profiler is not inert")
	}
	p.Site("f").Start().End(nil)
	p.Site("f").StartContext(ctx)
}

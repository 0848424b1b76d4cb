package profiler

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// One call in eight is timed, all are counted; totals stand for all of them.
func TestTimeEvery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProfiler(t, Config{TimeEvery: 8})
		const calls = 16_000
		for i := range calls {
			ctx, outer := p.StartContext(t.Context(), "outer")
			time.Sleep(time.Duration(i%4) * time.Millisecond) // 1.5 ms in the mean, in step with a rhythm of 4
			_, inner := p.StartContext(ctx, "inner")
			time.Sleep(time.Millisecond)
			inner.End(nil)
			outer.End(nil)
		}
		for name, want := range map[string][3]float64{"outer": {2.5, 40, 24}, "inner": {1, 16, 16}} {
			s := mustFunction(t, p, name)
			if s.Calls != calls || s.TimedCalls < calls/10 || s.TimedCalls > calls/3 {
				t.Errorf("%s: %d calls, %d timed", name, s.Calls, s.TimedCalls)
			}
			for i, got := range []float64{s.MeanSeconds * 1000, s.TotalSeconds, s.SelfSeconds} {
				if math.Abs(got-want[i]) > want[i]/10 {
					t.Errorf("%s: figure %d is %v, want %v within a tenth", name, i, got, want[i])
				}
			}
			if s.Recent.Calls == 0 || math.Abs(s.Recent.MeanSeconds*1000-want[0]) > want[0]/10 {
				t.Errorf("%s: recently %+v", name, s.Recent)
			}
		}
		if s := p.Stats(); s.Calls != 2*calls || s.TimeEvery != 8 {
			t.Errorf("stats %+v", s)
		}
	})
}

// A failure is seen whether its call is timed or not.
func TestTimeEveryKeepsFailures(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{TimeEvery: maxTimeEvery, Threshold: time.Hour})
	fault := errors.New("fault")
	work := Wrap(p, "work", func(_ context.Context, n int) (int, error) {
		if n == 3 {
			panic("three")
		}
		return n, fault
	})
	for n := range 4 {
		func() {
			defer func() {
				if v := recover(); (v != nil) != (n == 3) {
					t.Errorf("call %d: panic %v", n, v)
				}
			}()
			if _, err := work(t.Context(), n); err != fault { //nolint:errorlint // the very error must come back
				t.Errorf("call %d: %v", n, err)
			}
		}()
	}
	s := mustFunction(t, p, "work")
	if s.Calls != 4 || s.TimedCalls != 1 || s.Errors != 4 || len(s.RecentErrors) != 4 || len(s.Exemplars) != 0 {
		t.Fatalf("stats %+v", s)
	}
	if e := s.RecentErrors[0]; e.Error != "panic: three" || !e.Panicked || e.Seconds != 0 || time.Since(e.Time) > time.Hour {
		t.Errorf("the panic: %+v", e)
	}
}

// However many call at once, none is lost, and the weights never add up to more than the calls.
func TestWeightsAddUp(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{TimeEvery: 5})
	const callers, calls = 4, 5000
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			site := p.Site("f")
			for range calls {
				site.Start().End(nil)
			}
		})
	}
	wg.Wait()
	fn := p.lookup("f")
	timed, untimed, covered := fn.total.calls(), fn.sampler.untimed.Load(), fn.sampler.covered.Load()
	if timed+untimed != callers*calls || covered > untimed || covered+10*callers < untimed {
		t.Errorf("%d timed, %d not, of which %d are stood for", timed, untimed, covered)
	}
	if err := p.Apply(Config{}); err != nil {
		t.Fatal(err)
	}
	p.Start("f").End(nil)
	if got := fn.total.calls(); got != timed+1 {
		t.Errorf("%d timed calls after every call is to be, want %d", got, timed+1)
	}
}

func TestOverhead(t *testing.T) {
	t.Parallel()
	cost := measureCost()
	if !(cost.counted > 0 && cost.timed > 0 && cost.nested > 0) {
		t.Errorf("a call costs %+v", cost)
	}
	var o overhead
	span := seconds(overheadSpan)
	for i, look := range []struct{ at, spent, want float64 }{
		{0.5, 0.5, 1},
		{1, 1, 1},
		{1.5, 1.5, 1},
		{2, 3, 2},
		{2.5, 4, 2},
		{3, 0, 0}, // functions were cleared
	} {
		got := o.recent(int64(look.at*float64(overheadSpan)), look.spent*span)
		if math.Abs(got-look.want) > 1e-9 {
			t.Errorf("look %d: %v of a processor, want %v", i, got, look.want)
		}
	}
}

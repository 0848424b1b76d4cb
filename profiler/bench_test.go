package profiler

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// modes are the states in which a call may find a profiler.
func modes(tb testing.TB) map[string]*Profiler {
	tb.Helper()
	off := newProfiler(tb, Config{})
	off.SetEnabled(false)
	return map[string]*Profiler{
		"on": newProfiler(tb, Config{Threshold: time.Hour}), "off": off, "nil": nil,
		"counting": newProfiler(tb, Config{Threshold: time.Hour, TimeEvery: maxTimeEvery}),
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	for mode, p := range modes(t) {
		site := p.Site("site")
		err := error(nil)
		for what, call := range map[string]func(){
			"Start":      func() { p.Start("start").End(nil) },
			"Site.Start": func() { site.Start().End(nil) },
			"Done":       func() { defer p.Start("done").Done(&err) },
		} {
			// The first calls make the function and its octaves; an octave that a later call
			// is the first to hit is 256 bytes once, which the average over many rounds down.
			if n := testing.AllocsPerRun(2000, call); n != 0 {
				t.Errorf("%s, profiler %s: %v allocations a call, want 0", what, mode, n)
			}
		}
		wrapped := Wrap(p, "wrap", func(context.Context, int) (int, error) { return 0, nil })
		want := 0.0
		if mode == "on" {
			want = 1 // the context of the call
		}
		ctx := context.Background()
		if n := testing.AllocsPerRun(2000, func() { _, _ = wrapped(ctx, 1) }); n != want {
			t.Errorf("Wrap, profiler %s: %v allocations a call, want %v", mode, n, want)
		}
	}
}

func BenchmarkStartEnd(b *testing.B) {
	for mode, p := range modes(b) {
		b.Run(mode, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Start("rag.retriever.search").End(nil)
			}
		})
	}
}

func BenchmarkSite(b *testing.B) {
	for mode, p := range modes(b) {
		site := p.Site("rag.retriever.search")
		b.Run(mode, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				site.Start().End(nil)
			}
		})
	}
}

func BenchmarkSiteParallel(b *testing.B) {
	site := newProfiler(b, Config{Threshold: time.Hour}).Site("f")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			site.Start().End(nil)
		}
	})
}

func BenchmarkWrap(b *testing.B) {
	for mode, p := range modes(b) {
		f := Wrap(p, "f", func(_ context.Context, n int) (int, error) { return n, nil })
		b.Run(mode, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = f(context.Background(), 1)
			}
		})
	}
}

// BenchmarkClock is the floor: the pair of clock readings that timing a call needs.
func BenchmarkClock(b *testing.B) {
	p := newProfiler(b, Config{})
	b.ReportAllocs()
	for b.Loop() {
		start := p.now()
		_ = p.now() - start
	}
}

func BenchmarkHistogramRecord(b *testing.B) {
	var h histogram
	b.ReportAllocs()
	var v uint64 = 1
	for b.Loop() {
		v = v*6364136223846793005 + 1442695040888963407
		h.record(v >> 40)
	}
}

func BenchmarkFunctionStats(b *testing.B) {
	p := newProfiler(b, Config{Threshold: time.Hour})
	fn := p.lookup("f")
	for range 10_000 {
		fn.record(rand.Int64N(1e9), p.now(), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Function("f")
	}
}

package cause

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

// work calls functions that wait in different ways, from two goroutines each, until ctx ends.
func work(ctx context.Context, tb testing.TB, p *profiler.Profiler) *sync.WaitGroup {
	tb.Helper()
	var mu sync.Mutex
	never := make(chan int)
	slow, answer := net.Pipe()
	tb.Cleanup(func() { _, _ = slow.Close(), answer.Close() })
	step := func(name string, f func()) func(context.Context) {
		wrapped := profiler.Wrap(p, name, func(context.Context, int) (int, error) { f(); return 0, nil })
		return func(ctx context.Context) { _, _ = wrapped(ctx, 0) } // fails never
	}
	lock := step("lock", func() { mu.Lock(); time.Sleep(time.Millisecond); mu.Unlock() })
	queue := step("queue", func() {
		select {
		case <-never:
		case <-time.After(time.Millisecond):
		}
	})
	outer := step("outer", func() { time.Sleep(time.Millisecond) })
	var wg sync.WaitGroup
	for range 2 {
		for _, f := range []func(context.Context){lock, queue, outer} {
			wg.Go(func() {
				for ctx.Err() == nil {
					f(ctx)
				}
			})
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				ctx, block := p.StartContext(ctx, "block")
				_, inner := p.StartContext(ctx, "inner")
				time.Sleep(time.Millisecond)
				inner.End(nil)
				block.End(nil)
			}
		})
	}
	return &wg
}

// What goroutines wait for is found in a real trace. It does not run beside others: a process has one
// flight recorder.
func TestLook(t *testing.T) {
	p, err := profiler.New(profiler.Config{})
	must(t, err)
	f, err := NewFinder(p, Config{})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	wg := work(ctx, t, p)
	defer wg.Wait()
	defer cancel()
	var report Report
	for deadline := time.Now().Add(time.Minute); ; {
		report, err = f.Look(t.Context(), 100*time.Millisecond)
		must(t, err)
		calls := 0
		for _, fn := range report.Functions {
			if fn.Calls >= 5 {
				calls++
			}
		}
		if calls == 5 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no five functions with calls: %+v", report.Functions)
		}
	}
	for _, fn := range report.Functions {
		part := map[string]time.Duration{
			"lock": fn.Self.Lock + fn.Self.IO, "queue": fn.Self.Queue, "outer": fn.Self.IO, "block": fn.Self.Total() - fn.Total/2, "inner": fn.Self.IO,
		}[fn.Name]
		if fn.Name == "block" { // its time is that of the call inside it
			if fn.Self.Total() >= fn.Total {
				t.Errorf("block: self %v, total %v", fn.Self, fn.Total)
			}
			continue
		}
		if part <= 0 || fn.Self.Total() > 8*report.timeSpan() {
			t.Errorf("%s: %+v in %v", fn.Name, fn.Self, report.timeSpan())
		}
		if fn.Name == "lock" && fn.Self.Lock == 0 {
			t.Errorf("no time for the lock: %+v", fn.Self)
		}
	}
	if last := f.Last(); !last.Time.Equal(report.Time) || last.Error != "" {
		t.Errorf("last %v, want %v", last.Time, report.Time)
	}
	canceled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := f.Look(canceled, time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("a look that was canceled: %v", err)
	}
}

func (r Report) timeSpan() time.Duration { return time.Duration(r.SpanSeconds * float64(time.Second)) }

func TestFinderConfig(t *testing.T) {
	t.Parallel()
	if _, err := NewFinder(nil, Config{Every: time.Second}); err == nil || !strings.Contains(err.Error(), "profiler.causes.every: must be at least 10s") {
		t.Errorf("NewFinder: %v", err)
	}
	var none *Finder
	must(t, none.Apply(Config{}))
	if r := none.Last(); r.Findings == nil || r.Functions == nil || len(r.Findings) != 0 {
		t.Errorf("a nil finder's report %+v", r)
	}
	p, err := profiler.New(profiler.Config{})
	must(t, err)
	f, err := NewFinder(p, Config{})
	must(t, err)
	if err := f.Apply(Config{Every: 1}); err == nil || f.cfg.Load().Every != DefaultEvery {
		t.Errorf("Apply: %v, every %v", err, f.cfg.Load().Every)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, f.Run(ctx))
}

// Earlier looks are remembered within their bound, the whole range of durations among them.
func TestRemember(t *testing.T) {
	t.Parallel()
	f := &Finder{before: map[string][]time.Duration{}}
	for range 20 {
		fn := &Function{Name: "f"}
		for i := range 1000 {
			fn.durations = append(fn.durations, time.Duration(i))
		}
		f.remember(fn)
	}
	got := f.before["f"]
	if len(got) != maxBefore || got[len(got)/2] < 450 || got[len(got)/2] > 550 || got[0] > 10 || got[len(got)-1] < 990 {
		t.Errorf("%d durations, median %v, from %v to %v", len(got), got[len(got)/2], got[0], got[len(got)-1])
	}
	for i := range 2 * maxRemembered {
		f.remember(&Function{Name: strings.Repeat("x", i+1), durations: []time.Duration{1}})
	}
	if len(f.before) != maxRemembered {
		t.Errorf("%d functions remembered, want %d", len(f.before), maxRemembered)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("go 1.26 trace\x00\x00\x00"))
	f.Add([]byte("go 1.22 trace\x00\x00\x00\x01\x01\x01"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := read(bytes.NewReader(data)); err != nil && !strings.HasPrefix(err.Error(), "cause: corrupt trace") {
			t.Errorf("%v", err)
		}
	})
}

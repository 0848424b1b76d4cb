package memory

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeGuard is a guard over use that a test sets.
func fakeGuard(t *testing.T, opts GuardOptions, used *int64, relieve func()) *guard {
	t.Helper()
	g, err := newGuard(nil, opts)
	if err != nil {
		t.Fatal(err)
	}
	g.look = func() usage { return usage{SourceCgroup, *used, 100} }
	g.relieve = func(context.Context) { relieve() }
	return g
}

func TestGuardRefusesAboveTheLimit(t *testing.T) {
	t.Parallel()
	used, relieved := int64(95), 0
	g := fakeGuard(t, GuardOptions{Name: "embed"}, &used, func() { relieved++ })
	err := g.enter(t.Context())
	var refused *GuardError
	if !errors.As(err, &refused) || !errors.Is(err, ErrPressure) || refused.Ratio != 0.95 || refused.MaxRatio != 0.9 ||
		!strings.Contains(err.Error(), "95 % of the cgroup limit") || relieved != 1 {
		t.Errorf("err %v, relieved %d times", err, relieved)
	}
	used = 90
	if err := g.enter(t.Context()); err != nil || relieved != 1 {
		t.Errorf("under the limit: %v, relieved %d times", err, relieved)
	}
	used = 95
	g.relieve = func(context.Context) { used = 10 }
	if err := g.enter(t.Context()); err != nil {
		t.Errorf("after relief: %v", err)
	}
}

func TestGuardWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := int64(95)
		var mu sync.Mutex
		g := fakeGuard(t, GuardOptions{Name: "embed", Wait: time.Second, MaxWaiting: 1}, &used, func() {})
		g.look = func() usage { mu.Lock(); defer mu.Unlock(); return usage{SourceCgroup, used, 100} }
		start := time.Now()
		done := make(chan error, 1)
		go func() { done <- g.enter(t.Context()) }()
		synctest.Wait()
		if err := g.enter(t.Context()); !errors.Is(err, ErrPressure) {
			t.Errorf("a second one waited too: %v", err)
		}
		time.Sleep(450 * time.Millisecond)
		mu.Lock()
		used = 50
		mu.Unlock()
		if err := <-done; err != nil || time.Since(start) != 500*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		mu.Lock()
		used = 95
		mu.Unlock()
		var refused *GuardError
		if err := g.enter(t.Context()); !errors.As(err, &refused) || refused.Waited != time.Second {
			t.Errorf("nothing let go: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := g.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("caller's deadline: %v", err)
		}
		if n := g.waiting.Load(); n != 0 {
			t.Errorf("%d still waiting", n)
		}
	})
}

func TestGuardChecksItsOptions(t *testing.T) {
	t.Parallel()
	for _, opts := range []GuardOptions{
		{MaxRatio: math.NaN()}, {MaxRatio: -0.1}, {MaxRatio: 1.1}, {Wait: -1}, {MaxWaiting: -1},
	} {
		if _, err := newGuard(nil, opts); err == nil {
			t.Errorf("took %+v", opts)
		}
	}
}

func TestGuardOverAMonitor(t *testing.T) {
	m := newMonitor(t, Config{LimitBytes: leastLimit, GCThreshold: 0.01})
	relieved := 0
	m.OnPressure(func(float64) { relieved++ })
	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	open, err := Guard(m, GuardOptions{Name: "double", MaxRatio: 1}, double)
	if err != nil {
		t.Fatal(err)
	}
	tight, err := Guard(m, GuardOptions{Name: "double", MaxRatio: 0.001}, double)
	if err != nil {
		t.Fatal(err)
	}
	ballast := make([]byte, 1<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	for range 3 {
		var refused *GuardError
		if _, err := tight(t.Context(), 2); !errors.As(err, &refused) || refused.Name != "double" {
			t.Errorf("tight: %v", err)
		}
	}
	if relieved != 1 {
		t.Errorf("relieved %d times in a moment, want once", relieved)
	}
	if use := m.quickLook(); use.ratio() <= 1 {
		if n, err := open(t.Context(), 21); n != 42 || err != nil {
			t.Errorf("open: %d, %v", n, err)
		}
	}
	free, err := Guard(nil, GuardOptions{}, double)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := free(t.Context(), 21); n != 42 || err != nil {
		t.Errorf("nil monitor: %d, %v", n, err)
	}
	_ = ballast[len(ballast)-1]
}

func BenchmarkGuard(b *testing.B) {
	m := newMonitor(b, Config{})
	g, err := Guard(m, GuardOptions{MaxRatio: 1}, func(_ context.Context, n int) (int, error) { return n, nil })
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g(b.Context(), 1); err != nil {
			b.Fatal(err)
		}
	}
}

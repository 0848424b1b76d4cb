package profiler

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestWrapPassesOutcomesOn(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	fault := errors.New("fault")
	half := Wrap(p, "half", func(_ context.Context, n int) (int, error) {
		switch {
		case n == 13:
			panic(fault)
		case n%2 == 1:
			return 0, fault
		}
		return n / 2, nil
	})
	if got, err := half(t.Context(), 8); got != 4 || err != nil {
		t.Errorf("half(8) = %d, %v", got, err)
	}
	if _, err := half(t.Context(), 7); err != fault { //nolint:errorlint // the very error must come back
		t.Errorf("half(7): err %v, want the error itself", err)
	}
	func() {
		defer func() {
			if v := recover(); v != fault { //nolint:errorlint // the very value
				t.Errorf("panic value %v, want the error itself", v)
			}
		}()
		_, _ = half(t.Context(), 13)
	}()
	s := mustFunction(t, p, "half")
	if s.Calls != 3 || s.Errors != 2 {
		t.Errorf("calls %d, errors %d; want 3, 2", s.Calls, s.Errors)
	}
	if e := s.RecentErrors[0]; e.Error != "panic: fault" || !e.Panicked || s.RecentErrors[1].Panicked {
		t.Errorf("recent errors %+v", s.RecentErrors)
	}
}

func TestGoexitIsRecorded(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	leave := Wrap(p, "leave", func(context.Context, int) (int, error) {
		runtime.Goexit()
		return 0, nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = leave(context.Background(), 0)
		t.Error("Goexit was swallowed")
	}()
	<-done
	s := mustFunction(t, p, "leave")
	if e := s.RecentErrors[0]; s.Calls != 1 || s.Errors != 1 || e.Error != "runtime.Goexit" || !e.Panicked {
		t.Errorf("stats %+v", s)
	}
}

func TestDoneRecordsErrorAndPanic(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	work := func(value any) (err error) {
		defer p.Start("block").Done(&err)
		if value != nil {
			panic(value)
		}
		return errors.New("late error")
	}
	if err := work(nil); err == nil {
		t.Error("the error was lost")
	}
	for _, off := range []bool{false, true} {
		p.SetEnabled(!off)
		func() {
			defer func() {
				if v := recover(); v != "boom" {
					t.Errorf("off %v: panic value %v, want boom", off, v)
				}
			}()
			_ = work("boom")
		}()
	}
	s := mustFunction(t, p, "block")
	if e := s.RecentErrors; s.Calls != 2 || s.Errors != 2 ||
		e[0].Error != "panic: boom" || e[1].Error != "late error" {
		t.Errorf("stats %+v", s)
	}
}

func TestWrapWithoutProfiler(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	p.SetEnabled(false)
	for name, p := range map[string]*Profiler{"nil": nil, "off": p} {
		double := Wrap(p, "double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
		if got, err := double(t.Context(), 4); got != 8 || err != nil {
			t.Errorf("%s: double(4) = %d, %v", name, got, err)
		}
		if len(p.Functions()) != 0 {
			t.Errorf("%s: something was recorded", name)
		}
	}
}

// Recording, reading, clearing and switching at once: the race detector watches, and no
// call may be lost that no Clear could have taken.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{MaxFunctions: 4, Threshold: time.Nanosecond, MaxExemplars: 3})
	const writers, calls = 4, 2000
	var work, side sync.WaitGroup
	stop := make(chan struct{})
	for range writers {
		work.Go(func() {
			site := p.Site("kept")
			for i := range calls {
				ctx, call := site.StartContext(context.Background())
				p.Start([]string{"a", "b", "c", "d", "e"}[i%5]).End(nil)
				_, nested := p.StartContext(ctx, "a")
				nested.End(nil)
				call.End(nil)
			}
		})
	}
	side.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			p.Clear("a")
			p.Functions()
			p.Bottlenecks(95)
			p.SetThreshold(time.Duration(i%2+1) * time.Microsecond)
		}
	})
	work.Wait()
	close(stop)
	side.Wait()
	if s := mustFunction(t, p, "kept"); s.Calls != writers*calls {
		t.Errorf("%d calls, want %d", s.Calls, writers*calls)
	}
	p.ClearAll()
	if s := p.Stats(); s.Functions != 0 || s.Calls != 0 {
		t.Errorf("after ClearAll: %+v", s)
	}
}

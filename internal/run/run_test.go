package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sentientcore/upshift/internal/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal collects what happened in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) part(name string, openErr error) run.Part {
	return run.Part{
		Name:  name,
		Open:  func(context.Context) error { j.add("open " + name); return openErr },
		Run:   func(ctx context.Context) error { <-ctx.Done(); j.add("end " + name); return nil },
		Close: func(context.Context) error { j.add("close " + name); return nil },
	}
}

func TestGroupOrder(t *testing.T) {
	t.Parallel()
	var j journal
	g := run.New(nil, j.part("ground", nil), j.part("roof", nil))
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"open ground", "open roof", "end roof", "close roof", "end ground", "close ground"}
	if !slices.Equal(j.lines, want) {
		t.Errorf("order: got %q, want %q", j.lines, want)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Errorf("second stop: %v", err)
	}
	if err := g.Start(t.Context()); !errors.Is(err, run.ErrStopped) {
		t.Errorf("start after stop: got %v, want ErrStopped", err)
	}
}

func TestGroupStopWithoutStart(t *testing.T) {
	t.Parallel()
	var j journal
	if err := run.New(nil, j.part("only", nil)).Stop(t.Context()); err != nil || len(j.lines) != 0 {
		t.Errorf("got %v, %q; want nothing done", err, j.lines)
	}
}

func TestGroupFailedOpenNamesItselfAndStopsTheRest(t *testing.T) {
	t.Parallel()
	var j journal
	boom := errors.New("port in use")
	g := run.New(nil, j.part("ground", nil), j.part("middle", boom), j.part("roof", nil))
	err := g.Start(t.Context())
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "start middle: ") {
		t.Errorf("got %v, want the middle part named", err)
	}
	want := []string{"open ground", "open middle", "end ground", "close ground"}
	if !slices.Equal(j.lines, want) {
		t.Errorf("order: got %q, want %q", j.lines, want)
	}
}

func TestGroupRestartsAFailingPart(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error":          func() error { return errors.New("lost") },
		"panic":          func() error { panic("lost") },
		"ended too soon": func() error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				g := run.New(nil, run.Part{Name: "shaky", Run: func(ctx context.Context) error {
					calls++
					if calls <= 2 {
						return fail()
					}
					<-ctx.Done()
					return nil
				}})
				if err := g.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if s := g.States()[0]; s.Phase != run.PhaseDegraded || s.LastError == "" {
					t.Errorf("after the failure: got %+v, want degraded with its error", s)
				}
				time.Sleep(time.Minute)
				if s := g.States()[0]; s.Phase != run.PhaseRunning || s.Restarts != 2 {
					t.Errorf("later: got %+v, want running after 2 restarts", s)
				}
				if err := g.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestLoopKeepsItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := run.NewLoop("cache", 10*time.Minute, func(context.Context) (string, error) { return "3 expired", nil })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		time.Sleep(24 * time.Hour)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s := l.State()
		if s.Runs < 120 || s.Runs > 180 || s.LastResult != "3 expired" || s.Failures != 0 {
			t.Errorf("after a day: %+v, want 120–180 runs with the result", s)
		}
	})
}

func TestLoopBacksOffAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var bad atomic.Bool
		bad.Store(true)
		l := run.NewLoop("database", time.Minute, func(context.Context) (string, error) {
			if bad.Load() {
				panic("no connection")
			}
			return "ok", nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		time.Sleep(2 * time.Hour)
		s := l.State()
		if s.Failures < 11 || s.Failures > 22 || s.LastError != "panic: no connection" {
			t.Errorf("failing for two hours: %+v, want about 15 tries at eight minutes", s)
		}
		bad.Store(false)
		time.Sleep(time.Hour)
		if s := l.State(); s.LastError != "" || s.Runs-s.Failures < 30 {
			t.Errorf("recovered for an hour: %+v, want the error gone and the old interval", s)
		}
		cancel()
		<-done
	})
}

func TestGroupManyCyclesLeakNothing(t *testing.T) {
	t.Parallel()
	for range 100 {
		var j journal
		g := run.New(nil, j.part("a", nil), j.part("b", nil))
		if err := g.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := g.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

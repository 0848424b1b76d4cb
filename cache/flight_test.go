package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type nameKey struct{}

// asked is what a caller of GetOrLoad got.
type asked struct {
	value string
	err   error
}

// ask calls GetOrLoad from a goroutine of its own and waits until it can go no further.
func ask(ctx context.Context, c *Cache[string], key string, load func(context.Context) (string, error)) chan asked {
	out := make(chan asked, 1)
	go func() {
		v, err := c.GetOrLoad(ctx, key, load)
		out <- asked{v, err}
	}()
	synctest.Wait()
	return out
}

// gate is a loader that waits to be let go.
type gate struct {
	calls    atomic.Int64
	canceled atomic.Int64
	open     chan asked
}

func newGate() *gate { return &gate{open: make(chan asked)} }

func (g *gate) load(ctx context.Context) (string, error) {
	g.calls.Add(1)
	select {
	case a := <-g.open:
		return a.value, a.err
	case <-ctx.Done():
		g.canceled.Add(1)
		return "", ctx.Err()
	}
}

// newBubble is a cache in a bubble of synthetic time, which must hold nothing back in the end.
func newBubble(t *testing.T) (*Group, *Cache[string]) {
	t.Helper()
	g := newGroup(t, Config{})
	c := named(t, g, "test", Options[string]{})
	t.Cleanup(func() {
		synctest.Wait()
		if n := c.Stats().LoadsActive; n != 0 {
			t.Errorf("%d loads still run", n)
		}
		if n := len(c.store.flights); n != 0 {
			t.Errorf("%d flights left", n)
		}
		checkStore(t, c.store)
		g.ClearAll(context.Background())
		if n := g.Stats().Tags; n != 0 {
			t.Errorf("%d tags left", n)
		}
	})
	return g, c
}

func TestOneLoadForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newBubble(t)
		g := newGate()
		waiting := []chan asked{}
		for range 1000 {
			waiting = append(waiting, ask(t.Context(), c, "k", g.load))
		}
		if n := c.Stats().LoadsActive; n != 1 {
			t.Errorf("%d loads run", n)
		}
		time.Sleep(time.Second)
		g.open <- asked{value: "v"}
		for _, w := range waiting {
			if got := <-w; got != (asked{"v", nil}) {
				t.Fatalf("got %+v", got)
			}
		}
		if v, err := c.GetOrLoad(t.Context(), "k", g.load); v != "v" || err != nil {
			t.Errorf("then %q, %v", v, err)
		}
		s := c.Stats()
		if g.calls.Load() != 1 || s.Loads != 1 || s.Misses != 1000 || s.Hits != 1 || s.MeanLoadSeconds != 1 {
			t.Errorf("%d calls, stats %+v", g.calls.Load(), s)
		}
	})
}

func TestWaitersSurviveACancelledLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newBubble(t)
		g := newGate()
		ctx, cancel := context.WithCancel(t.Context())
		leader := ask(ctx, c, "k", g.load)
		follower := ask(t.Context(), c, "k", g.load)
		cancel()
		if got := <-leader; !errors.Is(got.err, context.Canceled) {
			t.Errorf("leader got %+v", got)
		}
		synctest.Wait()
		g.open <- asked{value: "v"}
		if got := <-follower; got != (asked{"v", nil}) {
			t.Errorf("follower got %+v", got)
		}
		if !c.Exists("k") || g.calls.Load() != 1 || g.canceled.Load() != 0 {
			t.Errorf("stored %v, %d calls, %d cancelled", c.Exists("k"), g.calls.Load(), g.canceled.Load())
		}
	})
}

func TestLastWaiterCancelsTheLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newBubble(t)
		g := newGate()
		one, leaveOne := context.WithCancel(t.Context())
		two, leaveTwo := context.WithTimeout(t.Context(), time.Minute)
		defer leaveTwo()
		first, second := ask(one, c, "k", g.load), ask(two, c, "k", g.load)
		leaveOne()
		<-first
		synctest.Wait()
		if g.canceled.Load() != 0 {
			t.Error("cancelled while one waits")
		}
		if got := <-second; !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("second got %+v", got)
		}
		synctest.Wait()
		if g.canceled.Load() != 1 || c.Exists("k") {
			t.Errorf("%d cancelled", g.canceled.Load())
		}
		if s := c.Stats(); s.LoadErrors != 1 || s.LoadsSuperseded != 0 {
			t.Errorf("%d errors, %d superseded", s.LoadErrors, s.LoadsSuperseded)
		}
	})
}

// A loader that does not look at its context neither holds up those who gave up nor those who
// come later, and its late value is not stored.
func TestAbandonedLoadIsNotJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newBubble(t)
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		first := ask(ctx, c, "k", func(context.Context) (string, error) {
			<-release
			return "late", nil
		})
		cancel()
		<-first
		v, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) { return "new", nil })
		if v != "new" || err != nil {
			t.Errorf("got %q, %v", v, err)
		}
		close(release)
		synctest.Wait()
		if v, _ := c.Get("k"); v != "new" {
			t.Errorf("stored %q", v)
		}
	})
}

func TestPanicAndExitReachAllWaiters(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	tests := []struct {
		name string
		end  func()
		want error
	}{
		{"panic", func() { panic(boom) }, boom},
		{"exit", runtime.Goexit, ErrLoaderExited},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, c := newBubble(t)
				release := make(chan struct{})
				load := func(context.Context) (string, error) {
					<-release
					tt.end()
					return "v", nil
				}
				a, b := ask(t.Context(), c, "k", load), ask(t.Context(), c, "k", load)
				close(release)
				for _, w := range []chan asked{a, b} {
					got := <-w
					if !errors.Is(got.err, tt.want) || got.value != "" {
						t.Errorf("got %+v", got)
					}
					var panicked *PanicError
					if errors.As(got.err, &panicked) {
						if !strings.Contains(string(panicked.Stack), "flight_test.go") {
							t.Errorf("stack does not show the loader: %s", panicked.Stack)
						}
						if strings.Contains(panicked.Error(), "flight_test.go") {
							t.Errorf("message shows the stack: %v", panicked)
						}
					}
				}
				// The key is free again.
				v, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) { return "ok", nil })
				if v != "ok" || err != nil {
					t.Errorf("afterwards %q, %v", v, err)
				}
				if s := c.Stats(); s.Loads != 2 || s.LoadErrors != 1 {
					t.Errorf("%d loads, %d errors", s.Loads, s.LoadErrors)
				}
			})
		})
	}
}

func TestPanicOfCostReachesWaiters(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[string]{Cost: func(string) int64 { panic("cost") }})
	_, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) { return "v", nil })
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "cost" {
		t.Errorf("got %v", err)
	}
}

func TestErrorsAreNotCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newBubble(t)
		fault := errors.New("fault")
		_, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) { return "half", fault })
		if !errors.Is(err, fault) {
			t.Errorf("got %v", err)
		}
		v, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) { return "v", nil })
		if v != "v" || err != nil {
			t.Errorf("then %q, %v", v, err)
		}
	})
}

func TestLoadsOfOtherKeysRunTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newBubble(t)
		g := newGate()
		all := []chan asked{}
		for i := range 10 {
			all = append(all, ask(t.Context(), c, fmt.Sprint(i), g.load))
		}
		if n := c.Stats().LoadsActive; n != 10 {
			t.Errorf("%d loads run", n)
		}
		for range all {
			g.open <- asked{value: "v"}
		}
		for _, w := range all {
			<-w
		}
	})
}

func TestRecursiveLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, c := newBubble(t)
		other := named(t, g, "other", Options[string]{})
		_, err := c.GetOrLoad(t.Context(), "a", func(ctx context.Context) (string, error) {
			return other.GetOrLoad(ctx, "a", func(ctx context.Context) (string, error) {
				return c.GetOrLoad(ctx, "b", func(ctx context.Context) (string, error) {
					c.Delete("a") // even so
					return c.GetOrLoad(ctx, "a", func(context.Context) (string, error) { return "never", nil })
				})
			})
		})
		if !errors.Is(err, ErrRecursiveLoad) {
			t.Errorf("got %v", err)
		}
		v, err := c.GetOrLoad(t.Context(), "a", func(ctx context.Context) (string, error) {
			return other.GetOrLoad(ctx, "a", func(context.Context) (string, error) { return "deep", nil })
		})
		if v != "deep" || err != nil {
			t.Errorf("the same key of another cache: %q, %v", v, err)
		}
	})
}

func TestLoaderContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newBubble(t)
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), nameKey{}, "caller"), time.Hour)
		defer cancel()
		_, err := c.GetOrLoad(ctx, "k", func(ctx context.Context) (string, error) {
			if name, _ := ctx.Value(nameKey{}).(string); name != "caller" {
				t.Errorf("value %q", name)
			}
			if at, ok := ctx.Deadline(); ok {
				t.Errorf("the loader has the caller's deadline %s", at)
			}
			return "v", nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newBubble(t)
		never := func(context.Context) (string, error) {
			t.Error("loaded")
			return "", nil
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.GetOrLoad(t.Context(), "k", nil); !errors.Is(err, ErrNilLoader) {
			t.Errorf("nil loader: %v", err)
		}
		if _, err := c.GetOrLoad(over, "k", never); !errors.Is(err, context.Canceled) {
			t.Errorf("context over: %v", err)
		}
		if _, err := c.GetOrLoad(t.Context(), strings.Repeat("k", MaxKeyBytes+1), never); !errors.Is(err, ErrKeyTooLong) {
			t.Errorf("long key: %v", err)
		}
		_, err := c.GetOrLoadWith(t.Context(), "k", EntryOptions{TTL: -1}, never)
		if !errors.Is(err, ErrNegativeTTL) {
			t.Errorf("negative time to live: %v", err)
		}
		set(t, c, "k", "v")
		if v, err := c.GetOrLoad(over, "k", never); v != "v" || err != nil {
			t.Errorf("a hit with a context that is over: %q, %v", v, err)
		}
	})
}

func TestLoadedEntryHasItsOptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, c := newBubble(t)
		opts := EntryOptions{TTL: time.Minute, Tags: []string{"t", "t"}}
		_, err := c.GetOrLoadWith(t.Context(), "k", opts, func(context.Context) (string, error) {
			time.Sleep(time.Hour) // the time to live begins when it is stored
			return "v", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		info, ok := c.Inspect("k")
		if !ok || time.Until(info.Expires) != time.Minute || len(info.Tags) != 1 || info.Tags[0] != "t" {
			t.Errorf("%+v, %v", info, ok)
		}
		if n := g.ClearTag(t.Context(), "t"); n != 1 || c.Exists("k") {
			t.Errorf("%d entries under the tag", n)
		}
	})
}

// A value that cannot be stored is good for those who wait.
func TestLoadOfTooLarge(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxBytes: 1000}, Options[int]{Cost: func(v int) int64 { return int64(v) }})
	for _, cost := range []int{5000, -1} {
		v, err := c.GetOrLoadWith(t.Context(), "k", EntryOptions{Tags: []string{"t"}}, func(context.Context) (int, error) {
			return cost, nil
		})
		if v != cost || err != nil || c.Exists("k") {
			t.Errorf("got %d, %v", v, err)
		}
	}
	if s := c.Stats(); s.Rejections != 2 || s.LoadErrors != 0 || s.Loads != 2 {
		t.Errorf("%d rejected, %d errors", s.Rejections, s.LoadErrors)
	}
	if n := c.store.tags.len(); n != 0 {
		t.Errorf("%d tags left", n)
	}
}

// A caller that missed and comes to the load after another's has landed takes its value.
func TestMissBeforeAnotherLoadLanded(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[string]{})
	set(t, c, "k", "v")
	v, err := c.store.load(t.Context(), "k", EntryOptions{}, func(context.Context) (any, error) {
		t.Error("loaded again")
		return "w", nil
	})
	if v.value != "v" || v.stale || err != nil {
		t.Errorf("got %+v, %v", v, err)
	}
}

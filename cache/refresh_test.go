package cache

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// staleLimits are those of most tests here: fresh for a minute, then stale for two, then for two
// more when a load fails.
var staleLimits = Limits{TTL: time.Minute, StaleWhileRevalidate: 2 * time.Minute, StaleIfError: 4 * time.Minute}

func newStale(t *testing.T, l Limits) (*Group, *Cache[string]) {
	t.Helper()
	g, _ := newBubble(t)
	c := named(t, g, "stale", Options[string]{Limits: l})
	t.Cleanup(func() {
		synctest.Wait()
		if n := len(c.store.flights); n != 0 || c.store.refreshing != 0 || g.background.running != 0 {
			t.Errorf("%d flights, %d refreshes, %d in the group left", n, c.store.refreshing, g.background.running)
		}
		checkStore(t, c.store)
	})
	return g, c
}

// loads is a loader that counts its calls.
type loads struct {
	calls atomic.Int64
	err   error
}

func (l *loads) load(context.Context) (string, error) {
	n := l.calls.Add(1)
	return "v" + strconv.FormatInt(n, 10), l.err
}

// result is GetOrLoadResult, once all that it began has ended.
func result(t *testing.T, c *Cache[string], load func(context.Context) (string, error)) Result[string] {
	t.Helper()
	r, err := c.GetOrLoadResult(t.Context(), "k", EntryOptions{}, load)
	if err != nil {
		t.Errorf("got %v", err)
	}
	synctest.Wait()
	return r
}

func TestStaleWhileRevalidate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, staleLimits)
		var l loads
		if got := result(t, c, l.load); got != (Result[string]{Value: "v1"}) {
			t.Errorf("loaded %+v", got)
		}
		time.Sleep(30 * time.Second)
		if got := result(t, c, l.load); got != (Result[string]{Value: "v1", Age: 30 * time.Second}) {
			t.Errorf("fresh %+v", got)
		}
		time.Sleep(40 * time.Second)
		if _, ok := c.Get("k"); ok || c.Exists("k") {
			t.Error("Get or Exists takes a stale value")
		}
		if info, ok := c.Inspect("k"); !ok || time.Since(info.Expires) != 10*time.Second || info.KeptUntil.Sub(info.Expires) != 4*time.Minute {
			t.Errorf("inspected %+v, %v", info, ok)
		}
		g := newGate()
		for range 100 {
			got := result(t, c, g.load)
			if got != (Result[string]{Value: "v1", Age: 70 * time.Second, Stale: true}) {
				t.Fatalf("stale %+v", got)
			}
		}
		g.open <- asked{value: "new"}
		synctest.Wait()
		if got := result(t, c, g.load); got != (Result[string]{Value: "new"}) || g.calls.Load() != 1 {
			t.Errorf("%+v after %d loads", got, g.calls.Load())
		}
		s := c.Stats()
		if s.StaleHits != 100 || s.Refreshes != 1 || s.RefreshErrors != 0 || s.Loads != 2 || s.Hits != 102 || s.Misses != 2 {
			t.Errorf("stats %+v", s)
		}
	})
}

// Beyond the time that a value may be served while it is loaded, callers wait for the load, also
// for one that has been running in the background.
func TestCallersJoinARefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{TTL: time.Minute, StaleWhileRevalidate: time.Minute})
		var l loads
		result(t, c, l.load)
		time.Sleep(119 * time.Second)
		g := newGate()
		result(t, c, g.load)
		time.Sleep(2 * time.Second)
		ctx, leave := context.WithCancel(t.Context())
		one, two := ask(ctx, c, "k", g.load), ask(t.Context(), c, "k", g.load)
		time.Sleep(2 * RefreshTimeout) // it is an ordinary load now
		leave()
		<-one
		synctest.Wait()
		g.open <- asked{value: "v2"}
		if got := <-two; got != (asked{"v2", nil}) || g.calls.Load() != 1 {
			t.Errorf("got %+v after %d loads", got, g.calls.Load())
		}
	})
}

func TestLastCallerCancelsARefreshItJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{TTL: time.Minute, StaleWhileRevalidate: time.Minute})
		var l loads
		result(t, c, l.load)
		time.Sleep(119 * time.Second)
		g := newGate()
		result(t, c, g.load)
		time.Sleep(2 * time.Second)
		ctx, leave := context.WithCancel(t.Context())
		one := ask(ctx, c, "k", g.load)
		leave()
		if got := <-one; !errors.Is(got.err, context.Canceled) {
			t.Errorf("got %+v", got)
		}
		synctest.Wait()
		if g.canceled.Load() != 1 {
			t.Error("the load goes on")
		}
	})
}

func TestStaleIfError(t *testing.T) {
	t.Parallel()
	fault := errors.New("fault")
	fail := func(context.Context) (string, error) { return "half", fault }
	tests := []struct {
		name string
		load func(context.Context) (string, error)
		want error
	}{
		{"error", fail, fault},
		{"panic", func(context.Context) (string, error) { panic(fault) }, fault},
		{"exit", func(context.Context) (string, error) { runtime.Goexit(); return "", nil }, ErrLoaderExited},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, c := newStale(t, Limits{TTL: time.Minute, StaleIfError: time.Hour})
				var l loads
				result(t, c, l.load)
				time.Sleep(2 * time.Minute)
				got := result(t, c, test.load)
				if got.Value != "v1" || !got.Stale || got.Age != 2*time.Minute || !errors.Is(got.Err, test.want) {
					t.Errorf("got %+v", got)
				}
				if v, err := c.GetOrLoad(t.Context(), "k", l.load); v != "v1" || err != nil || l.calls.Load() != 1 {
					t.Errorf("at once afterwards %q, %v after %d loads", v, err, l.calls.Load())
				}
				if s := c.Stats(); s.LoadErrors != 1 || s.StaleOnErrors != 2 || s.StaleHits != 0 {
					t.Errorf("stats %+v", s)
				}
				time.Sleep(RetryAfter + ClockResolution)
				if got := result(t, c, l.load); got.Value != "v2" || got.Stale {
					t.Errorf("after a while %+v", got)
				}
				time.Sleep(time.Minute + time.Hour)
				if _, err := c.GetOrLoad(t.Context(), "k", test.load); !errors.Is(err, test.want) {
					t.Errorf("beyond all time: %v", err)
				}
			})
		})
	}
}

// A caller that has no more time takes a stale value; one that was called off takes nothing.
func TestStaleForWhoHasNoMoreTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{TTL: time.Minute, StaleIfError: time.Hour})
		var l loads
		result(t, c, l.load)
		time.Sleep(2 * time.Minute)
		hang := func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		off := ask(ctx, c, "k", hang)
		cancel()
		if got := <-off; !errors.Is(got.err, context.Canceled) {
			t.Errorf("called off: %+v", got)
		}
		synctest.Wait()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := c.GetOrLoadResult(ctx, "k", EntryOptions{}, hang)
		if err != nil || r.Value != "v1" || !errors.Is(r.Err, context.DeadlineExceeded) {
			t.Errorf("out of time: %+v, %v", r, err)
		}
	})
}

func TestRefreshAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{TTL: 100 * time.Second, RefreshAheadRatio: 0.5})
		var l loads
		result(t, c, l.load)
		time.Sleep(49 * time.Second)
		if result(t, c, l.load); l.calls.Load() != 1 {
			t.Error("loaded too early")
		}
		time.Sleep(27 * time.Second) // the moment is drawn between 50 and 75
		c.Get("k")
		synctest.Wait()
		if l.calls.Load() != 1 {
			t.Error("Get loads")
		}
		g := newGate()
		for range 10 {
			if got := result(t, c, g.load); got != (Result[string]{Value: "v1", Age: 76 * time.Second}) {
				t.Errorf("meanwhile %+v", got)
			}
		}
		g.open <- asked{value: "new"}
		time.Sleep(50 * time.Second)
		if got := result(t, c, g.load); got != (Result[string]{Value: "new", Age: 50 * time.Second}) {
			t.Errorf("afterwards %+v", got)
		}
		if s := c.Stats(); g.calls.Load() != 1 || s.Refreshes != 1 || s.StaleHits != 0 || s.Misses != 1 {
			t.Errorf("%d loads, stats %+v", g.calls.Load(), s)
		}
	})
}

// A refresh that fails is counted, whatever way it fails, and is not tried again at once.
func TestFailingRefresh(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func() error
	}{
		{"error", func() error { return errors.New("fault") }},
		{"panic", func() error { panic("boom") }},
		{"exit", func() error { runtime.Goexit(); return nil }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, c := newStale(t, staleLimits)
				var l loads
				result(t, c, l.load)
				time.Sleep(90 * time.Second)
				calls := 0
				fail := func(context.Context) (string, error) {
					calls++
					return "", test.end()
				}
				for range 10 {
					if got := result(t, c, fail); got.Value != "v1" || !got.Stale || got.Err != nil {
						t.Errorf("got %+v", got)
					}
				}
				if calls != 1 {
					t.Errorf("tried %d times", calls)
				}
				time.Sleep(RetryAfter + ClockResolution)
				result(t, c, fail)
				if s := c.Stats(); calls != 2 || s.Refreshes != 2 || s.RefreshErrors != 2 || s.LoadErrors != 2 {
					t.Errorf("tried %d times, stats %+v", calls, s)
				}
			})
		})
	}
}

func TestInvalidationDuringARefreshWins(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(g *Group, c *Cache[string])
		want string
	}{
		{"delete", func(_ *Group, c *Cache[string]) { c.Delete("k") }, ""},
		{"clear", func(_ *Group, c *Cache[string]) { c.Clear() }, ""},
		{"pattern", func(_ *Group, c *Cache[string]) { c.ClearPattern("?") }, ""},
		{"tag", func(g *Group, _ *Cache[string]) { g.ClearTag(context.Background(), "t") }, ""},
		{"set", func(_ *Group, c *Cache[string]) { _ = c.Set("k", "set", EntryOptions{}) }, "set"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, c := newStale(t, staleLimits)
				tagged := EntryOptions{Tags: []string{"t"}}
				load := func(v string, release chan struct{}) func(context.Context) (string, error) {
					return func(context.Context) (string, error) {
						<-release
						return v, nil
					}
				}
				open := make(chan struct{})
				close(open)
				if _, err := c.GetOrLoadWith(t.Context(), "k", tagged, load("old", open)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(90 * time.Second)
				late := make(chan struct{})
				if v, err := c.GetOrLoadWith(t.Context(), "k", tagged, load("late", late)); v != "old" || err != nil {
					t.Fatalf("got %q, %v", v, err)
				}
				synctest.Wait()
				test.do(g, c)
				close(late)
				synctest.Wait()
				if v, _ := c.Get("k"); v != test.want {
					t.Errorf("kept %q, want %q", v, test.want)
				}
				v, err := c.GetOrLoadWith(t.Context(), "k", tagged, load("next", open))
				if want := first(test.want, "next"); v != want || err != nil {
					t.Errorf("then %q, %v, want %q", v, err, want)
				}
			})
		})
	}
}

func TestRefreshesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, staleLimits)
		var l loads
		for i := range MaxRefreshes + 10 {
			if _, err := c.GetOrLoad(t.Context(), strconv.Itoa(i), l.load); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(90 * time.Second)
		g := newGate()
		for i := range MaxRefreshes + 10 {
			if _, err := c.GetOrLoad(t.Context(), strconv.Itoa(i), g.load); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		s := c.Stats()
		if g.calls.Load() != MaxRefreshes || s.LoadsActive != MaxRefreshes || s.RefreshesSkipped != 10 {
			t.Errorf("%d loads, stats %+v", g.calls.Load(), s)
		}
		time.Sleep(RefreshTimeout)
		synctest.Wait()
		if n := g.canceled.Load(); n != MaxRefreshes {
			t.Errorf("%d cancelled by time", n)
		}
	})
}

// The end of the group cancels its refreshes, waits for one that does not listen for a while only,
// and begins none.
func TestRefreshesEndWithTheGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, c := newStale(t, staleLimits)
		stop := start(t, g)
		var l loads
		for _, key := range []string{"a", "b", "c"} {
			if _, err := c.GetOrLoad(t.Context(), key, l.load); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(90 * time.Second)
		listens, deaf := newGate(), make(chan struct{})
		if _, err := c.GetOrLoad(t.Context(), "a", listens.load); err != nil {
			t.Error(err)
		}
		_, err := c.GetOrLoad(t.Context(), "b", func(context.Context) (string, error) {
			<-deaf
			return "late", nil
		})
		if err != nil {
			t.Error(err)
		}
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != endTimeout || listens.canceled.Load() != 1 {
			t.Errorf("ended after %s with %d cancelled", took, listens.canceled.Load())
		}
		if _, err := c.GetOrLoad(t.Context(), "c", l.load); err != nil || l.calls.Load() != 3 {
			t.Errorf("a load began after the end: %v", err)
		}
		close(deaf)
		synctest.Wait()
		if v, _ := c.Get("b"); v != "" {
			t.Errorf("kept %q of a load that was cancelled", v)
		}
		defer start(t, g)() // a group can run again
		if result(t, c, l.load); l.calls.Load() != 4 {
			t.Error("no load")
		}
	})
}

// A loader that asks for its own key gets the stale value, not itself.
func TestRefreshThatAsksForItsKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, staleLimits)
		var l loads
		result(t, c, l.load)
		time.Sleep(90 * time.Second)
		result(t, c, func(ctx context.Context) (string, error) {
			v, err := c.GetOrLoad(ctx, "k", l.load)
			return v + " again", err
		})
		if v, _ := c.Get("k"); v != "v1 again" {
			t.Errorf("got %q", v)
		}
	})
}

func TestEntriesHaveTheirOwnWindows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{TTL: time.Minute})
		var l loads
		opts := EntryOptions{StaleWhileRevalidate: time.Hour}
		if err := c.Set("k", "v0", opts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		if got := result(t, c, l.load); got.Value != "v0" || !got.Stale {
			t.Errorf("got %+v", got)
		}
		for _, opts := range []EntryOptions{{StaleWhileRevalidate: -1}, {StaleIfError: -1}} {
			if err := c.Set("k", "v", opts); !errors.Is(err, ErrNegativeTTL) {
				t.Errorf("%+v: %v", opts, err)
			}
		}
	})
}

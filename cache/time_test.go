package cache

import (
	"context"
	"errors"
	"math"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// start runs the group until the returned function is called, which checks that it ends well.
func start(t *testing.T, g *Group) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		cfg   Config
		opts  Limits
		entry time.Duration
		want  time.Duration
	}{
		{"default", Config{}, Limits{}, 0, DefaultTTL},
		{"configured", Config{DefaultTTL: time.Minute}, Limits{}, 0, time.Minute},
		{"program", Config{DefaultTTL: time.Minute}, Limits{TTL: 2 * time.Minute}, 0, 2 * time.Minute},
		{
			"configured by name",
			Config{Caches: map[string]NamedConfig{"test": {TTL: 3 * time.Minute}}},
			Limits{TTL: 2 * time.Minute},
			0, 3 * time.Minute,
		},
		{"entry", Config{Caches: map[string]NamedConfig{"test": {TTL: time.Hour}}}, Limits{}, time.Second, time.Second},
	}
	for _, running := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(tt.name+" running "+strconv.FormatBool(running), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					g := newGroup(t, tt.cfg)
					c := named(t, g, "test", Options[int]{Limits: tt.opts})
					if running {
						defer start(t, g)()
					}
					if err := c.Set("k", 1, EntryOptions{TTL: tt.entry}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(tt.want - 2*ClockResolution)
					if _, ok := c.Get("k"); !ok {
						t.Fatal("expired early")
					}
					time.Sleep(3 * ClockResolution)
					if _, ok := c.Get("k"); ok || c.Exists("k") {
						t.Error("served beyond its time")
					}
					if s := c.Stats(); s.Entries != 0 || s.Expirations != 1 || s.Invalidations != 0 {
						t.Errorf("%d entries, %d expired, %d invalidated", s.Entries, s.Expirations, s.Invalidations)
					}
				})
			})
		}
	}
}

func TestEndlessTimeToLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{}, Options[int]{})
		if err := c.Set("k", 1, EntryOptions{TTL: math.MaxInt64}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * 365 * 24 * time.Hour)
		if !c.Exists("k") {
			t.Error("expired")
		}
	})
}

func TestJitterShortens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{DefaultTTL: 100 * time.Second, TTLJitterRatio: 0.5}, Options[int]{})
		distinct := map[time.Duration]bool{}
		for i := range 1000 {
			key := strconv.Itoa(i)
			set(t, c, key, i)
			info, _ := c.Inspect(key)
			ttl := info.Expires.Sub(info.Created)
			if ttl < 50*time.Second || ttl > 100*time.Second {
				t.Fatalf("time to live %s", ttl)
			}
			distinct[ttl.Truncate(time.Second)] = true
		}
		if len(distinct) < 40 {
			t.Errorf("%d different times of 50", len(distinct))
		}
	})
}

func TestExpiryIsInRange(t *testing.T) {
	t.Parallel()
	s := &store{limits: limits{ttl: 1000, jitter: 1, revalidate: 100, ifError: 50, ahead: 0.5}}
	for range 1000 {
		l := s.lifeOf(5, EntryOptions{})
		if l.fresh < 5 || l.fresh > 1005 || l.stale != l.fresh+100 || l.expires != l.stale {
			t.Fatalf("%+v, stored at 5 for at most 1000", l)
		}
		ttl := l.fresh - 5
		if l.soon < 5+ttl/2 || l.soon > 5+ttl/2+ttl/4+1 {
			t.Fatalf("%+v is loaded anew at an odd moment", l)
		}
	}
	s.limits = limits{ahead: 1e-30}
	l := s.lifeOf(5, EntryOptions{TTL: math.MaxInt64, StaleWhileRevalidate: math.MaxInt64, StaleIfError: math.MaxInt64})
	if l.fresh != math.MaxInt64 || l.stale != l.fresh || l.expires != l.fresh || l.soon < 5 || l.soon > l.fresh {
		t.Errorf("an endless life is %+v", l)
	}
}

func TestRunCleansUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, Config{CleanupInterval: time.Minute})
		c := named(t, g, "test", Options[int]{Limits: Limits{TTL: 30 * time.Second}})
		defer start(t, g)()
		set(t, c, "k", 1)
		time.Sleep(59 * time.Second)
		if n := c.Stats().Entries; n != 1 {
			t.Errorf("%d entries before the cleanup", n)
		}
		time.Sleep(2 * time.Second)
		if n := c.Stats().Entries; n != 0 {
			t.Errorf("%d entries after the cleanup", n)
		}
		// A new interval counts from now.
		if err := g.Apply(Config{CleanupInterval: time.Hour}); err != nil {
			t.Fatal(err)
		}
		set(t, c, "k", 1)
		time.Sleep(30 * time.Minute)
		if n := c.Stats().Entries; n != 1 {
			t.Errorf("%d entries: cleaned up by the old interval", n)
		}
		time.Sleep(31 * time.Minute)
		if n := c.Stats().Entries; n != 0 {
			t.Errorf("%d entries after the new interval", n)
		}
	})
}

func TestCleanup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, Config{})
		a, b := named(t, g, "a", Options[int]{}), named(t, g, "b", Options[string]{})
		for i := range 10 {
			if err := a.Set(strconv.Itoa(i), i, EntryOptions{TTL: time.Duration(i+1) * time.Second}); err != nil {
				t.Fatal(err)
			}
		}
		set(t, b, "tagged", "v", "tag")
		set(t, b, "plain", "v")
		g.ClearTag(t.Context(), "tag")
		time.Sleep(5 * time.Second)
		if n := g.Cleanup(); n != 6 {
			t.Errorf("%d removed, want 5 expired and 1 tagged", n)
		}
		if n := g.Cleanup(); n != 0 {
			t.Errorf("%d removed again", n)
		}
		s := g.Stats()
		if s.Expirations != 5 || s.Invalidations != 1 || s.Entries != 6 {
			t.Errorf("%d expired, %d invalidated, %d left", s.Expirations, s.Invalidations, s.Entries)
		}
	})
}

// An expired entry is taken before a live one when room is needed, and does not count as evicted.
func TestExpiredMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{MaxEntries: 2}, Options[int]{})
		if err := c.Set("short", 1, EntryOptions{TTL: time.Second}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			c.Get("short")
		}
		set(t, c, "long", 2)
		time.Sleep(2 * time.Second)
		set(t, c, "new", 3)
		if !c.Exists("long") || !c.Exists("new") {
			t.Error("a live entry went while an expired one was there")
		}
		if s := c.Stats(); s.Evictions != 0 || s.Expirations != 1 {
			t.Errorf("%d evicted, %d expired", s.Evictions, s.Expirations)
		}
	})
}

// The clock ticks while it is read, rests when it is not, and is never behind by more than its
// resolution.
func TestClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		if c.now() != 1 || c.coarse() != 1 {
			t.Errorf("a new clock shows %d and %d", c.now(), c.coarse())
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(ctx)
		}()
		for range 3 * restAfter {
			time.Sleep(ClockResolution / 2)
			synctest.Wait()
			if behind := time.Duration(c.now() - c.coarse()); behind < 0 || behind > ClockResolution {
				t.Fatalf("behind by %s", behind)
			}
			if c.ticked.Load() == 0 {
				t.Fatal("rests while it is read")
			}
		}
		time.Sleep((restAfter + 2) * ClockResolution)
		synctest.Wait()
		if c.ticked.Load() != 0 || !c.resting.Load() {
			t.Error("ticks while nobody reads it")
		}
		if got, want := c.coarse(), c.now(); got != want {
			t.Errorf("at rest it shows %d, want the precise %d", got, want)
		}
		synctest.Wait()
		if c.ticked.Load() == 0 {
			t.Error("a read did not wake it")
		}
		if at := c.wall(c.now()); !at.Equal(time.Now()) {
			t.Errorf("wall time %s, want %s", at, time.Now())
		}
		cancel()
		<-done
		if c.ticked.Load() != 0 {
			t.Error("ticks after its end")
		}
	})
}

func TestRunEndsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("over"))
	if err := newGroup(t, Config{}).Run(ctx); err != nil {
		t.Errorf("run: %v", err)
	}
}

package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// errNoUser is what a loader says of a key without a value.
var errNoUser = fmt.Errorf("no such user: %w", ErrAbsent)

func absent(context.Context) (string, error) { return "", errNoUser }

func negativeLimits() Limits { return Limits{TTL: time.Hour, NegativeTTL: time.Minute} }

func TestNegativeCaching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, negativeLimits())
		calls := 0
		load := func(context.Context) (string, error) { calls++; return "", errNoUser }
		for range 10 {
			if v, err := c.GetOrLoad(t.Context(), "k", load); v != "" || !errors.Is(err, errNoUser) {
				t.Errorf("got %q, %v", v, err)
			}
		}
		if c.Exists("k") {
			t.Error("what has no value exists")
		}
		s := c.Stats()
		if calls != 1 || s.Hits != 9 || s.Misses != 1 || s.NegativeHits != 9 || s.NegativeEntries != 1 ||
			s.Loads != 1 || s.LoadsAbsent != 1 || s.LoadErrors != 0 || s.Entries != 0 || s.Bytes == 0 {
			t.Errorf("%d calls, stats %+v", calls, s)
		}
		time.Sleep(time.Minute)
		if _, err := c.GetOrLoad(t.Context(), "k", load); calls != 2 || !errors.Is(err, ErrAbsent) {
			t.Errorf("after its time: %d calls, %v", calls, err)
		}
	})
}

func TestAbsentByTheProgramsOwnError(t *testing.T) {
	t.Parallel()
	none, fault := errors.New("no rows"), errors.New("fault")
	c := newCache(t, Config{}, Options[string]{
		Limits: Limits{NegativeTTL: time.Hour},
		Absent: func(err error) bool { return errors.Is(err, none) },
	})
	for _, test := range []struct {
		key  string
		err  error
		want int
	}{{"none", none, 1}, {"marked", ErrAbsent, 1}, {"fault", fault, 3}} {
		calls := 0
		for range 3 {
			_, err := c.GetOrLoad(t.Context(), test.key, func(context.Context) (string, error) { calls++; return "", test.err })
			if !errors.Is(err, test.err) {
				t.Errorf("%s: got %v", test.key, err)
			}
		}
		if calls != test.want {
			t.Errorf("%s: %d calls, want %d", test.key, calls, test.want)
		}
	}
}

// A panic of what tells absent keys is one of the load.
func TestAbsentPanics(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[string]{Absent: func(error) bool { panic("absent") }})
	_, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) { return "", errors.New("fault") })
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "absent" {
		t.Errorf("got %v", err)
	}
}

// Unknown keys have a bound of their own: however many there are, no value goes.
func TestUnknownKeysEvictNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cfg  Config
		l    Limits
		most int
	}{
		{"by entries", Config{MaxEntries: 320}, Limits{NegativeTTL: time.Hour}, 20},
		{"by their own entries", Config{MaxEntries: 320}, Limits{NegativeTTL: time.Hour, MaxNegative: 7}, 7},
		{"by bytes", Config{MaxEntries: 1 << 20, MaxBytes: 64 << 10}, Limits{NegativeTTL: time.Hour}, 15},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t, test.cfg, Options[string]{Limits: test.l})
			n := 0
			for ; c.Stats().Evictions == 0; n++ {
				set(t, c, strconv.Itoa(n), "v")
			}
			full := c.Stats()
			for i := range 5000 {
				if _, err := c.GetOrLoad(t.Context(), "unknown"+strconv.Itoa(i), absent); !errors.Is(err, ErrAbsent) {
					t.Fatal(err)
				}
				if s := c.Stats(); s.Bytes > s.MaxBytes || s.NegativeEntries > test.most {
					t.Fatalf("%d bytes of %d, %d keys without a value", s.Bytes, s.MaxBytes, s.NegativeEntries)
				}
			}
			s := c.Stats()
			if s.Entries != full.Entries || s.Evictions != full.Evictions || s.NegativeEntries < test.most*2/3 {
				t.Errorf("%d of %d entries left, %d keys without a value", s.Entries, full.Entries, s.NegativeEntries)
			}
			checkStore(t, c.store)
		})
	}
}

func TestWhatEndsAnAbsence(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	tests := []struct {
		name string
		do   func(g *Group, c *Cache[string])
	}{
		{"delete", func(_ *Group, c *Cache[string]) { c.Delete("k") }},
		{"clear", func(_ *Group, c *Cache[string]) { c.Clear() }},
		{"clear all", func(g *Group, _ *Cache[string]) { g.ClearAll(ctx) }},
		{"pattern", func(_ *Group, c *Cache[string]) { c.ClearPattern("k*") }},
		{"tag", func(g *Group, _ *Cache[string]) { g.ClearTag(ctx, "t") }},
		{"set", func(_ *Group, c *Cache[string]) {
			_ = c.Set("k", "v", EntryOptions{TTL: time.Second})
			time.Sleep(time.Second)
		}},
		{"shrink", func(g *Group, _ *Cache[string]) { g.Shrink(0.5) }},
		{"time", func(*Group, *Cache[string]) { time.Sleep(time.Minute) }},
		{"configuration", func(g *Group, _ *Cache[string]) { _ = g.Apply(Config{MaxBytes: 16}) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, c := newStale(t, negativeLimits())
				for _, key := range []string{"k", "other"} {
					tags := EntryOptions{Tags: []string{key, "t"}}
					if _, err := c.GetOrLoadWith(ctx, key, tags, absent); !errors.Is(err, ErrAbsent) {
						t.Fatal(err)
					}
				}
				test.do(g, c)
				v, err := c.GetOrLoad(ctx, "k", func(context.Context) (string, error) { return "new", nil })
				if v != "new" || err != nil {
					t.Errorf("got %q, %v", v, err)
				}
				g.Cleanup()
				if s := c.Stats(); test.name == "time" && s.NegativeEntries != 0 {
					t.Errorf("%d left after a cleanup", s.NegativeEntries)
				}
			})
		})
	}
}

// An invalidation while a load finds nothing wins: the key may have a value since.
func TestInvalidationDuringAnAbsentLoadWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, c := newStale(t, negativeLimits())
		for _, do := range []func(){func() { c.Delete("k") }, func() { g.ClearTag(t.Context(), "t") }} {
			_, err := c.GetOrLoadWith(t.Context(), "k", EntryOptions{Tags: []string{"t"}}, func(context.Context) (string, error) {
				do()
				return "", errNoUser
			})
			if !errors.Is(err, errNoUser) || c.Stats().NegativeEntries != 0 {
				t.Errorf("got %v, %d remembered", err, c.Stats().NegativeEntries)
			}
		}
	})
}

// A value whose source has none any more goes: it is not served stale.
func TestAbsentEndsAStaleValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, l := range []Limits{staleLimits, {TTL: time.Minute, StaleIfError: time.Hour}} {
			_, c := newStale(t, l)
			set(t, c, "k", "v")
			time.Sleep(90 * time.Second)
			for {
				_, err := c.GetOrLoad(t.Context(), "k", absent)
				synctest.Wait()
				if errors.Is(err, errNoUser) {
					break
				}
				if err != nil || l.StaleWhileRevalidate == 0 {
					t.Fatalf("got %v", err)
				}
			}
			if s := c.Stats(); s.Entries != 0 || s.RefreshErrors != 0 || s.StaleOnErrors != 0 {
				t.Errorf("stats %+v", s)
			}
			c.Clear()
		}
	})
}

// What one process finds to be gone, the others and the second tier forget.
func TestAbsentIsToldToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared, limits := newSharedMemory(), NamedConfig{TTL: time.Hour, NegativeTTL: time.Minute}
		a, b := joinStale(t, shared, limits), joinStale(t, shared, limits)
		var l loads
		a.ask(l.load)
		if err := b.texts.Set("k", "short", EntryOptions{TTL: time.Second, StaleIfError: time.Hour}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a.ask(l.load)
		time.Sleep(2 * time.Second)
		if _, err := a.texts.GetOrLoad(t.Context(), "k", absent); !errors.Is(err, ErrAbsent) {
			t.Errorf("a got %v", err)
		}
		synctest.Wait()
		if b.texts.store.held("k") != nil || shared.values["texts/k"].value != nil {
			t.Error("b or the second tier still has it")
		}
		// Once there is one again, a hears of it.
		if err := b.texts.Set("k", "back", EntryOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := a.ask(l.load); got.Value != "back" {
			t.Errorf("a got %+v", got)
		}
	})
}

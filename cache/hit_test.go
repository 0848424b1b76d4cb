package cache

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A hit is the same whether its key is the first with its mark in its bucket or has to be searched for,
// and whether the clock ticks or not.
func TestHitsAreCountedEitherWay(t *testing.T) {
	t.Parallel()
	for name, ticking := range map[string]bool{"ticking": true, "precise": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t, Config{}, Options[int]{Price: func(int) float64 { return 1 }})
			c.store.fixed = func(string) uint64 { return 1<<63 - 1 } // all in one bucket, with one mark
			const keys, each = 20, 3 * bundle
			for i := range keys {
				set(t, c, strconv.Itoa(i), i)
			}
			set(t, c, "tagged", keys, "t")
			if ticking {
				c.store.clock.ticked.Store(c.store.clock.now())
			}
			for range each {
				for i := range keys {
					if v, ok := c.Get(strconv.Itoa(i)); v != i || !ok {
						t.Fatalf("%d: got %d, %v", i, v, ok)
					}
				}
				if v, ok := c.Get("tagged"); v != keys || !ok {
					t.Fatalf("tagged: got %d, %v", v, ok)
				}
				if _, ok := c.Get("none"); ok {
					t.Fatal("found what is not there")
				}
			}
			s := c.Stats()
			if s.Hits != (keys+1)*each || s.Misses != each || s.MoneySaved != (keys+1)*each {
				t.Errorf("%d hits, %d misses, %v saved", s.Hits, s.Misses, s.MoneySaved)
			}
			for _, info := range c.Hottest(100) {
				if info.Accesses != each || info.LastAccess.IsZero() {
					t.Errorf("%s: %d accesses, the last at %v", info.Key, info.Accesses, info.LastAccess)
				}
			}
		})
	}
}

// What is over is not served, and what is under a cleared tag, while the clock ticks.
func TestTickingClockEndsValues(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[int]{})
	if err := c.Set("brief", 1, EntryOptions{TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	set(t, c, "tagged", 1, "t")
	clock := c.store.clock
	now := clock.now()
	for _, test := range []struct {
		at   time.Duration
		want bool
	}{{0, true}, {time.Hour - time.Minute, true}, {time.Hour + time.Minute, false}} {
		clock.ticked.Store(now + int64(test.at))
		c.Get("other") // who reads first tells the clock
		if _, ok := c.Get("brief"); ok != test.want {
			t.Errorf("after %v: %v", test.at, ok)
		}
	}
	clock.ticked.Store(now)
	if _, ok := c.Get("tagged"); !ok {
		t.Error("the tagged value is gone")
	}
	c.store.tags.clear("t")
	if _, ok := c.Get("tagged"); ok {
		t.Error("a value under a cleared tag")
	}
}

// A hit allocates nothing, however it is asked for.
func TestHitsAllocateNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector has pools forget")
	}
	c := newCache(t, Config{}, Options[string]{})
	set(t, c, "key", "value")
	load := func(context.Context) (string, error) { return "value", nil }
	loading := c.Loading(EntryOptions{}, func(context.Context, string) (string, error) { return "value", nil })
	byText := called(t, c, "text", "question")
	byLong := called(t, c, "long", strings.Repeat("long ", 100))
	byNumber := called(t, c, "number", 7)
	byStruct := called(t, c, "struct", struct {
		question
		At    time.Time
		Tags  []string
		Score float64
		Next  *question
		room  [20]int
	}{question{"a", 1}, time.Now(), []string{"a", "b"}, 0.5, &question{"b", 2}, [20]int{}})
	for name, hit := range map[string]func(){
		"get":                func() { c.Get("key") },
		"get or load":        func() { _, _ = c.GetOrLoad(t.Context(), "key", load) },
		"loading":            func() { _, _ = loading(t.Context(), "key") },
		"function of a text": byText, "function of a long text": byLong,
		"function of a number": byNumber, "function of a struct": byStruct,
	} {
		hit() // loads
		if n := testing.AllocsPerRun(1000, hit); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if s := c.Stats(); s.Loads != 4 || s.Hits < 7*1000 {
		t.Errorf("%d loads, %d hits", s.Loads, s.Hits)
	}
}

// called is a call of a cached function with an argument.
func called[A any](tb testing.TB, c *Cache[string], prefix string, args A) func() {
	tb.Helper()
	f, err := Func(c, prefix, EntryOptions{}, func(context.Context, A) (string, error) { return "value", nil })
	if err != nil {
		tb.Fatal(err)
	}
	ctx := tb.Context()
	return func() {
		if v, err := f(ctx, args); v != "value" || err != nil {
			tb.Errorf("%s: %q, %v", prefix, v, err)
		}
	}
}

// Calls of a function at the same time do not mix their arguments up, which share their room.
func TestFunctionAtTheSameTime(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[string]{})
	f, err := Func(c, "f", EntryOptions{}, func(_ context.Context, q question) (string, error) {
		return q.Text + strconv.Itoa(q.Top), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	together(8, func(i int) {
		for n := range 500 {
			q := question{strings.Repeat("q", n*i%300), n % 50}
			if got, err := f(context.Background(), q); err != nil || got != q.Text+strconv.Itoa(q.Top) {
				t.Errorf("%v: %q, %v", q, got, err)
			}
		}
	})
}

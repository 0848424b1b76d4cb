package cache

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// Load times count as far as a key's agree: not at all when it is the moment that is slow, and
// fully when it is the key.
func TestPriceOfLoadTimes(t *testing.T) {
	t.Parallel()
	const keys = 100
	r := rand.New(rand.NewPCG(1, 1))
	for _, tt := range []struct {
		name        string
		took        func(key int) time.Duration
		least, most float64 // how many times the price of a slow load is that of a quick one
	}{
		{"the moment", func(int) time.Duration { return time.Duration(1+r.IntN(100)) * time.Millisecond }, 1, 1.5},
		{"the key", func(key int) time.Duration { return time.Duration(1+key) * time.Millisecond }, 90, 101},
		{"too quick to tell", func(key int) time.Duration { return time.Duration(1+key) * time.Microsecond }, 1, 1},
		{"all the same", func(int) time.Duration { return time.Second }, 1, 1},
	} {
		var p pricer
		if got := p.price(time.Hour); got != 1 {
			t.Errorf("%s: an hour is worth %v before anything was loaded twice", tt.name, got)
		}
		for range 20 {
			for key := range keys {
				p.observe(uint64(key), tt.took(key))
			}
		}
		times := float64(p.price(tt.took(keys-1)+0)) / float64(p.price(tt.took(0)))
		if tt.name == "the moment" {
			times = float64(p.price(100*time.Millisecond)) / float64(p.price(time.Millisecond))
		}
		if times < tt.least*0.999 || times > tt.most {
			t.Errorf("%s: %.2f times as dear, want %v to %v", tt.name, times, tt.least, tt.most)
		}
	}
}

// Of two kinds of answers that are asked for alike and do not fit together, the dear ones stay.
func TestDearAnswersStay(t *testing.T) {
	t.Parallel()
	saved := func(priced bool) float64 {
		opts := Options[int]{Cost: func(int) int64 { return 1000 }}
		if priced {
			opts.Price = func(v int) float64 {
				if v%2 == 0 {
					return 0.10
				}
				return 0.001
			}
		}
		c := newCache(t, Config{MaxEntries: 1 << 20, MaxBytes: 300_000}, opts)
		fixedHash(c.store)
		r, sum := rand.New(rand.NewPCG(3, 3)), 0.0
		for range 50_000 {
			if key := r.IntN(500); access(t, c, key) && key%2 == 0 {
				sum++
			}
		}
		checkStore(t, c.store)
		return sum / 25_000
	}
	blind, priced := saved(false), saved(true)
	if priced < 0.85 || blind > 0.6 {
		t.Errorf("%.0f %% of the dear ones were hits with prices, %.0f %% without", 100*priced, 100*blind)
	}
}

// What hits spare is the time and the price of the loads that they did not need.
func TestSavings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{}, Options[int]{Price: func(v int) float64 { return float64(v) }})
		load := func(context.Context) (int, error) {
			time.Sleep(2 * time.Second)
			return 3, nil
		}
		for i := range 4 {
			if _, err := c.GetOrLoad(t.Context(), "k", load); err != nil {
				t.Fatal(err)
			}
			if s := c.Stats(); s.TimeSaved != 2*float64(i) || s.MoneySaved != 3*float64(i) {
				t.Errorf("after %d hits: %v s and %v saved", i, s.TimeSaved, s.MoneySaved)
			}
		}
		info, _ := c.Inspect("k")
		if info.LoadSeconds != 2 || info.Price != 3 {
			t.Errorf("the load took %v s and cost %v", info.LoadSeconds, info.Price)
		}
		// Many hits are counted in bundles; all of them are by the time the entry leaves.
		for range 97 {
			c.Get("k")
		}
		if s := c.Stats(); s.TimeSaved < 2*(100-bundle) || s.TimeSaved > 200 {
			t.Errorf("after 100 hits: %v s saved", s.TimeSaved)
		}
		c.Delete("k")
		if s := c.Stats(); s.TimeSaved != 200 || s.MoneySaved != 300 {
			t.Errorf("afterwards: %v s and %v saved", s.TimeSaved, s.MoneySaved)
		}
		// A value set from outside may say what it took.
		if err := c.Set("set", 0, EntryOptions{Price: 5, LoadTime: time.Minute}); err != nil {
			t.Fatal(err)
		}
		c.Get("set")
		if s := c.Stats(); s.TimeSaved != 260 || s.MoneySaved != 305 {
			t.Errorf("at the end: %v s and %v saved", s.TimeSaved, s.MoneySaved)
		}
	})
}

// The figures of the group are the sums.
func TestSavingsOfTheGroup(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	for i := range 3 {
		c := named(t, g, strconv.Itoa(i), Options[int]{})
		if err := c.Set("k", 0, EntryOptions{Price: 1, LoadTime: time.Second}); err != nil {
			t.Fatal(err)
		}
		c.Get("k")
	}
	if s := g.Stats(); s.TimeSaved != 3 || s.MoneySaved != 3 {
		t.Errorf("%v s and %v saved", s.TimeSaved, s.MoneySaved)
	}
}

func TestBadPrices(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[int]{Price: func(v int) float64 { return float64(v) }})
	for _, bad := range []EntryOptions{
		{Price: -1},
		{Price: math.NaN()},
		{Price: math.Inf(1)},
		{LoadTime: -1},
	} {
		if err := c.Set("k", 1, bad); !errors.Is(err, ErrBadPrice) {
			t.Errorf("set with %+v: %v", bad, err)
		}
		_, err := c.GetOrLoadWith(t.Context(), "k", bad, func(context.Context) (int, error) { return 1, nil })
		if !errors.Is(err, ErrBadPrice) {
			t.Errorf("load with %+v: %v", bad, err)
		}
	}
	if err := c.Set("k", -1, EntryOptions{}); !errors.Is(err, ErrBadPrice) {
		t.Errorf("a function that says -1: %v", err)
	}
	if c.Exists("k") {
		t.Error("it was stored")
	}
	if err := c.Set("k", 1, EntryOptions{Price: 1e-300}); err != nil {
		t.Errorf("a price that is next to nothing: %v", err)
	}
	checkStore(t, c.store)
}

// What a value took and cost survives the second tier.
func TestPriceOfTheSecondTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		a, b := join(t, shared, Config{}), join(t, shared, Config{})
		opts := EntryOptions{Price: 0.25}
		_, err := a.texts.GetOrLoadWith(t.Context(), "k", opts, func(context.Context) (string, error) {
			time.Sleep(time.Second)
			return "v", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := b.load("k", "another", EntryOptions{}); got != "v" {
			t.Fatalf("the second process loaded %q itself", got)
		}
		b.texts.Get("k")
		if s := b.texts.Stats(); s.TimeSaved != 1 || s.MoneySaved != 0.25 {
			t.Errorf("%v s and %v saved", s.TimeSaved, s.MoneySaved)
		}
	})
}

// The time of a load of many keys is shared by its values.
func TestSavingsOfManyLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{}, Options[int]{})
		keys := []string{"a", "b", "c", "d"}
		_, err := c.GetOrLoadMany(t.Context(), keys, EntryOptions{}, func(_ context.Context, keys []string) (map[string]int, error) {
			time.Sleep(4 * time.Second)
			found := map[string]int{}
			for _, key := range keys {
				found[key] = 1
			}
			return found, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			c.Get(key)
		}
		if got := c.Stats().TimeSaved; got != 4 {
			t.Errorf("%v s saved by a hit of each, the load took 4", got)
		}
	})
}

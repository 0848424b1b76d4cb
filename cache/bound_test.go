package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"
)

// Whatever many goroutines do at once, no figure is ever above its bound, and afterwards the
// figures are those of what is held.
func TestBoundHoldsUnderConcurrentWrites(t *testing.T) {
	t.Parallel()
	const budget, entries = 60_000, 50
	g := newGroup(t, Config{MaxBytes: budget, MaxEntries: entries})
	caches := []*Cache[int]{}
	for i := range 3 {
		caches = append(caches, named(t, g, fmt.Sprint("c", i), Options[int]{
			Limits: Limits{MaxBytes: int64(i) * 20_000},
			Cost:   func(v int) int64 { return int64(v) },
		}))
	}
	steps := 4000
	if underRace {
		steps = 1000
	}
	stop, watched := make(chan struct{}), make(chan int)
	go func() {
		looks := 0
		for ; ; looks++ {
			select {
			case <-stop:
				watched <- looks
				return
			default:
			}
			s := g.Stats()
			if s.Bytes > budget || s.Bytes > s.MaxBytes || s.MemoryUsageRatio > 1 {
				t.Errorf("%d bytes held, budget %d", s.Bytes, s.MaxBytes)
			}
			for name, n := range s.Caches {
				if n.Entries > n.MaxEntries || n.Bytes > n.MaxBytes {
					t.Errorf("%s holds %d entries, %d bytes of %d, %d", name, n.Entries, n.Bytes, n.MaxEntries, n.MaxBytes)
				}
			}
		}
	}()
	together(8, func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		for range steps {
			act(t, g, caches[r.IntN(len(caches))], r)
		}
	})
	close(stop)
	if looks := <-watched; looks == 0 {
		t.Error("nobody looked")
	}
	var kept, gone uint64
	for _, c := range caches {
		checkStore(t, c.store)
		s := c.Stats()
		kept += uint64(s.Entries)
		gone += s.Evictions
	}
	if kept == 0 || gone == 0 {
		t.Errorf("%d entries kept, %d evicted: the test does not test", kept, gone)
	}
	g.ClearAll(context.Background())
	if s := g.Stats(); s.Entries != 0 || s.Bytes != 0 || s.Tags != 0 {
		t.Errorf("after clearing all: %d entries, %d bytes, %d tags", s.Entries, s.Bytes, s.Tags)
	}
}

// act does one thing, drawn by r.
func act(t *testing.T, g *Group, c *Cache[int], r *rand.Rand) {
	t.Helper()
	key, tag := strconv.Itoa(r.IntN(200)), "t"+strconv.Itoa(r.IntN(5))
	ctx := context.Background()
	switch r.IntN(40) {
	case 0:
		c.Delete(key)
	case 1:
		g.ClearTag(ctx, tag)
	case 2:
		g.ClearPattern(ctx, key[:1]+"?")
	case 3:
		g.Shrink(0.9)
	case 4:
		g.Cleanup()
	case 5:
		if err := g.Apply(Config{MaxBytes: int64(30_000 + r.IntN(30_000)), MaxEntries: 10 + r.IntN(41)}); err != nil {
			t.Error(err)
		}
	case 6:
		c.Clear()
	case 7, 8, 9, 10, 11, 12, 13, 14:
		c.Get(key)
	case 15, 16, 17, 18, 19, 20:
		want := r.IntN(5000)
		v, err := c.GetOrLoadWith(ctx, key, EntryOptions{Tags: []string{tag}}, func(context.Context) (int, error) {
			return want, nil
		})
		if err != nil || v < 0 {
			t.Errorf("load: %d, %v", v, err)
		}
	default:
		opts := EntryOptions{Tags: []string{tag}, TTL: time.Duration(1+r.IntN(1000)) * time.Microsecond}
		if err := c.Set(key, r.IntN(5000), opts); err != nil && !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
	}
}

// The cache agrees with a map at every step as long as everything fits.
func TestAgreesWithAMap(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[int]{})
	want := map[string]int{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		key := strconv.Itoa(r.IntN(300))
		switch r.IntN(10) {
		case 0:
			_, had := want[key]
			if got := c.Delete(key); got != had {
				t.Fatalf("step %d: delete %s: %v, want %v", i, key, got, had)
			}
			delete(want, key)
		case 1, 2, 3, 4:
			set(t, c, key, i)
			want[key] = i
		default:
			v, ok := c.Get(key)
			if model, had := want[key]; ok != had || v != model {
				t.Fatalf("step %d: get %s: %d, %v, want %d, %v", i, key, v, ok, model, had)
			}
		}
	}
	if n := c.Clear(); n != len(want) {
		t.Errorf("cleared %d, want %d", n, len(want))
	}
	checkStore(t, c.store)
}

// Room is made for the value being written, which is never the one to go.
func TestNewestStays(t *testing.T) {
	t.Parallel()
	for _, bound := range []int{1, 2, 7} {
		c := newCache(t, Config{MaxEntries: bound}, Options[int]{})
		for i := range 100 {
			key := strconv.Itoa(i)
			set(t, c, key, i)
			if !c.Exists(key) {
				t.Fatalf("bound %d: write %d evicted itself", bound, i)
			}
			c.Get(key)
			c.Get(key)
			c.Get(key)
		}
		if s := c.Stats(); s.Entries != bound || s.EvictionsByCause["entries"] != uint64(100-bound) {
			t.Errorf("bound %d: %d entries, evictions %v", bound, s.Entries, s.EvictionsByCause)
		}
	}
}

// One large value takes the place of as many small ones as it must.
func TestLargeValueTakesRoom(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxBytes: 100 * 1000}, Options[int]{Cost: func(v int) int64 { return int64(v) }})
	for i := range 100 {
		set(t, c, fmt.Sprintf("%03d", i), 1000-EntryOverheadBytes-3)
	}
	if s := c.Stats(); s.Entries != 100 || s.Bytes != 100_000 || s.Evictions != 0 {
		t.Fatalf("%d entries of %d bytes, %d evicted: should fit exactly", s.Entries, s.Bytes, s.Evictions)
	}
	set(t, c, "big", 50_000-EntryOverheadBytes-3)
	if s := c.Stats(); s.Entries != 51 || s.Bytes != 100_000 || s.EvictionsByCause["bytes"] != 50 {
		t.Errorf("%d entries of %d bytes, evicted %v", s.Entries, s.Bytes, s.EvictionsByCause)
	}
	checkStore(t, c.store)
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// What an entry is accounted with beyond its value, key and tags is what it takes, within a
// margin: never less, so that the budget is one of memory, and not half as much again.
func TestOverheadIsWhatAnEntryTakes(t *testing.T) {
	if underRace {
		t.Skip("the race detector has the heap grow")
	}
	const n = 33_000 // a little more than a power of two, up to which the table and the sketch have room
	value := new(int)
	for _, tt := range []struct {
		name      string
		key, tags int
	}{
		{"plain", 16, 0},
		{"two tags of its own", 16, 2},
		// Those that just do not fit what is allocated for shorter ones.
		{"key of 17 bytes", 17, 0},
		{"key of 209 bytes", 209, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCache(t, Config{MaxEntries: n, MaxBytes: 1 << 30}, Options[*int]{Cost: func(*int) int64 { return 0 }})
			before := liveHeap()
			for i := range 2 * n { // once around, so that as many are remembered
				key := fmt.Sprintf("key-%0*d", tt.key-4, i)
				var tags []string
				for j := range tt.tags {
					tags = append(tags, fmt.Sprintf("tag-%d-%08d", j, i))
				}
				set(t, c, key, value, tags...)
			}
			accounted := c.Stats().Bytes
			taken := int64(liveHeap() - before)
			t.Logf("taken %d, accounted %d bytes an entry", taken/n, accounted/n)
			if taken > accounted || taken < accounted/2 {
				t.Errorf("%d bytes an entry, accounted %d", taken/n, accounted/n)
			}
			runtime.KeepAlive(c)
		})
	}
}

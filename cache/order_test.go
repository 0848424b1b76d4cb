package cache

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/maypok86/otter/v2"
)

// zipf draws keys with a probability that falls with the power s of their rank.
func zipf(s float64, n int, seed uint64) []int {
	const keys = 50_000
	r := rand.New(rand.NewPCG(seed, 1))
	sums, sum := make([]float64, keys), 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -s)
		sums[i] = sum
	}
	out := make([]int, n)
	for i := range out {
		u := r.Float64() * sum
		low, high := 0, keys-1
		for low < high {
			if m := (low + high) / 2; sums[m] < u {
				low = m + 1
			} else {
				high = m
			}
		}
		out[i] = low
	}
	return out
}

// traces are keys asked for, one after the other.
func traces(n int) map[string][]int {
	r := rand.New(rand.NewPCG(5, 5))
	scans, shift, recent, loop := zipf(1, n, 2), zipf(1, n, 3), make([]int, n), make([]int, n)
	for i := range n {
		if i%10_000 < 2_500 {
			scans[i] = 1_000_000 + i
		}
		shift[i] += i / 25_000 * 300
		recent[i] = i/4 - int(r.ExpFloat64()*300)
		loop[i] = i % 1000
	}
	return map[string][]int{
		"zipf 0.8": zipf(0.8, n, 1), "zipf 1.0": zipf(1, n, 1), "zipf 1.2": zipf(1.2, n, 1),
		"zipf 1.0 with scans": scans, "zipf 1.0 that shifts": shift, "recent": recent, "loop": loop,
	}
}

// hitRatio is that of a lookup and a write when it misses, in percent.
func hitRatio(trace []int, get func(string) bool, put func(string)) float64 {
	hits := 0
	for _, k := range trace {
		if key := strconv.Itoa(k); get(key) {
			hits++
		} else {
			put(key)
		}
	}
	return 100 * float64(hits) / float64(len(trace))
}

// The order must not fall behind otter's adaptive W-TinyLFU, drained at every call so that it
// holds its maximum, by more than two points, whichever bound is the one reached. The loop is the
// known exception. Everything is counted and seeded, so the figures are the same at each run but
// for the seeds of the hashes.
func TestHitRatio(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("one goroutine; runs without the race detector")
	}
	for name, trace := range traces(100_000) {
		for _, size := range []int{128, 1000, 8000} {
			if name == "loop" && size > 1000 {
				continue
			}
			o := otter.Must(&otter.Options[string, int]{MaximumSize: size, Executor: func(f func()) { f() }})
			theirs := hitRatio(trace, func(key string) bool {
				_, ok := o.GetIfPresent(key)
				return ok
			}, func(key string) { o.Set(key, 1) })
			ours := map[string]float64{}
			for bound, cfg := range map[string]Config{
				"entries": {MaxEntries: size, MaxBytes: maxBytes},
				"bytes":   {MaxEntries: 1 << 20, MaxBytes: int64(size) * 1000},
			} {
				c := newCache(t, cfg, Options[int]{})
				ours[bound] = hitRatio(trace, func(key string) bool {
					_, ok := c.Get(key)
					return ok
				}, func(key string) {
					c.store.cost = func(any) int64 { return int64(1000 - EntryOverheadBytes - len(key)) }
					set(t, c, key, 1)
				})
				checkStore(t, c.store)
			}
			t.Logf("%-20s %5d entries: otter %5.2f %%, entries bound %5.2f %%, bytes bound %5.2f %%",
				name, size, theirs, ours["entries"], ours["bytes"])
			for bound, got := range ours {
				if name != "loop" && got < theirs-2 {
					t.Errorf("%s, %d entries, bound by %s: %.2f %%, otter %.2f %%", name, size, bound, got, theirs)
				}
			}
		}
	}
}

// An entry that is used often outlives any number of entries that are used once.
func TestScanDoesNotEvictWhatIsUsed(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 100}, Options[int]{})
	set(t, c, "hot", 1)
	for i := range 10_000 {
		if i%10 == 0 {
			if _, ok := c.Get("hot"); !ok {
				t.Fatalf("evicted after %d others", i)
			}
		}
		set(t, c, strconv.Itoa(i), i)
	}
}

// What is remembered of evicted keys is bounded by what the cache holds.
func TestGhostsAreBounded(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 100}, Options[int]{})
	for i := range 10_000 {
		set(t, c, strconv.Itoa(i), i)
	}
	g := c.store.order.ghosts
	if n := len(g.young) + len(g.old); n < 40 || n > 110 {
		t.Errorf("%d ghosts of 100 entries", n)
	}
}

// A key that comes back soon after it was evicted is kept as one that is used.
func TestGhostComesBackToMain(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 100}, Options[int]{})
	for i := range 101 {
		set(t, c, strconv.Itoa(i), i)
	}
	if c.Exists("0") {
		t.Fatal("the first in was not the first out")
	}
	set(t, c, "0", 0)
	if e, _ := c.store.table.GetIfPresent("0"); e.queue != mainQueue {
		t.Errorf("a key that came back is in queue %d", e.queue)
	}
	set(t, c, "new", 0)
	if e, _ := c.store.table.GetIfPresent("new"); e.queue != smallQueue {
		t.Errorf("a new key is in queue %d", e.queue)
	}
}

// A new value of a key that is used keeps its rank.
func TestReplacedKeepsItsRank(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 10}, Options[int]{})
	set(t, c, "used", 1)
	c.Get("used")
	set(t, c, "used", 2)
	for i := range 20 {
		set(t, c, strconv.Itoa(i), i)
	}
	if v, ok := c.Get("used"); !ok || v != 2 {
		t.Errorf("got %d, %v", v, ok)
	}
}

// Large values on probation give way to each other, not what is used to them.
func TestLargeOnProbationDoesNotEvictWhatIsUsed(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxBytes: 100_000}, Options[int]{Cost: func(v int) int64 { return int64(v) }})
	for i := range 50 {
		key := strconv.Itoa(i)
		set(t, c, key, 700)
		c.Get(key)
		c.Get(key)
	}
	for i := range 10 {
		set(t, c, "large "+strconv.Itoa(i), 40_000)
	}
	if n := c.store.order.main.entries; n != 50 {
		t.Errorf("%d of 50 used values are left", n)
	}
}

package cache

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// access looks a key up and stores it when it is not there.
func access(tb testing.TB, c *Cache[int], key int) bool {
	tb.Helper()
	name := strconv.Itoa(key)
	if _, ok := c.Get(name); ok {
		return true
	}
	set(tb, c, name, key)
	return false
}

// The plan in force follows the traffic: a loop over more than fits, recency without popularity,
// and the loop again.
func TestPlanFollowsTraffic(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 500}, Options[int]{})
	fixedHash(c.store)
	r := rand.New(rand.NewPCG(1, 1))
	loop := func(i int) int { return i % 1000 }
	recent := func(i int) int { return 1_000_000 + i/3 - r.IntN(300) }
	for _, tt := range []struct {
		name string
		key  func(i int) int
		want []string
		hits int // of the last 10,000
	}{
		{"a loop", loop, []string{"worth", "frequency"}, 4000},
		{"recent keys", recent, []string{"recency", "long_probation"}, 6000},
		{"the loop again", loop, []string{"worth", "frequency"}, 4000},
	} {
		hits := 0
		for i := range 30_000 {
			if access(t, c, tt.key(i)) && i >= 20_000 {
				hits++
			}
		}
		if got := c.Stats().Policy; !slices.Contains(tt.want, got) || hits < tt.hits {
			t.Errorf("%s: %s with %d hits of 10000, want %v with %d", tt.name, got, hits, tt.want, tt.hits)
		}
	}
	checkStore(t, c.store)
}

// Keys that were invalidated are no keys that a better plan would have kept.
func TestInvalidatedKeysAreForgotten(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 100}, Options[int]{})
	for i := range 300 {
		access(t, c, i)
	}
	hash := c.store.hash("299")
	known := func() int {
		n := 0
		for i := range c.store.tuner.shadows {
			if c.store.tuner.shadows[i].nodes.get(hash) != nil {
				n++
			}
		}
		return n
	}
	if known() == 0 {
		t.Fatal("no shadow knows the key that came last")
	}
	c.Delete("299")
	if n := known(); n != 0 {
		t.Errorf("%d shadows still know a key that was deleted", n)
	}
	c.Clear()
	for i := range c.store.tuner.shadows {
		if s := &c.store.tuner.shadows[i]; s.nodes.len() != 0 || s.entries() != 0 || s.bytes() != 0 {
			t.Errorf("shadow %s holds %d, its order %d", s.name, s.nodes.len(), s.entries())
		}
	}
	if len(c.store.tuner.held) != 0 {
		t.Errorf("%d keys in the sample of an empty cache", len(c.store.tuner.held))
	}
}

// A cache that holds far less than before starts a sample of its own size.
func TestSampleFitsTheSize(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{MaxEntries: 20_000})
	c := named(t, g, "test", Options[int]{})
	rates := []int{}
	for _, entries := range []int{20_000, 100} {
		if err := g.Apply(Config{MaxEntries: entries}); err != nil {
			t.Fatal(err)
		}
		for i := range 30_000 {
			access(t, c, i)
		}
		rates = append(rates, c.store.tuner.rate)
	}
	if rates[0] < 32 || rates[1] != 1 {
		t.Errorf("one key of %d for 20000 entries, of %d for 100", rates[0], rates[1])
	}
}

// What is handed over was noted, and nobody waits, however many note at once.
func TestSamplerUnderConcurrency(t *testing.T) {
	t.Parallel()
	var s sampler
	var all sync.WaitGroup
	noted := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for i := range 10_000 {
				s.note(uint64(i%100 + 1))
			}
		})
	}
	go func() {
		all.Wait()
		close(noted)
	}()
	taken := 0
	take := func(hash uint64) {
		if taken++; hash < 1 || hash > 100 {
			t.Errorf("%d was never noted", hash)
		}
	}
	for ended := false; !ended; {
		select {
		case <-noted:
			ended = true
		default:
		}
		s.take(take)
	}
	if taken == 0 || taken > 40_000 {
		t.Errorf("%d taken of 40000", taken)
	}
	for range 2 * samplerSize {
		s.note(7)
	}
	taken = 0
	s.take(take)
	if taken != samplerSize {
		t.Errorf("a full ring gave %d of %d", taken, samplerSize)
	}
}

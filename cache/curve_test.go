package cache

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// curveOf plays a trace in a cache at a pace that lets every lookup be followed, and returns what
// its curve says.
func curveOf(t *testing.T, cfg Config, trace []int) (points []CurvePoint) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, cfg, Options[int]{Cost: func(int) int64 { return 100 }})
		fixedHash(c.store)
		n := 0
		hitRatio(trace, func(key string) bool {
			if n++; n%(SampleRate/2) == 0 {
				time.Sleep(time.Second)
			}
			_, ok := c.Get(key)
			return ok
		}, func(key string) { set(t, c, key, 1) })
		points = c.Stats().Curve
	})
	if len(points) != len(scales) {
		t.Fatalf("%d points", len(points))
	}
	return points
}

// checkCurve compares a curve with real caches of its sizes, which choose their plans by another
// sample than the models do. Its own error, three times over, is allowed too.
func checkCurve(t *testing.T, cfg Config, trace []int) {
	t.Helper()
	line := ""
	for _, p := range curveOf(t, cfg, trace) {
		at := cfg
		at.MaxEntries, at.MaxBytes = int(p.Scale*float64(cfg.MaxEntries)), int64(p.Scale*float64(cfg.MaxBytes))
		c := newCache(t, at, Options[int]{Cost: func(int) int64 { return 100 }})
		fixedHash(c.store)
		c.store.curve.followed.Store(0) // it needs none
		want := hitRatio(trace, func(key string) bool {
			_, ok := c.Get(key)
			return ok
		}, func(key string) { set(t, c, key, 1) })
		got, allowed := 100*p.HitRatio, 1.5+300*p.ErrorRatio
		line += fmt.Sprintf("  %.2f: %.1f is %.1f ±%.1f", p.Scale, got, want, 100*p.ErrorRatio)
		if math.Abs(got-want) > allowed {
			t.Errorf("scale %v: expected %.2f %%, is %.2f %%, off by more than %.2f", p.Scale, got, want, allowed)
		}
		if s := c.Stats(); p.ErrorRatio == 0 && (!near(float64(p.Entries), float64(s.Entries)) || !near(float64(p.Bytes), float64(s.Bytes))) {
			t.Errorf("scale %v: expected %d entries of %d bytes, holds %d of %d", p.Scale, p.Entries, p.Bytes, s.Entries, s.Bytes)
		}
	}
	t.Log(line)
}

func near(a, b float64) bool { return math.Abs(a-b) <= 0.02*max(a, b)+1 }

func TestCurvePredictsOtherSizes(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("one goroutine; runs without the race detector")
	}
	for name, trace := range traces(20_000) {
		for _, cfg := range []Config{
			{MaxEntries: 200, MaxBytes: maxBytes / 8},
			{MaxEntries: 1500, MaxBytes: maxBytes / 8},
			{MaxEntries: maxEntries / 8, MaxBytes: 400 * 400},
		} {
			t.Run(fmt.Sprint(name, " ", min(cfg.MaxEntries, int(cfg.MaxBytes/400))), func(t *testing.T) {
				t.Parallel()
				checkCurve(t, cfg, trace)
			})
		}
	}
}

// readTrace reads a file of differences between the numbers of keys.
func readTrace(path string) ([]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(z)
	magic := make([]byte, 4)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "CTR1" {
		return nil, fmt.Errorf("%q: %w", magic, err)
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	_, err = binary.ReadUvarint(r)
	trace, key := make([]int, n), int64(0)
	for i := range trace {
		difference, failed := binary.ReadVarint(r)
		err = errors.Join(err, failed)
		key += difference
		trace[i] = int(key)
	}
	return trace, err
}

// Real traffic, where it is at hand.
func TestCurveOfTraces(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("one goroutine; runs without the race detector")
	}
	for name, sizes := range map[string][]int{
		"web12": {250, 4000}, "loop": {512}, "multi3": {1000}, "sprite": {400},
	} {
		for _, size := range sizes {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				t.Parallel()
				trace, err := readTrace(filepath.Join("..", "..", "shared", "traces", name+".ctr.gz"))
				if errors.Is(err, os.ErrNotExist) {
					t.Skip("no traces at hand: ", err)
				}
				if err != nil {
					t.Fatal(err)
				}
				checkCurve(t, Config{MaxEntries: size, MaxBytes: maxBytes / 8}, trace)
			})
		}
	}
}

func TestCurveNeedsLookups(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 100}, Options[int]{})
	set(t, c, "a", 1)
	for range minLookups - 1 {
		c.Get("a")
	}
	if s := c.Stats(); s.Curve != nil || s.CurveLookups != minLookups-1 || s.Followed != minLookups-1 || s.SampleRatio != 1 {
		t.Errorf("%v of %d lookups, %d followed, sample %v", s.Curve, s.CurveLookups, s.Followed, s.SampleRatio)
	}
	c.Get("b")
	s := c.Stats()
	if len(s.Curve) != len(scales) || s.Curve[present].HitRatio != s.HitRatio || s.Curve[present].Entries != 1 {
		t.Fatalf("%+v", s.Curve)
	}
}

// What was counted at one size says nothing of another.
func TestCurveBeginsAnewWithTheSize(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{MaxEntries: 100})
	c := named(t, g, "test", Options[int]{})
	for i := range 4000 {
		key := strconv.Itoa(i % 50)
		if _, ok := c.Get(key); !ok {
			set(t, c, key, i)
		}
	}
	if err := g.Apply(Config{MaxEntries: 100, DefaultTTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if n := c.Stats().CurveLookups; n != 4000 {
		t.Errorf("%d lookups after a change of the time to live", n)
	}
	if err := g.Apply(Config{MaxEntries: 40}); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.CurveLookups != 0 || s.Curve != nil {
		t.Errorf("%d lookups of another size", s.CurveLookups)
	}
	for i := range 4000 {
		key := strconv.Itoa(i % 50)
		if _, ok := c.Get(key); !ok {
			set(t, c, key, i)
		}
	}
	curve := c.Stats().Curve
	if at := curve[3]; at.HitRatio < curve[present].HitRatio+0.3 || at.HitRatio < 0.95 || at.Entries != 50 {
		t.Errorf("80 entries for 50 keys: %+v, with 40: %+v", at, curve[present])
	}
}

// Invalidated keys and those whose time is over are not expected to be found at any size.
func TestCurveFollowsInvalidations(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{MaxEntries: 10})
	c := named(t, g, "test", Options[int]{})
	fixedHash(c.store)
	c.store.order.plan = plans[len(plans)-1] // what came last stays
	for i := range c.store.curve.models {
		c.store.curve.models[i].order.plan = c.store.order.plan
		c.store.curve.models[i].plan, c.store.curve.models[i].tuner.seen = len(plans)-1, math.MinInt
	}
	held := func() (n int) {
		for i := range c.store.curve.models {
			n += c.store.curve.models[i].held.len()
		}
		return n
	}
	fill := func() {
		for i := range 100 {
			if err := c.Set(strconv.Itoa(i), i, EntryOptions{Tags: []string{"all"}}); err != nil {
				t.Fatal(err)
			}
		}
		if n := held(); n != 3+5+10+20+40 {
			t.Fatalf("models hold %d", n)
		}
	}
	fill()
	c.Delete("99") // held by all
	c.Delete("70") // only by the largest
	if n := held(); n != 3+5+10+20+40-6 {
		t.Errorf("after two keys were deleted models hold %d", n)
	}
	fill()
	g.ClearTag(t.Context(), "all")
	for i := range 10 {
		c.Get(strconv.Itoa(90 + i))
	}
	if n := held(); n != 10+30 { // the largest two had more than the cache
		t.Errorf("after the tag was cleared models hold %d", n)
	}
	fill()
	c.Clear()
	if n := held(); n != 0 {
		t.Errorf("after all was cleared models hold %d", n)
	}
}

func TestCurveLetsEntriesExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{MaxEntries: 10, DefaultTTL: time.Minute}, Options[int]{})
		for range 200 {
			for i := range 20 {
				key := strconv.Itoa(i)
				if _, ok := c.Get(key); !ok {
					set(t, c, key, i)
				}
			}
			time.Sleep(31 * time.Second) // each is asked twice in its time
		}
		curve := c.Stats().Curve
		if at := curve[4].HitRatio; at != 0.5 {
			t.Errorf("with room for all the curve says %v, half are over", at)
		}
	})
}

// A burst makes the sample as small as still says something, and then a pause; quiet makes it larger
// again.
func TestCurveSampleFollowsTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, Config{MaxEntries: 1000})
		c := named(t, g, "test", Options[int]{})
		const burst = 1 << 17
		c.store.curve.pace.burst, c.store.curve.pace.credit = burst, burst
		keys := keysOf(2000)
		for i, key := range keys[:1000] {
			set(t, c, key, i)
		}
		ask := func(n int) {
			for i := range n {
				if key := keys[i%1000]; i%10 == 0 {
					c.Get(keys[1000+i/10%1000]) // a miss
				} else {
					c.Get(key)
				}
			}
		}
		ask(3 * burst)
		s := c.Stats()
		if s.SampleRatio < 0.45 || s.SampleRatio > 0.6 {
			t.Errorf("sample is %v after a burst", s.SampleRatio)
		}
		if s.Followed < burst-ratePeriod || s.Followed > burst+3*ratePeriod {
			t.Errorf("%d lookups followed in a burst, %d may be", s.Followed, burst)
		}
		time.Sleep(5 * time.Second)
		ask(burst)
		if again := c.Stats(); again.Followed != s.Followed {
			t.Errorf("%d lookups followed after 5 s, %d before", again.Followed, s.Followed)
		}
		time.Sleep(5 * time.Second)
		ask(burst)
		if again := c.Stats(); again.Followed < s.Followed+burst/8 || again.Followed > s.Followed+burst {
			t.Errorf("%d lookups followed after 10 s, %d before", again.Followed, s.Followed)
		}
		for range 60 {
			time.Sleep(time.Minute)
			g.Cleanup()
		}
		if s := c.Stats(); s.SampleRatio != 1 {
			t.Errorf("sample is %v after an hour of quiet", s.SampleRatio)
		}
	})
}

// What is asked in a pause is like what was followed before and after it.
func TestCurvePauses(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("one goroutine; runs without the race detector")
	}
	const burst = 1 << 16
	trace := zipf(0.9, 3*burst, 1)
	ratio := func(t *testing.T, c *Cache[int], every int) float64 {
		t.Helper()
		n := 0
		return hitRatio(trace, func(key string) bool {
			if n++; n%every == 0 {
				time.Sleep(time.Second)
			}
			_, ok := c.Get(key)
			return ok
		}, func(key string) { set(t, c, key, 1) })
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{MaxEntries: 400}, Options[int]{})
		fixedHash(c.store)
		c.store.curve.pace.burst, c.store.curve.pace.credit = burst, burst
		ratio(t, c, burst/2)
		s := c.Stats()
		if s.Followed > uint64(len(trace)*3/4) {
			t.Errorf("%d of %d lookups followed, there was no pause", s.Followed, len(trace))
		}
		for _, p := range []CurvePoint{s.Curve[0], s.Curve[len(s.Curve)-1]} {
			other := newCache(t, Config{MaxEntries: int(400 * p.Scale)}, Options[int]{})
			other.store.curve.followed.Store(0) // it needs none
			if want := ratio(t, other, len(trace)+1); math.Abs(want-100*p.HitRatio) > 1.5 {
				t.Errorf("scale %v: expected %.2f %%, is %.2f %%", p.Scale, 100*p.HitRatio, want)
			}
		}
	})
}

// What is old weighs less, in the same proportion everywhere.
func TestCurveAges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{MaxEntries: 10}, Options[int]{})
		for i := range 4000 {
			key := strconv.Itoa(i % 20 * (i % 7))
			if _, ok := c.Get(key); !ok {
				set(t, c, key, i)
			}
		}
		before := c.Stats()
		v := c.store.curve
		v.age()
		if n := c.Stats().CurveLookups; n != 4000 {
			t.Errorf("%d lookups weigh at once", n)
		}
		time.Sleep(time.Duration(halveAfter))
		v.age()
		after := c.Stats()
		if after.CurveLookups != 2000 || !slices.EqualFunc(before.Curve, after.Curve, func(a, b CurvePoint) bool {
			return math.Abs(a.HitRatio-b.HitRatio) < 1e-3
		}) {
			t.Errorf("%d lookups: %+v, was %+v", after.CurveLookups, after.Curve, before.Curve)
		}
	})
}

// A curve takes what it may and not much less.
func TestCurveMemory(t *testing.T) {
	if underRace {
		t.Skip("measures memory")
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	v := newCurve(newClock(), func() (hits, misses uint64) { return 0, 0 })
	v.resize(limits{maxEntries: 100_000, maxBytes: maxBytes / 8}, 1)
	for i := range 1_000_000 {
		e := entry{node: node{hash: v.hash(strconv.Itoa(i)), bytes: 300, saves: 1}, life: life{stale: int64(time.Hour)}}
		if v.follows(e.hash) {
			v.pace.left = ratePeriod
			v.lookup("", &e)
		}
	}
	took := heap() - before
	held := 0
	for i := range v.models {
		held += v.models[i].held.len()
	}
	t.Logf("%d bytes for %d entries", took, held)
	if took > MaxCurveBytes || held < maxModelEntries*9/10 || took < MaxCurveBytes*7/10 {
		t.Errorf("%d bytes for %d entries, may take %d", took, held, MaxCurveBytes)
	}
	runtime.KeepAlive(v)
}

// Models hold what their orders say, whatever happens at once.
func TestCurveUnderLoad(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{MaxEntries: 100})
	c := named(t, g, "test", Options[int]{})
	together(8, func(worker int) {
		for i := range 3000 {
			key := strconv.Itoa((i*7 + worker) % 500)
			switch {
			case i%500 == 499:
				_ = g.Apply(Config{MaxEntries: 50 + i%100})
			case i%97 == 0:
				c.Delete(key)
			case i%701 == 0:
				c.Clear()
			case i%50 == 0:
				c.Stats()
			default:
				if _, ok := c.Get(key); !ok {
					_ = c.Set(key, i, EntryOptions{})
				}
			}
		}
	})
	v := c.store.curve
	for i := range v.models {
		m := &v.models[i]
		if n := m.order.entries(); n != m.held.len() || n > m.maxEntries {
			t.Errorf("model %d: %d in order, %d in table, may hold %d", i, n, m.held.len(), m.maxEntries)
		}
	}
	if lost := v.lost.Load(); lost > 24000 {
		t.Errorf("%d lookups lost", lost)
	}
}

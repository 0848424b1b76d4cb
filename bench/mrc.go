package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sentientcore/upshift/bench/contest"
	"github.com/sentientcore/upshift/bench/trace"
	"github.com/sentientcore/upshift/cache"
)

const (
	// curveError is how far a point of a curve may be off, in points of hit ratio.
	curveError = 1.5
	// getsPerSecond is what a cache is asked while the share of its curve is measured.
	getsPerSecond = 100_000
)

// measureCurves plays each trace in a cache of each size, as fast as it goes, and holds what the cache
// says of other sizes against caches of these sizes.
func measureCurves(ctx context.Context, r *rig) error {
	cells, err := r.cells()
	if err != nil {
		return err
	}
	points, within, worst, at := 0, 0, 0.0, ""
	for _, c := range cells {
		sizes := c.sizes
		if len(r.sizes) > 0 {
			sizes = r.sizes
		}
		known := map[int]float64{}
		for _, size := range sizes {
			off, note, err := curveErrors(ctx, c.Trace, max(size, 4), known)
			if err != nil {
				return err
			}
			bar, worstHere := fmt.Sprintf("mrc %s @%d", c.Name, size), 0.0
			for scale, by := range off {
				points++
				if worstHere = max(worstHere, by); by <= curveError {
					within++
				}
				if by > worst {
					worst, at = by, fmt.Sprintf("%s at %g ×", bar, scale)
				}
			}
			r.add(Row{Bar: bar, Figure: worstHere, Unit: "pts", Most: most(curveError), Note: note})
		}
	}
	r.add(Row{
		Bar: fmt.Sprintf("mrc points within %.1f", curveError), Figure: 100 * float64(within) / float64(points), Unit: "%", Least: least(100),
		Note: fmt.Sprintf("%d of %d, worst %.2f: %s", within, points, worst, at),
	})
	if err := r.curveBytes(); err != nil {
		return err
	}
	return r.curveShare(ctx)
}

// newCurved returns a cache of so many entries.
func newCurved(size int) (*cache.Cache[struct{}], error) {
	group, err := cache.New(cache.Config{MaxEntries: size, MaxBytes: 1 << 50})
	if err != nil {
		return nil, err
	}
	return cache.Named(group, "curved", cache.Options[struct{}]{Cost: func(struct{}) int64 { return 100 }})
}

// getOrSet looks a key up and stores it when it is not there.
func getOrSet(c *cache.Cache[struct{}], key string) error {
	if _, ok := c.Get(key); ok {
		return nil
	}
	return c.Set(key, struct{}{}, cache.EntryOptions{})
}

// curveErrors is by how many points the curve is off at each scale but the present one. The hit
// ratios of caches that were played are known.
func curveErrors(ctx context.Context, t trace.Trace, size int, known map[int]float64) (map[float64]float64, string, error) {
	names := keyNames(t.Distinct)
	c, err := newCurved(size)
	if err != nil {
		return nil, "", err
	}
	for i, k := range t.Keys {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		if err := getOrSet(c, names[k]); err != nil {
			return nil, "", err
		}
	}
	s := c.Stats()
	if len(s.Curve) == 0 {
		return nil, "", fmt.Errorf("%s @%d: no curve of %d lookups, %d followed", t.Name, size, len(t.Keys), s.Followed)
	}
	off, notes := map[float64]float64{}, []string{}
	for _, p := range s.Curve {
		if p.Scale == 1 {
			continue
		}
		at := max(int(p.Scale*float64(size)), 1)
		if _, ok := known[at]; !ok {
			if known[at], err = replayed(ctx, t, names, at); err != nil {
				return nil, "", err
			}
		}
		off[p.Scale] = 100 * math.Abs(p.HitRatio-known[at])
		notes = append(notes, fmt.Sprintf("%g × %.1f is %.1f", p.Scale, 100*p.HitRatio, 100*known[at]))
	}
	notes = append(notes, fmt.Sprintf("followed %d of %d, at last %.3f of the keys", s.Followed, len(t.Keys), s.SampleRatio))
	return off, strings.Join(notes, ", "), nil
}

// replayed is the hit ratio of a cache of another size.
func replayed(ctx context.Context, t trace.Trace, names []string, size int) (float64, error) {
	for _, k := range contest.Contenders(false) {
		if k.Name != contest.Upshift {
			continue
		}
		c, err := k.Make(int64(size), false)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		p, err := contest.Play(ctx, c, t.Keys, names, func(uint32) contest.Item { return contest.Item{Bytes: 1} })
		return float64(p.Hits) / float64(len(t.Keys)), err
	}
	return 0, fmt.Errorf("there is no contender %q", contest.Upshift)
}

// curveBytes is the memory that the curve of a cache holds, by the profile of all allocations.
func (r *rig) curveBytes() error {
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	defer func() { runtime.MemProfileRate = rate }()
	const keys, size = 400_000, 100_000
	c, err := newCurved(size)
	if err != nil {
		return err
	}
	names := keyNames(keys)
	for _, k := range trace.Zipf(0.8, keys, 2*size, r.seed).Keys {
		if err := getOrSet(c, names[k]); err != nil {
			return err
		}
	}
	held := 0.0
	for _, record := range inUse() {
		if frames := runtime.CallersFrames(record.Stack()); ofCurve(frames) {
			held += float64(record.InUseBytes())
		}
	}
	runtime.KeepAlive(c)
	r.add(Row{
		Bar: "mrc bytes of a curve", Figure: held / 1024, Unit: "KiB", Most: most(cache.MaxCurveBytes / 1024),
		Note: fmt.Sprintf("what is in use that it allocated, in a cache of %d entries", size),
	})
	return nil
}

// inUse are the allocations of this process that have not been given back.
func inUse() []runtime.MemProfileRecord {
	runtime.GC() // the profile is that of the collection before the last
	runtime.GC()
	for room := 1 << 12; ; room *= 2 {
		records := make([]runtime.MemProfileRecord, room)
		if n, ok := runtime.MemProfile(records, false); ok {
			return records[:n]
		}
	}
}

func ofCurve(frames *runtime.Frames) bool {
	for {
		f, more := frames.Next()
		if strings.Contains(f.Function, "cache.(*curve).") || strings.HasSuffix(f.Function, "cache.newCurve") {
			return true
		}
		if !more {
			return false
		}
	}
}

// curveShare is how much of a core a curve takes at a steady rate of lookups, from the start: what a
// lookup that is followed takes longer, times how many are.
func (r *rig) curveShare(ctx context.Context) error {
	const size = 10_000
	keys := trace.Zipf(1, 10*size, 1<<21, r.seed).Keys
	names := keyNames(10 * size)
	with, without := math.Inf(1), math.Inf(1)
	for range r.rounds { // the best of both: others shared the caches of the processor
		c, err := newCurved(size)
		if err != nil {
			return err
		}
		followed, err := each(c, names, keys[:cache.SampleBurst])
		if err != nil {
			return err
		}
		if _, err := each(c, names, keys); err != nil {
			return err
		}
		free, err := each(c, names, keys[:cache.SampleBurst])
		if err != nil {
			return err
		}
		with, without = min(with, followed), min(without, free)
	}
	cost := with - without
	c, err := newCurved(size)
	if err != nil {
		return err
	}
	length := r.length(time.Minute)
	r.progress("%d gets a second for %v", getsPerSecond, length)
	began, ticker := time.Now(), time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for i := 0; time.Since(began) < length; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		for due := int(time.Since(began).Seconds() * getsPerSecond); i < due; i++ {
			if err := getOrSet(c, names[keys[i%len(keys)]]); err != nil {
				return err
			}
		}
	}
	followed := float64(c.Stats().Followed)
	r.add(Row{
		Bar: "mrc share of a core at 100,000 gets/s", Figure: followed * cost / time.Since(began).Seconds() / 1e7, Unit: "%", Most: most(1),
		Noisy: cost <= 0,
		Note:  fmt.Sprintf("%.0f lookups followed in %v from the start, %.0f ns each", followed, length, cost),
	})
	return nil
}

// each is how many nanoseconds of the processor a lookup takes on average.
func each(c *cache.Cache[struct{}], names []string, keys []uint32) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, err := threadTime()
	if err != nil {
		return 0, err
	}
	for _, k := range keys {
		if err := getOrSet(c, names[k]); err != nil {
			return 0, err
		}
	}
	ended, err := threadTime()
	return float64(ended-began) / float64(len(keys)), err
}

// threadTime is the processor time of this thread, in nanoseconds.
func threadTime() (int64, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return t.Nano(), err
}

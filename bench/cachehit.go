package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/contest"
)

// hitKeys are the keys of cached calls, all of which fit.
const hitKeys = 1 << 14

// measureCalls times hits of a cached call, those of all caches in turn.
func measureCalls(ctx context.Context, r *rig) error {
	calls, err := contest.Calls(ctx, 2*hitKeys, func(_ context.Context, key string) (int, error) { return len(key), nil })
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range calls {
			c.Close()
		}
	}()
	keys := keyNames(hitKeys)
	asked := make([]string, len(keys)) // a program does not ask with the very string that it stored
	for i, key := range keys {
		asked[i] = strings.Clone(key)
	}
	for _, c := range calls {
		for _, key := range keys {
			if _, err := c.Get(ctx, key); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	allocs := map[string]float64{}
	for _, c := range calls {
		allocs[c.Name] = testing.AllocsPerRun(len(keys), func() { _, _ = c.Get(ctx, keys[0]) }) // did not fail before
	}
	for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
		nanos, err := r.quickest(ctx, calls, asked, workers)
		if err != nil {
			return err
		}
		r.calls(workers, nanos, allocs)
	}
	r.add(Row{Bar: "cachehit allocations", Figure: allocs[contest.Upshift], Most: most(0)})
	return nil
}

// quickest is what a hit takes at least, by the name of the cache. A slice is shorter than what the
// system gives a process at a time, so that some are not interrupted, however busy the machine.
func (r *rig) quickest(ctx context.Context, calls []contest.Call, keys []string, workers int) (map[string]float64, error) {
	least := map[string]float64{}
	for range r.times(100 * r.rounds) {
		for _, c := range calls {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			took, err := slice(ctx, c, keys, workers)
			if err != nil {
				return nil, err
			}
			if t, ok := least[c.Name]; !ok || took < t {
				least[c.Name] = took
			}
		}
	}
	return least, nil
}

// slice times a few thousand hits by each of so many goroutines at once, in nanoseconds of all for
// a hit.
func slice(ctx context.Context, c contest.Call, keys []string, workers int) (float64, error) {
	errs := make([]error, workers)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for w := range workers {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			from := w * len(keys) / workers // not the same key at the same time
			for i := range keys {
				if _, err := c.Get(ctx, keys[(from+i)%len(keys)]); err != nil {
					errs[w] = fmt.Errorf("%s: %w", c.Name, err)
					return
				}
			}
		})
	}
	ready.Wait()
	began := time.Now()
	close(start)
	done.Wait()
	took := time.Since(began)
	return float64(took.Nanoseconds()) / float64(workers*len(keys)), errors.Join(errs...)
}

// calls reports what a hit takes and how much that is of what rivals take.
func (r *rig) calls(workers int, nanos, allocs map[string]float64) {
	ours := nanos[contest.Upshift]
	for _, name := range []string{contest.Otter, contest.Singleflight, "theine", "sturdyc"} {
		row := Row{
			Bar: fmt.Sprintf("cachehit ÷ %s, %d at once", name, workers), Figure: ours / nanos[name], Unit: "×",
			Note: fmt.Sprintf("a hit takes %.1f ns, of %s %.1f and %.0f allocations", ours, name, nanos[name], allocs[name]),
		}
		switch {
		case name == contest.Otter:
			row.Most = most(1.5)
		case name == contest.Singleflight && workers > 1: // where its lock is fought over
			row.Most = most(0.5)
		}
		r.add(row)
	}
}

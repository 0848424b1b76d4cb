package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/contest"
)

// hitKeys are the keys of cached calls, all of which fit, and picks how many hits a goroutine is timed for.
const (
	hitKeys = 1 << 14
	fewKeys = 1 << 10
	picks   = 1 << 14
)

// asking is what the goroutines that are timed ask for: picks in random order, as callers do not ask in
// the order in which was stored, by other strings than those that were.
type asking struct {
	name string
	keys []string
	// first are asked for before time is taken, so that all is in the processor's cache. Otherwise most
	// is not: the other contenders had their turns meanwhile.
	first []string
}

func askings(keys []string) []asking {
	few := make([]string, 0, picks)
	for len(few) < picks {
		few = append(few, keys[:fewKeys]...)
	}
	return []asking{{name: "cachehit", keys: asked(keys)}, {"cachehit few", asked(few), keys[:fewKeys]}}
}

// asked are copies of keys in random order, always the same.
func asked(keys []string) []string {
	out := make([]string, len(keys))
	for i, from := range rand.New(rand.NewPCG(1, 1)).Perm(len(keys)) {
		out[i] = strings.Clone(keys[from])
	}
	return out
}

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
	for _, a := range askings(keys) {
		for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
			nanos, err := r.quickest(ctx, calls, a, workers)
			if err != nil {
				return err
			}
			r.calls(a.name, workers, nanos, allocs)
		}
	}
	for _, name := range []string{contest.Upshift, contest.Function} {
		r.add(Row{Bar: "cachehit allocations, " + name, Figure: allocs[name], Most: most(0)})
	}
	return nil
}

// quickest is what a hit takes at least, by the name of the cache. A slice is shorter than what the
// system gives a process at a time, so that some are not interrupted, however busy the machine.
func (r *rig) quickest(ctx context.Context, calls []contest.Call, a asking, workers int) (map[string]float64, error) {
	least := map[string]float64{}
	for range r.times(100 * r.rounds) {
		for _, c := range calls {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			took, err := slice(ctx, c, a, workers)
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
func slice(ctx context.Context, c contest.Call, a asking, workers int) (float64, error) {
	for _, key := range a.first {
		if _, err := c.Get(ctx, key); err != nil {
			return 0, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	keys, errs := a.keys, make([]error, workers)
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
func (r *rig) calls(what string, workers int, nanos, allocs map[string]float64) {
	ours := nanos[contest.Upshift]
	for _, name := range []string{contest.Otter, contest.Singleflight, "theine", "sturdyc", contest.Function} {
		row := Row{
			Bar: fmt.Sprintf("%s ÷ %s, %d at once", what, name, workers), Figure: ours / nanos[name], Unit: "×",
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

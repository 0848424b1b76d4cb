package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

// measureRecord times what recording a call takes, by the profiler and by others, in slices in turn:
// the least counts, as the others were interrupted.
func measureRecord(ctx context.Context, r *rig) error {
	all, done, err := recorders(ctx)
	if err != nil {
		return err
	}
	defer done()
	const calls = 2000
	best := map[string]float64{}
	for range r.times(200 * r.rounds) {
		for _, c := range all {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			n := calls
			if c.name == recordRequested {
				n = 1000 // of which it does one
			}
			began := time.Now()
			c.loop(n)
			took := float64(time.Since(began).Nanoseconds()) / float64(calls)
			if c.name == recordRequested {
				took *= calls
			}
			if t, ok := best[c.name]; !ok || took < t {
				best[c.name] = took
			}
		}
	}
	allocs := map[string]float64{}
	for _, c := range all {
		allocs[c.name] = testing.AllocsPerRun(20, func() { c.loop(1000) })
	}
	bars := map[string]float64{recordOff: 5, recordCounted: 10, recordTimed: 90}
	for _, c := range all {
		row := Row{Bar: "record: " + c.name, Figure: best[c.name], Unit: "ns", Note: allocations(c, allocs)}
		if bar, ok := bars[c.name]; ok {
			row.Most = most(bar)
			row.Rival = &Rival{recordClassic, best[recordClassic]}
		}
		r.add(row)
	}
	for _, rival := range []string{recordClassic, recordOTel, recordSpan, recordRequested} {
		r.add(Row{Bar: "record: always timed ÷ " + rival, Figure: best[recordTimed] / best[rival], Unit: "×"})
	}
	for _, name := range []string{recordOff, recordCounted, recordTimed} {
		r.add(Row{Bar: "record: allocations, " + name, Figure: allocs[name] / 1000, Most: most(0)})
	}
	if err := r.recordOverhead(ctx); err != nil {
		return err
	}
	return r.recordNames() //nolint:contextcheck // a call without a context
}

func allocations(c recorder, allocs map[string]float64) string {
	n := allocs[c.name]
	if c.name != recordRequested {
		n /= 1000
	}
	return fmt.Sprintf("%.2g allocations a call", n)
}

// recordOverhead makes 100,000 calls a second, and reads what the profiler says that it costs.
func (r *rig) recordOverhead(ctx context.Context) error {
	p, err := profiler.New(profiler.Config{Threshold: time.Hour})
	if err != nil {
		return err
	}
	loop := siteLoop(p) //nolint:contextcheck // a call without a context
	const each = 1000   // in 10 ms
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began, made := time.Now(), 0; made < 1000*each; made += each {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			for behind := int(time.Since(began)/(10*time.Millisecond))*each - made; behind > each; behind -= each {
				loop(each)
				made += each
			}
			loop(each)
		}
	}
	s := p.Stats()
	r.add(Row{
		Bar: "record: share of a processor at 100,000 calls/s", Figure: 100 * s.OverheadRatio, Unit: "%", Most: most(1),
		Note: fmt.Sprintf("as shown by the profiler itself after %d calls; %.0f ns a call", s.Calls, s.CallOverheadSeconds*1e9),
	})
	return nil
}

// recordNames calls 100,000 distinct names.
func (r *rig) recordNames() error {
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		return err
	}
	const names = 100_000
	before := heapLive()
	for i := range names {
		p.Start("tenant-" + strconv.Itoa(i)).End(nil)
	}
	grown := heapLive() - before
	s := p.Stats()
	r.add(Row{
		Bar: "record: memory after 100,000 names", Figure: grown / 1e6, Unit: "MB", Most: most(8),
		Note: fmt.Sprintf("%d names kept, %d calls counted as (other)", s.Functions-1, s.Overflowed),
	})
	if s.Calls != names || s.Overflowed != names-uint64(s.MaxFunctions) {
		return fmt.Errorf("%d calls and %d beyond the bound, want %d and %d", s.Calls, s.Overflowed, names, names-s.MaxFunctions)
	}
	return nil
}

// heapLive is what is left after a collection, in bytes.
func heapLive() float64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return float64(sample[0].Value.Uint64())
}

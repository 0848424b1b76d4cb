package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sentientcore/upshift/bench/contest"
	"github.com/sentientcore/upshift/bench/trace"
)

// cell is a trace and the sizes of the caches to play it in.
type cell struct {
	trace.Trace
	sizes []int
}

// longest is how much of a trace is played.
const longest = 1_500_000

// cells are the traces that the bars are about: made up, and those that are in the folder of
// traces or were named.
func (r *rig) cells() ([]cell, error) {
	var out []cell
	if r.trace != "" {
		t, err := trace.Read(r.trace)
		if err != nil {
			return nil, err
		}
		return []cell{{t, []int{t.Distinct / 50, t.Distinct / 10, t.Distinct / 3}}}, nil
	}
	n := 1_000_000
	if r.quick {
		n = 100_000
	}
	for _, s := range []float64{0.8, 1.0, 1.2} {
		out = append(out, cell{trace.Zipf(s, 100_000, n, r.seed), []int{500, 2000, 10_000}})
	}
	for _, t := range trace.Kinds(n/3, r.seed) {
		out = append(out, cell{t, []int{300, 1000, 4000}})
	}
	if r.traces == "" {
		r.progress("no -traces: real traces are left out")
		return out, nil
	}
	for _, f := range []struct {
		name  string
		sizes []int
	}{
		{"web12", []int{250, 1000, 4000}},
		{"loop", []int{256, 512, 900}},
		{"multi3", []int{500, 1000, 2000}},
		{"sprite", []int{100, 400, 1000}},
		{"scarab-recs", []int{10_000, 25_000, 75_000}},
	} {
		t, err := trace.Read(filepath.Join(r.traces, f.name+".ctr.gz"))
		if err != nil {
			return nil, err
		}
		out = append(out, cell{t.First(longest), f.sizes})
	}
	return out, nil
}

// measureHitRatio plays each trace in every cache at every size. The bar is otter's hit ratio less
// a point; above the optimum there is a fault in the harness or the cache.
func measureHitRatio(ctx context.Context, r *rig) error {
	cells, err := r.cells()
	if err != nil {
		return err
	}
	for _, c := range cells {
		sizes := c.sizes
		if len(r.sizes) > 0 {
			sizes = r.sizes
		}
		names := keyNames(c.Distinct)
		for _, size := range sizes {
			row, err := hitRatio(ctx, c.Trace, names, max(size, 1))
			if err != nil {
				return err
			}
			row.Bar = fmt.Sprintf("hitratio %s @%d", c.Name, size)
			r.add(row)
		}
	}
	return nil
}

func keyNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

func hitRatio(ctx context.Context, t trace.Trace, names []string, size int) (Row, error) {
	percent := func(hits int) float64 { return 100 * float64(hits) / float64(len(t.Keys)) }
	best := trace.Optimum(t, size)
	got := map[string]float64{}
	notes := []string{fmt.Sprintf("optimum %.1f", percent(best))}
	var faults []string
	for _, k := range contest.Contenders(false) {
		c, err := k.Make(int64(size), false)
		if err != nil {
			return Row{}, fmt.Errorf("%s: %w", k.Name, err)
		}
		p, err := contest.Play(ctx, c, t.Keys, names, func(uint32) contest.Item { return contest.Item{Bytes: 1} })
		c.Close()
		if err != nil {
			return Row{}, err
		}
		if p.Hits > best {
			faults = append(faults, fmt.Sprintf("%s has %.2f %%, above the optimum of %.2f", k.Name, percent(p.Hits), percent(best)))
		}
		got[k.Name] = percent(p.Hits)
		if k.Name != contest.Upshift && k.Name != contest.Otter {
			notes = append(notes, fmt.Sprintf("%s %.1f", k.Name, got[k.Name]))
		}
	}
	notes = append(notes, fmt.Sprintf("ceiling %.1f", percent(len(t.Keys)-t.Distinct)))
	if behind := got[contest.LRU] - got[contest.Upshift]; behind > 3 {
		notes = append(notes, fmt.Sprintf("%.1f BELOW LRU", behind))
	}
	return Row{
		Figure: got[contest.Upshift], Unit: "%", Least: least(got[contest.Otter] - 1),
		Rival: &Rival{contest.Otter, got[contest.Otter]}, Note: strings.Join(notes, ", "), Error: strings.Join(faults, "; "),
	}, nil
}

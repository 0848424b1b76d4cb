package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sentientcore/upshift/bench/leakload"
)

// measureLeaks lives an hour in a minute, several times with other places, on a real heap:
// each in a process of its own.
func measureLeaks(ctx context.Context, r *rig) error {
	var all leakload.Result
	found, late, within := 0, 0, 0
	for round := range r.times(2 * r.rounds) {
		var got leakload.Result
		seed := r.seed + uint64(round)
		if err := r.child(ctx, fmt.Sprintf("leaks of seed %d", seed), []string{roleArg, "leakload", strconv.FormatUint(seed, 10)}, nil, &got); err != nil {
			return err
		}
		r.progress("seed %d: found at minutes %s, rates %s of the true ones; of %d clean places %d suspected; a look %s ms",
			seed, numbers(got.Minutes), numbers(got.Rates), got.Clean, got.Flagged, number(got.SampleMedianMS))
		all.Clean, all.Flagged, all.Believed = all.Clean+got.Clean, all.Flagged+got.Flagged, all.Believed+got.Believed
		all.SampleMedianMS = max(all.SampleMedianMS, got.SampleMedianMS)
		all.SampleP99MS = max(all.SampleP99MS, got.SampleP99MS)
		for i, minute := range got.Minutes {
			all.Minutes = append(all.Minutes, minute)
			if minute > 0 {
				found++
			}
			if minute > 25 {
				late++
			}
			if rate := got.Rates[i]; rate >= 0.9 && rate <= 1.1 {
				within++
			}
		}
	}
	leaks := float64(len(all.Minutes))
	seeds := fmt.Sprintf("seeds from %d, profile rate 64 KiB", r.seed)
	r.add(Row{Bar: "leaks: found of those of 0.5 to 1 MiB/min", Figure: 100 * float64(found) / leaks, Unit: "%", Least: least(100), Note: seeds})
	r.add(Row{Bar: "leaks: found within 25 minutes", Figure: 100 * float64(found-late) / leaks, Unit: "%", Least: least(100)})
	r.add(Row{Bar: "leaks: rate within a tenth after an hour", Figure: 100 * float64(within) / leaks, Unit: "%", Least: least(95)})
	r.add(Row{
		Bar: "leaks: clean places ever suspected", Figure: 100 * float64(all.Flagged) / float64(all.Clean), Unit: "%", Most: most(1),
		Note: fmt.Sprintf("%d of %d, %d more than that", all.Flagged, all.Clean, all.Believed),
	})
	r.add(Row{
		Bar: "leaks: one look, median", Figure: all.SampleMedianMS, Unit: "ms", Most: most(5),
		Note: "of the slowest hour; 99th percentile " + number(all.SampleP99MS) + " ms, with what else ran here",
	})
	return nil
}

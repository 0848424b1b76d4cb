package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

// measureStreams reads event streams of 100 tokens, one each 10 ms, twenty at a time, in
// turn from each contender, round after round.
func measureStreams(ctx context.Context, r *rig) error {
	all, err := r.lineup(ctx)
	if err != nil {
		return err
	}
	plan := load.StreamPlan{
		Path: "/stream?n=100&us=10000", Readers: 20, Each: r.times(4), Tokens: 100, Apart: 50 * time.Millisecond,
	}
	runs := make([][]load.StreamOutcome, len(all))
	for round := range r.times(r.rounds) + 1 {
		for i, c := range all {
			o, err := load.Streams(ctx, c.Target, plan)
			if err != nil {
				return err
			}
			r.progress("round %d: %-12s first byte p50 %v p99 %v  token delay p50 %v p99 %v", round, c.Name,
				round3(o.FirstByte.Quantile(.5)), round3(o.FirstByte.Quantile(.99)),
				round3(o.Delays.Quantile(.5)), round3(o.Delays.Quantile(.99)))
			if round > 0 { // round 0 makes the connections
				runs[i] = append(runs[i], o)
			}
		}
	}
	busy := ofRounds(runs[0], delay(.99)) > milliseconds(lagMost)
	first := func(i int) float64 { return addedFirstByte(runs[i], runs[0]) }
	r.add(Row{
		Bar: "sse: added time to first byte, p50", Figure: first(1), Unit: "ms", Most: most(.5), Noisy: busy,
		Rival: &Rival{all[2].Name, first(2)}, Note: "20 streams at a time, 100 tokens, one each 10 ms",
	})
	r.add(Row{
		Bar: "sse: token delay p99", Figure: ofRounds(runs[1], delay(.99)), Unit: "ms",
		Rival: &Rival{all[2].Name, ofRounds(runs[2], delay(.99))}, Note: "from the backend's writing to the client's reading",
	})
	for i, c := range all {
		r.add(Row{
			Bar: "sse: " + c.Name + " first byte p50", Figure: ofRounds(runs[i], firstByte(.5)), Unit: "ms",
			Note: fmt.Sprintf("p99 %s  token delay p50 %s  p99 %s", number(ofRounds(runs[i], firstByte(.99))),
				number(ofRounds(runs[i], delay(.5))), number(ofRounds(runs[i], delay(.99)))),
		})
	}
	return nil
}

func firstByte(q float64) func(load.StreamOutcome) float64 {
	return func(o load.StreamOutcome) float64 { return milliseconds(o.FirstByte.Quantile(q)) }
}

func delay(q float64) func(load.StreamOutcome) float64 {
	return func(o load.StreamOutcome) float64 { return milliseconds(o.Delays.Quantile(q)) }
}

// ofRounds is the median of a figure over the rounds.
func ofRounds(rounds []load.StreamOutcome, figure func(load.StreamOutcome) float64) float64 {
	var of []float64
	for _, o := range rounds {
		of = append(of, figure(o))
	}
	return load.Median(of)
}

// addedFirstByte is the median over the rounds of the difference between two p50.
func addedFirstByte(rounds, direct []load.StreamOutcome) float64 {
	var of []float64
	for i := range rounds {
		of = append(of, firstByte(.5)(rounds[i])-firstByte(.5)(direct[i]))
	}
	return load.Median(of)
}

package main

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/sentientcore/upshift/bench/costload"
)

// leastSamples is how many samples a figure must rest on to be given.
const leastSamples = 100

// attributed adds one figure of one function up over the rounds.
type attributed struct {
	function, what                 string
	estimate, truth, around, calls float64
	samples                        uint64
}

// measureAttribution holds what calls are said to take of a processor and to allocate against the
// truth, in a process of its own with four goroutines.
func measureAttribution(ctx context.Context, r *rig) error {
	rounds, seconds := r.times(2*r.rounds), 20
	if r.quick {
		seconds = 3
	}
	args := []string{roleArg, "costload", strconv.Itoa(rounds), strconv.Itoa(seconds)}
	var figures []costload.Figure
	if err := r.child(ctx, "costload", args, nil, &figures); err != nil {
		return err
	}
	sums := map[string]*attributed{}
	var order []*attributed
	given, held := map[string]int{}, map[string]int{}
	for _, f := range figures {
		key := f.What + " of " + f.Function
		s := sums[key]
		if s == nil {
			s = &attributed{function: f.Function, what: f.What}
			sums[key], order = s, append(order, s)
		}
		e := f.Estimate
		if !e.Known {
			continue
		}
		calls := float64(e.Calls)
		s.estimate, s.truth, s.calls = s.estimate+e.PerCall*calls, s.truth+f.Truth*calls, s.calls+calls
		s.around, s.samples = f.Around, s.samples+e.Samples
		given[f.What]++
		if e.Low <= f.Truth && f.Truth <= e.High {
			held[f.What]++
		}
	}
	for _, s := range order {
		r.attributed(s)
	}
	for _, what := range []string{"cpu", "bytes"} {
		r.add(Row{
			Bar: "attribution: intervals of " + what + " with the truth", Figure: 100 * float64(held[what]) / float64(given[what]),
			Unit: "%", Least: least(90), Note: fmt.Sprintf("%d of %d, in single rounds of %d s", held[what], given[what], seconds),
		})
	}
	return nil
}

// attributed reports one figure.
func (r *rig) attributed(s *attributed) {
	row := Row{Bar: "attribution: " + s.what + " of " + s.function, Unit: "% off", Most: most(10)}
	if s.samples < leastSamples || s.truth == 0 {
		r.add(Row{Bar: row.Bar, Note: fmt.Sprintf("not enough samples, and so not given (%d)", s.samples)})
		return
	}
	truth := s.truth / s.calls
	row.Figure = 100 * math.Abs(s.estimate/s.truth-1)
	if s.around > 0 {
		row.Rival = &Rival{"process deltas", 100 * math.Abs(s.around/truth-1)}
	}
	row.Note = fmt.Sprintf("%.4g a call, in truth %.4g; %d samples", s.estimate/s.calls, truth, s.samples)
	r.add(row)
}

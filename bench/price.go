package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/sentientcore/upshift/bench/contest"
	"github.com/sentientcore/upshift/bench/trace"
)

// priceBars are the shares of the money, in percent, that are to be saved at 1, 5 and 20 % of the
// footprint: what GreedyDual-Size-Frequency saved of such a mix.
var priceBars = map[float64][3]float64{0: {43.2, 63.1, 79.5}, 0.8: {38.0, 55.8, 73.4}}

// measurePrice plays requests for answers of a language model, each with a size and a price, in
// caches of so many bytes, and says what share of the money they save.
func measurePrice(ctx context.Context, r *rig) error {
	n := 400_000
	if r.quick {
		n = 50_000
	}
	for _, correlation := range []float64{0, 0.8} {
		mix := trace.LLM(n, 50_000, correlation, r.seed)
		names := keyNames(mix.Distinct)
		for i, percent := range []int64{1, 5, 20} {
			row, err := saved(ctx, mix, names, mix.Total*percent/100)
			if err != nil {
				return err
			}
			row.Bar = fmt.Sprintf("price, correlated %.1f with size, @%d %%", correlation, percent)
			if !r.quick {
				row.Least = least(priceBars[correlation][i])
			}
			r.add(row)
		}
	}
	return nil
}

func saved(ctx context.Context, mix trace.Mix, names []string, bytes int64) (Row, error) {
	all := mix.Priced()
	item := func(k uint32) contest.Item { return contest.Item{Bytes: mix.Bytes[k], Price: mix.Prices[k]} }
	row, notes := Row{Unit: "%"}, []string{}
	for _, k := range contest.Contenders(true) {
		c, err := k.Make(bytes, true)
		if err != nil {
			return Row{}, fmt.Errorf("%s: %w", k.Name, err)
		}
		p, err := contest.Play(ctx, c, mix.Keys, names, item)
		c.Close()
		if err != nil {
			return Row{}, err
		}
		share := 100 * p.Saved / all
		switch k.Name {
		case contest.Upshift:
			row.Figure = share
		case contest.Otter:
			row.Rival = &Rival{k.Name, share}
		}
		notes = append(notes, fmt.Sprintf("%s hits %.1f saving %.1f", k.Name, 100*float64(p.Hits)/float64(len(mix.Keys)), share))
	}
	row.Note = strings.Join(notes, ", ")
	return row, nil
}

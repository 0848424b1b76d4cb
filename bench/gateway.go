package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

const (
	openRate   = 1000 // requests a second
	openLength = 8 * time.Second

	cachedPaths = 100

	// lagMost is the p99 of the generator's lag, or of a token's delay without any proxy,
	// above which tails tell of the machine, not of the targets.
	lagMost = time.Millisecond
)

// measureGateway sends the same Poisson arrivals, each with the same service time at the
// backend, to the backend itself, through the product, and through the rivals, one after
// the other, round after round. What a proxy adds is its quantile less the backend's of
// the same round; the median of the rounds counts.
func measureGateway(ctx context.Context, r *rig) error {
	all, err := r.lineup(ctx)
	if err != nil {
		return err
	}
	// A retriever's service times: median 2 ms, p99 4.5 ms.
	path := func(rng *rand.Rand) string {
		return fmt.Sprintf("/item?us=%d", load.Lognormal(rng, 2*time.Millisecond, 0.35, 8*time.Millisecond).Microseconds())
	}
	runs, err := r.openRounds(ctx, all, path)
	if err != nil {
		return err
	}
	bareAdded := runs[2].added(runs[0], .99)
	r.add(Row{
		Bar: "gateway: added p99 at 1,000 requests/s", Figure: runs[1].added(runs[0], .99), Unit: "ms", Most: most(1),
		Rival: &Rival{runs[2].name, bareAdded}, Note: "open loop, cache off, all metrics on; " + spread(runs[1], runs[0]), Noisy: noisy(runs[:3]),
	})
	for _, q := range []float64{.5, .9} {
		r.add(Row{
			Bar: fmt.Sprintf("gateway: added p%.0f", 100*q), Figure: runs[1].added(runs[0], q), Unit: "ms",
			Rival: &Rival{runs[2].name, runs[2].added(runs[0], q)},
		})
	}
	failed := 0
	for _, run := range runs {
		failed += run.failed
		r.add(run.row("gateway"))
		if run.name != "direct" && run.name != "upshift" {
			r.add(Row{Bar: "gateway: " + run.name + " added p99", Figure: run.added(runs[0], .99), Unit: "ms"})
		}
	}
	r.add(Row{Bar: "gateway: failed requests", Figure: float64(failed), Most: most(0)})
	return nil
}

// measureHits asks for answers that the cache holds.
func measureHits(ctx context.Context, r *rig) error {
	direct, err := r.backend(ctx)
	if err != nil {
		return err
	}
	ours, err := r.serve(ctx, servers(direct), "metrics.collection_interval=10s")
	if err != nil {
		return err
	}
	bare, bareTarget, err := r.bare(ctx, direct)
	if err != nil {
		return err
	}
	all := []contender{
		{direct, nil},
		{load.Target{Name: "upshift", Addr: ours.gateway}, ours.Process},
		{bareTarget, bare},
	}
	cached := func(id int) string { return fmt.Sprintf("/cached?id=%d", id) }
	path := func(rng *rand.Rand) string { return cached(rng.IntN(cachedPaths)) }
	var each []load.Arrival
	for id := range cachedPaths {
		each = append(each, load.Arrival{Path: cached(id)})
	}
	if _, err := load.Open(ctx, all[1].Target, each); err != nil {
		return err
	}
	before, err := ours.cacheCounts(ctx)
	if err != nil {
		return err
	}
	runs, err := r.openRounds(ctx, all, path)
	if err != nil {
		return err
	}
	after, err := ours.cacheCounts(ctx)
	if err != nil {
		return err
	}
	hits, misses := after.Hits-before.Hits, after.Misses-before.Misses
	if hits+misses == 0 {
		return fmt.Errorf("the cache was not asked")
	}
	r.add(Row{
		Bar: "hit: share of answers from the cache", Figure: hits / (hits + misses), Least: least(.99),
		Note: fmt.Sprintf("%d paths, 1,000 requests/s; the backend answers at once", cachedPaths),
	})
	r.add(Row{
		Bar: "hit: p99", Figure: milliseconds(runs[1].quantile(.99)), Unit: "ms",
		Rival: &Rival{runs[2].name, milliseconds(runs[2].quantile(.99))}, Note: "the rival has no cache and asks the backend",
	})
	for _, run := range runs {
		r.add(run.row("hit"))
	}
	return r.hitThroughput(ctx, all[1:])
}

type cacheCounts struct {
	Hits   float64 `json:"hit_count"`
	Misses float64 `json:"miss_count"`
}

func (p *product) cacheCounts(ctx context.Context) (cacheCounts, error) {
	var c cacheCounts
	return c, p.fetch(ctx, base+"/cache/stats", &c)
}

// openRun is what the rounds of a contender gave.
type openRun struct {
	name     string
	rounds   []load.Outcome
	failed   int
	firstErr error
}

// openRounds sends the same arrivals to each contender in turn, round after round.
func (r *rig) openRounds(ctx context.Context, all []contender, path func(*rand.Rand) string) ([]openRun, error) {
	runs := make([]openRun, len(all))
	rounds := r.rounds
	if r.quick {
		rounds = min(rounds, 2)
	}
	for round := range rounds {
		arrivals := load.Poisson(uint64(round), openRate, r.length(openLength), path)
		for i, c := range all {
			o, err := load.Open(ctx, c.Target, arrivals)
			if err != nil {
				return nil, err
			}
			runs[i].name = c.Name
			runs[i].failed += o.Failed
			if o.FirstError != nil {
				runs[i].firstErr = o.FirstError
			}
			runs[i].rounds = append(runs[i].rounds, o)
			r.progress("round %d: %-12s p50 %v  p99 %v  p99.9 %v  lag p99 %v  failed %d", round+1, c.Name,
				round3(o.Latencies.Quantile(.5)), round3(o.Latencies.Quantile(.99)), round3(o.Latencies.Quantile(.999)),
				round3(o.Lag.Quantile(.99)), o.Failed)
		}
	}
	return runs, nil
}

func round3(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// quantile is the median over the rounds.
func (o openRun) quantile(q float64) time.Duration {
	var of []time.Duration
	for _, round := range o.rounds {
		of = append(of, round.Latencies.Quantile(q))
	}
	return load.Median(of)
}

// lag is the generator's own p99, as the median over the rounds.
func (o openRun) lag() time.Duration {
	var of []time.Duration
	for _, round := range o.rounds {
		of = append(of, round.Lag.Quantile(.99))
	}
	return load.Median(of)
}

// noisy reports whether the generator was late in any of the runs: something else kept
// the machine busy.
func noisy(runs []openRun) bool {
	return slices.ContainsFunc(runs, func(o openRun) bool { return o.lag() > lagMost })
}

// differences are the quantile less that of another run, in milliseconds, by round.
func (o openRun) differences(from openRun, q float64) []float64 {
	var of []float64
	for i, round := range o.rounds {
		of = append(of, milliseconds(round.Latencies.Quantile(q)-from.rounds[i].Latencies.Quantile(q)))
	}
	return of
}

func (o openRun) added(to openRun, q float64) float64 { return load.Median(o.differences(to, q)) }

// spread tells the rounds apart.
func spread(o, from openRun) string {
	return "by round: " + numbers(o.differences(from, .99))
}

// row is a contender's own latencies.
func (o openRun) row(bar string) Row {
	note := fmt.Sprintf("p50 %s  p99.9 %s  generator's lag p99 %s", number(milliseconds(o.quantile(.5))),
		number(milliseconds(o.quantile(.999))), number(milliseconds(o.lag())))
	if o.firstErr != nil {
		note += fmt.Sprintf("  %d failed: %v", o.failed, o.firstErr)
	}
	return Row{Bar: bar + ": " + o.name + " p99", Figure: milliseconds(o.quantile(.99)), Unit: "ms", Note: note}
}

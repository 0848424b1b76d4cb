package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/proc"
)

const (
	closedConns  = 64
	closedLength = 4 * time.Second
)

// throughput is what the rounds of a contender gave.
type throughput struct {
	name string
	// answers a second, and the proxy's processor time for each, by round.
	answers []float64
	cpu     []float64 // µs; empty where it is not known
}

// measureSaturation keeps 64 connections busy with 1 KiB answers, in turn at each
// contender, round after round. Generator, proxy and backend share the machine, so the
// proxy's processor time for a request says more than the throughput does.
func measureSaturation(ctx context.Context, r *rig) error {
	all, err := r.lineup(ctx)
	if err != nil {
		return err
	}
	runs, err := r.closedRounds(ctx, all, "/item")
	if err != nil {
		return err
	}
	ours, bare := runs[1], runs[2]
	r.add(Row{
		Bar: "saturation: answers/s as a share of the bare proxy", Figure: load.Median(ratios(ours.answers, bare.answers)),
		Least: least(.9), Note: "closed loop, 64 connections; by round: " + numbers(ratios(ours.answers, bare.answers)),
	})
	r.add(Row{
		Bar: "saturation: processor time a request", Figure: load.Median(ours.cpu), Unit: "µs",
		Rival: &Rival{bare.name, load.Median(bare.cpu)}, Note: "of the proxy's process",
	})
	for _, run := range runs {
		r.add(run.row("saturation"))
	}
	return nil
}

// hitThroughput is the same for answers from the cache.
func (r *rig) hitThroughput(ctx context.Context, all []contender) error {
	runs, err := r.closedRounds(ctx, all, "/cached?id=1")
	if err != nil {
		return err
	}
	r.add(Row{
		Bar: "hit: answers/s as a share of the bare proxy", Figure: load.Median(ratios(runs[0].answers, runs[1].answers)),
		Note: "closed loop, 64 connections; by round: " + numbers(ratios(runs[0].answers, runs[1].answers)),
	})
	for _, run := range runs {
		r.add(run.row("hit"))
	}
	return nil
}

func (r *rig) closedRounds(ctx context.Context, all []contender, path string) ([]throughput, error) {
	runs := make([]throughput, len(all))
	for round := range r.rounds {
		for i, c := range all {
			runs[i].name = c.Name
			if err := runs[i].measure(ctx, c, path, r.length(closedLength)); err != nil {
				return nil, err
			}
			r.progress("round %d: %-12s %.0f answers/s", round+1, c.Name, runs[i].answers[round])
		}
	}
	return runs, nil
}

func (t *throughput) measure(ctx context.Context, c contender, path string, length time.Duration) error {
	before, err := usage(c.process)
	if err != nil {
		return err
	}
	perSecond, err := load.Closed(ctx, c.Target, path, closedConns, length)
	if err != nil {
		return err
	}
	after, err := usage(c.process)
	if err != nil {
		return err
	}
	t.answers = append(t.answers, perSecond)
	if c.process != nil {
		used := float64((after.CPU - before.CPU).Microseconds())
		t.cpu = append(t.cpu, used/(perSecond*length.Seconds()))
	}
	return nil
}

func usage(p *proc.Process) (proc.Usage, error) {
	if p == nil {
		return proc.Usage{}, nil
	}
	return p.Usage()
}

func (t throughput) row(bar string) Row {
	row := Row{Bar: bar + ": " + t.name, Figure: load.Median(t.answers), Unit: "/s"}
	if len(t.cpu) > 0 {
		row.Note = fmt.Sprintf("%s µs of processor time a request", number(load.Median(t.cpu)))
	}
	return row
}

func ratios(a, b []float64) []float64 {
	of := make([]float64, len(a))
	for i := range a {
		of[i] = a[i] / b[i]
	}
	return of
}

func numbers(values []float64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = number(v)
	}
	return strings.Join(texts, " ")
}

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/sentientcore/upshift/bench/node"
	"github.com/sentientcore/upshift/bench/proc"
)

const (
	invalidateKeys  = 500
	invalidateEvery = 2 * time.Millisecond
	// watcherLate is the lateness at p99 of the process that watches from which the machine is too busy.
	watcherLate = time.Millisecond
)

// measureInvalidate times how long after a deletion in one process the memory of another has
// forgotten the key.
func measureInvalidate(ctx context.Context, r *rig) error {
	server, err := r.redis(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }() // it writes nothing for keeps
	kinds := []string{"cache", "tracking"}
	pairs := map[string][]*proc.Process{}
	for _, kind := range kinds {
		if pairs[kind], err = r.nodes(ctx, kind, 2, server.URL()); err != nil {
			return err
		}
	}
	p50, p99 := map[string][]time.Duration{}, map[string][]time.Duration{}
	var late []time.Duration
	for round := range r.rounds {
		r.progress("round %d", round+1)
		for _, kind := range kinds {
			took, behind, err := r.invalidate(ctx, pairs[kind], fmt.Sprintf("%s%d", kind, round), r.times(invalidateKeys))
			if err != nil {
				return err
			}
			late = append(late, behind)
			p50[kind] = append(p50[kind], took[len(took)/2])
			p99[kind] = append(p99[kind], took[len(took)*99/100])
		}
	}
	noisy := middle(late) > watcherLate
	for _, q := range []struct {
		name string
		of   map[string][]time.Duration
		most *float64
	}{{"p50", p50, nil}, {"p99", p99, most(2)}} {
		r.add(Row{
			Bar: "invalidate: seen in another process, " + q.name, Figure: milliseconds(middle(q.of["cache"])), Unit: "ms", Most: q.most,
			Noisy: noisy && q.most != nil,
			Rival: &Rival{"rueidis tracking", milliseconds(middle(q.of["tracking"]))},
			Note:  fmt.Sprintf("best of %d rounds %.2f ms, worst %.2f", r.rounds, milliseconds(slices.Min(q.of["cache"])), milliseconds(slices.Max(q.of["cache"]))),
		})
	}
	return nil
}

func middle(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// invalidate has one node remove keys and the other watch them, and returns the times, sorted, and how
// late the watcher was at p99.
func (r *rig) invalidate(
	ctx context.Context, pair []*proc.Process, name string, keys int,
) (took []time.Duration, late time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	removed, seen := filepath.Join(r.dir, name+".removed"), filepath.Join(r.dir, name+".seen")
	for _, step := range []struct {
		of         *proc.Process
		say, await string
	}{
		{pair[0], fmt.Sprintf("fill %s %d", name, keys), "filled " + name},
		{pair[1], fmt.Sprintf("hold %s %d", name, keys), "held " + name},
		{pair[1], fmt.Sprintf("watch %s %d %s", name, keys, seen), "watching " + name},
		{pair[0], fmt.Sprintf("remove %s %d %d %s", name, keys, invalidateEvery.Microseconds(), removed), "removed " + name},
		{pair[1], "", "watched " + name},
	} {
		if step.say != "" {
			if err := step.of.Tell(step.say); err != nil {
				return nil, 0, err
			}
		}
		if _, err := step.of.Line(ctx, step.await); err != nil {
			return nil, 0, err
		}
	}
	from, err := node.ReadTimes(removed)
	if err != nil {
		return nil, 0, err
	}
	to, err := node.ReadTimes(seen)
	if err != nil {
		return nil, 0, err
	}
	took = make([]time.Duration, len(to.At))
	for i := range took {
		took[i] = time.Duration(to.At[i] - from.At[i])
	}
	slices.Sort(took)
	slices.Sort(to.Late)
	return took, to.Late[len(to.Late)*99/100], nil
}

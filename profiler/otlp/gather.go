package otlp

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

const (
	// quiet is how long no span of a trace came before it is taken for whole.
	quiet          = 5 * time.Second
	maxGathered    = 20_000
	maxTraceSpans  = 2_000
	maxTotals      = 512
	maxRuns        = 20
	maxSteps       = 50
	runsKeptFor    = time.Hour
	otherName      = "(other)"
	noAgent        = "(none)"
	nanosPerSecond = 1e9
)

// gathered is a trace of which spans still come.
type gathered struct {
	spans []span
	last  time.Time
}

// gather takes the spans of a request.
func (r *Receiver) gather(b *batch, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Spans += uint64(len(b.spans))
	r.stats.Rejected += uint64(b.rejected)
	for _, s := range b.spans {
		if r.held >= maxGathered {
			r.makeRoom(now)
		}
		g := r.traces[s.trace]
		if g == nil {
			g = &gathered{}
			r.traces[s.trace] = g
		}
		g.spans = append(g.spans, s)
		g.last = now
		r.held++
		if len(g.spans) >= maxTraceSpans {
			r.close(s.trace, now)
			r.stats.ClosedEarly++
		}
	}
}

// closeQuiet looks at the traces that no span came of lately; at all of them if they are to end.
func (r *Receiver) closeQuiet(now time.Time, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, g := range r.traces {
		if all || now.Sub(g.last) >= quiet {
			r.close(id, now)
		}
	}
}

// makeRoom closes the traces that are quiet for longest until a tenth is free.
func (r *Receiver) makeRoom(now time.Time) {
	ids := slices.SortedFunc(maps.Keys(r.traces), func(a, b [16]byte) int { return r.traces[a].last.Compare(r.traces[b].last) })
	for _, id := range ids {
		if r.held <= maxGathered*9/10 {
			return
		}
		r.close(id, now)
		r.stats.ClosedEarly++
	}
}

// close looks at a trace as a whole: its spans become calls, and its critical path figures.
func (r *Receiver) close(id [16]byte, now time.Time) {
	g := r.traces[id]
	delete(r.traces, id)
	r.held -= len(g.spans)
	r.stats.Traces++
	roots, all := assemble(g.spans)
	for _, root := range roots {
		inherit(root, "")
		follow(root, root.start, root.end)
	}
	trace := hex.EncodeToString(id[:])
	for _, n := range all {
		r.record(n, trace)
	}
	r.keepRun(roots, all, trace, now)
}

// record makes a call of a span, and adds its figures up.
func (r *Receiver) record(n *node, trace string) {
	labels := map[string]string{}
	for key, value := range map[string]string{"agent": n.agent, "tool": n.tool, "model": n.model, "operation": n.operation} {
		if value != "" {
			labels[key] = value
		}
	}
	r.profiler.Record(n.operationName(), profiler.Recorded{
		Start: time.Unix(0, n.start).UTC(), Duration: n.duration(), Nested: time.Duration(n.nested),
		Failed: n.failed, Err: cmp.Or(n.message, "status error"), TraceID: trace, Labels: labels,
	})
	r.total(r.operations, n.operationName()).add(n)
	r.total(r.agents, cmp.Or(n.agent, noAgent)).add(n)
}

// total finds or makes the figures of a name; beyond the bound those of all others.
func (r *Receiver) total(totals map[string]*Total, name string) *Total {
	t := totals[name]
	if t == nil && len(totals) >= maxTotals {
		name = otherName
		t = totals[name]
	}
	if t == nil {
		t = &Total{Name: name}
		totals[name] = t
	}
	return t
}

func (t *Total) add(n *node) {
	t.Calls++
	if n.failed {
		t.Errors++
	}
	t.TotalSeconds += n.duration().Seconds()
	t.SelfSeconds += float64(n.end-n.start-n.nested) / nanosPerSecond
	t.CriticalSeconds += float64(n.critical) / nanosPerSecond
	t.InputTokens += uint64(n.input)
	t.OutputTokens += uint64(n.output)
}

// keepRun keeps a trace if it is among the slowest of the last hour.
func (r *Receiver) keepRun(roots, all []*node, trace string, now time.Time) {
	if len(roots) == 0 {
		return
	}
	root := slices.MaxFunc(roots, func(a, b *node) int { return cmp.Compare(a.end-a.start, b.end-b.start) })
	run := Run{
		TraceID: trace, Name: root.operationName(), Start: time.Unix(0, root.start).UTC(),
		Seconds: root.duration().Seconds(), Spans: len(all), kept: now, Steps: []Step{},
	}
	r.runs = slices.DeleteFunc(r.runs, func(o Run) bool { return now.Sub(o.kept) > runsKeptFor })
	if len(r.runs) == maxRuns && r.runs[maxRuns-1].Seconds >= run.Seconds {
		return
	}
	steps := map[[2]string]*Step{}
	for _, n := range all {
		run.InputTokens += uint64(n.input)
		run.OutputTokens += uint64(n.output)
		key := [2]string{n.operationName(), n.agent}
		if n.critical > 0 && steps[key] == nil {
			steps[key] = &Step{Operation: key[0], Agent: key[1], Tool: n.tool, Model: n.model}
		}
		if s := steps[key]; s != nil {
			s.Calls++
			s.CriticalSeconds += float64(n.critical) / nanosPerSecond
		}
	}
	for _, s := range steps {
		run.Steps = append(run.Steps, *s)
	}
	slices.SortFunc(run.Steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(b.CriticalSeconds, a.CriticalSeconds), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Agent, b.Agent))
	})
	run.Steps = run.Steps[:min(len(run.Steps), maxSteps)]
	r.runs = append(r.runs, run)
	slices.SortStableFunc(r.runs, func(a, b Run) int { return cmp.Compare(b.Seconds, a.Seconds) })
	r.runs = r.runs[:min(len(r.runs), maxRuns)]
}

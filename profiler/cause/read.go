package cause

import (
	"errors"
	"fmt"
	stdio "io"
	"slices"
	"strings"
	"time"

	"golang.org/x/exp/trace"

	"github.com/sentientcore/upshift/profiler"
)

const (
	// maxDurations bounds the calls of one function whose durations are kept.
	maxDurations = 20_000
	// maxDepth bounds the calls open on one goroutine, and maxFunctions the names.
	maxDepth     = 256
	maxFunctions = 8192
)

// Function is what a trace says of the calls of a function.
type Function struct {
	Name string `json:"name"`
	// Calls have ended in the trace. Self is the time of calls without those inside them.
	Calls int   `json:"calls"`
	Self  Split `json:"self"`
	// Total is the time of the calls that have ended, those inside them included.
	Total time.Duration `json:"total_ns"`
	// Where is the Go function in which it waited longest, and for how long.
	Where   string        `json:"where"`
	WhereIn time.Duration `json:"where_ns"`

	durations []time.Duration
	children  map[string]*edge
	waits     map[string]time.Duration
}

// edge is the calls of one function inside those of another.
type edge struct {
	calls int
	total time.Duration
}

// spent is what was read from an execution trace.
type spent struct {
	// Span is how long it lasted.
	Span time.Duration `json:"span"`
	// Functions are by name.
	Functions map[string]*Function `json:"functions"`
	// Unmatched calls ended on a goroutine on which they did not begin, or began before the trace.
	Unmatched int `json:"unmatched"`
}

// open is a call under way.
type open struct {
	fn    *Function
	since trace.Time
}

// goroutine is what one does, and in which calls.
type goroutine struct {
	calls  []open
	state  state
	since  trace.Time
	where  string
	assist bool
}

// reading is the state of read.
type reading struct {
	spent
	goroutines map[trace.GoID]*goroutine
	first      trace.Time
	last       trace.Time
}

// read reads an execution trace of Go 1.23 or later. What is corrupt is an error.
func read(r stdio.Reader) (_ *spent, err error) {
	defer func() {
		if p := recover(); p != nil { // of the parser, on what it did not foresee
			err = fmt.Errorf("cause: corrupt trace: %v", p)
		}
	}()
	events, err := trace.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("cause: corrupt trace: %w", err)
	}
	in := reading{spent: spent{Functions: map[string]*Function{}}, goroutines: map[trace.GoID]*goroutine{}}
	for {
		e, err := events.ReadEvent()
		if errors.Is(err, stdio.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("cause: corrupt trace: %w", err)
		}
		in.event(e)
	}
	in.finish()
	return &in.spent, nil
}

func (r *reading) event(e trace.Event) {
	if r.first == 0 {
		r.first = e.Time()
	}
	r.last = e.Time()
	switch e.Kind() {
	case trace.EventStateTransition:
		t := e.StateTransition()
		if t.Resource.Kind != trace.ResourceGoroutine {
			return
		}
		from, to := t.Goroutine()
		if from == to {
			return
		}
		id := t.Resource.Goroutine()
		g := r.goroutine(id, e.Time())
		g.turn(e.Time(), stateOf(to, t.Reason, t.Stack), t.Stack)
		if to == trace.GoNotExist {
			delete(r.goroutines, id)
		}
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		r.assist(e)
	case trace.EventLog:
		switch l := e.Log(); l.Category {
		case profiler.TraceBegin:
			r.begin(e, l.Message)
		case profiler.TraceEnd:
			r.end(e, l.Message)
		}
	}
}

// goroutine finds or makes the one; it is taken for running until something else is known.
func (r *reading) goroutine(id trace.GoID, at trace.Time) *goroutine {
	g := r.goroutines[id]
	if g == nil {
		g = &goroutine{since: at}
		r.goroutines[id] = g
	}
	return g
}

// turn accounts for the state so far and begins another.
func (g *goroutine) turn(at trace.Time, to state, stack trace.Stack) {
	g.account(at)
	g.state, g.where = to, ""
	if to != running && to != scheduler && len(g.calls) > 0 {
		g.where = whereOf(stack)
	}
}

// account gives the time since the last time to the innermost call.
func (g *goroutine) account(at trace.Time) {
	d := at.Sub(g.since)
	g.since = at
	if len(g.calls) == 0 || d <= 0 {
		return
	}
	fn, what := g.calls[len(g.calls)-1].fn, g.state
	if g.assist && what == running {
		what = collector
	}
	fn.Self.add(what, d)
	if g.where != "" {
		fn.waits[g.where] += d
	}
}

// assist notes that a goroutine helps the collector.
func (r *reading) assist(e trace.Event) {
	span := e.Range()
	if span.Scope.Kind != trace.ResourceGoroutine || !strings.Contains(span.Name, "GC mark assist") {
		return
	}
	g := r.goroutine(span.Scope.Goroutine(), e.Time())
	g.account(e.Time())
	g.assist = e.Kind() != trace.EventRangeEnd
}

func (r *reading) begin(e trace.Event, name string) {
	g := r.goroutine(e.Goroutine(), e.Time())
	g.account(e.Time())
	fn := r.Functions[name]
	if fn == nil {
		if len(r.Functions) >= maxFunctions {
			return
		}
		fn = &Function{Name: strings.Clone(name), waits: map[string]time.Duration{}, children: map[string]*edge{}}
		r.Functions[fn.Name] = fn
	}
	if len(g.calls) < maxDepth {
		g.calls = append(g.calls, open{fn, e.Time()})
	}
}

// end closes the innermost call of that name, and calls inside it whose end is elsewhere.
func (r *reading) end(e trace.Event, name string) {
	g := r.goroutine(e.Goroutine(), e.Time())
	g.account(e.Time())
	at := len(g.calls) - 1
	for at >= 0 && g.calls[at].fn.Name != name {
		at--
	}
	if at < 0 {
		r.Unmatched++
		return
	}
	r.Unmatched += len(g.calls) - 1 - at
	call := g.calls[at]
	g.calls = g.calls[:at]
	d := e.Time().Sub(call.since)
	fn := call.fn
	fn.Calls, fn.Total = fn.Calls+1, fn.Total+d
	if len(fn.durations) < maxDurations {
		fn.durations = append(fn.durations, d)
	}
	if at == 0 {
		return
	}
	parent := g.calls[at-1].fn
	if parent.children[name] == nil {
		parent.children[name] = &edge{}
	}
	parent.children[name].calls++
	parent.children[name].total += d
}

// finish accounts for what is still under way.
func (r *reading) finish() {
	for _, g := range r.goroutines {
		g.account(r.last)
	}
	r.Span = r.last.Sub(r.first)
	for _, fn := range r.Functions {
		slices.Sort(fn.durations)
		for where, d := range fn.waits {
			if d > fn.WhereIn || d == fn.WhereIn && where < fn.Where {
				fn.Where, fn.WhereIn = where, d
			}
		}
	}
}

// whereOf names the innermost Go function of a stack that is not the standard library's, or else the
// innermost.
func whereOf(stack trace.Stack) string {
	innermost := ""
	for f := range stack.Frames() {
		if !isStandard(f.Func) {
			return f.Func
		}
		if innermost == "" {
			innermost = f.Func
		}
	}
	return innermost
}

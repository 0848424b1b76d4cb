package profiler

import (
	"context"
	"errors"
	"runtime/trace"
	"sync"
	"time"
)

// errGoexit is recorded for a call whose goroutine ended inside it.
var errGoexit = errors.New("runtime.Goexit")

// Call is a call in progress. It is a small value; end it once, by [Call.End] or
// [Call.Done], from any goroutine. The zero Call records nothing.
type Call struct {
	fn     *function
	start  int64
	frame  *frame
	weight uint64 // the calls that it stands for, 0 if it is only counted
}

// Start begins a call of name. It does not nest: see [Profiler.StartContext].
func (p *Profiler) Start(name string) Call {
	if p == nil || !p.enabled.Load() {
		return Call{}
	}
	return p.begin(name)
}

// begin is apart from Start so that a call not recorded costs no call.
func (p *Profiler) begin(name string) Call { return p.lookup(name).begin() }

// StartContext begins a call of name and returns a context to use inside it. Calls begun
// with that context, or one made from it, are nested in this one: the time in which at
// least one of them runs is not its self time. The pprof labels and trace id of ctx are
// kept when the call is slow or fails. It allocates the context, and nothing when the
// profiler is off or the call is only counted ([Config.TimeEvery]); inside a timed call
// every call is timed.
func (p *Profiler) StartContext(ctx context.Context, name string) (context.Context, Call) {
	if p == nil || !p.enabled.Load() {
		return ctx, Call{}
	}
	return p.lookup(name).beginIn(ctx)
}

// begin starts a call that does not nest.
func (fn *function) begin() Call {
	weight := uint64(1)
	if every := fn.p.timeEvery.Load(); every > 1 {
		if weight = fn.weigh(every, false); weight == 0 {
			return Call{fn: fn}
		}
	}
	if fn.p.tracing.Load() {
		trace.Log(context.Background(), TraceBegin, fn.name)
	}
	return Call{fn: fn, start: fn.p.now(), weight: weight}
}

// beginIn starts a call that nests, unless it is only counted.
func (fn *function) beginIn(ctx context.Context) (context.Context, Call) {
	parent, _ := ctx.Value(frameKey{}).(*frame)
	weight := uint64(1)
	if every := fn.p.timeEvery.Load(); every > 1 {
		if weight = fn.weigh(every, parent != nil); weight == 0 {
			return ctx, Call{fn: fn}
		}
	}
	f := &frame{Context: ctx, parent: parent}
	call := fn.enter(f, weight)
	return f, call
}

// enter starts the call of a frame.
func (fn *function) enter(f *frame, weight uint64) Call {
	if fn.p.tracing.Load() {
		trace.Log(f.Context, TraceBegin, fn.name)
	}
	now := fn.p.now()
	f.parent.enter(now)
	return Call{fn: fn, start: now, frame: f, weight: weight}
}

// End records the call. A non-nil err counts as a failure; its text is kept.
func (c Call) End(err error) {
	if c.fn != nil && (c.weight != 0 || err != nil) {
		c.end(err, nil)
	}
}

// Done is End for a deferred call: it records the error that err points to (nil means
// none) and a panic, which goes on with its value and stack.
//
//	defer call.Done(&err)
func (c Call) Done(err *error) {
	value := recover()
	if c.fn != nil {
		var e error
		if err != nil {
			e = *err
		}
		c.end(e, value)
	}
	if value != nil {
		panic(value)
	}
}

// leave ends the call of a function that returned, panicked with value, or neither,
// which is Goexit. The panic goes on.
func (c Call) leave(err error, returned bool, value any) {
	if !returned && value == nil {
		err = errGoexit
	}
	if c.fn != nil {
		c.end(err, value)
	}
	if value != nil {
		panic(value)
	}
}

func (c Call) end(err error, panicked any) {
	fn, p := c.fn, c.fn.p
	failed := err != nil || panicked != nil
	if failed {
		fn.errors.Add(1)
	}
	if c.weight == 0 { // it was counted when it began
		if failed {
			c.keep(0, err, panicked)
		}
		return
	}
	end := p.now()
	nanos := max(end-c.start, 0)
	if c.frame != nil {
		c.leaveFrame(nanos, end)
	}
	fn.record(nanos, end, c.weight)
	if p.tracing.Load() {
		c.traceEnd()
	}
	if failed || nanos >= p.threshold.Load() {
		c.keep(nanos, err, panicked)
	}
}

// traceEnd tells an execution trace that the call has ended.
func (c Call) traceEnd() {
	ctx := context.Background()
	if c.frame != nil {
		ctx = c.frame.Context
	}
	trace.Log(ctx, TraceEnd, c.fn.name)
}

// leaveFrame accounts for the calls nested in this one, and for this one in the outer.
func (c Call) leaveFrame(nanos, end int64) {
	if covered := c.frame.close(end); covered > 0 {
		c.fn.childNanos.Add(uint64(min(covered, nanos)) * c.weight)
	}
	c.fn.nested.Add(1)
	c.frame.parent.leave(end)
}

// keep stores the call as an exemplar. One that was only counted is not slow: nobody knows.
func (c Call) keep(nanos int64, err error, panicked any) {
	p := c.fn.p
	start := c.start
	if c.weight == 0 {
		start = p.now()
	}
	e := Exemplar{
		Time:     p.epoch.Add(time.Duration(start)),
		Seconds:  seconds(nanos),
		Error:    errorText(err),
		Panicked: panicked != nil || errors.Is(err, errGoexit),
	}
	if panicked != nil {
		e.Error = panicText(panicked)
	}
	if c.frame != nil {
		e.Labels = labelsOf(c.frame)
		e.TraceID = traceIDOf(c.frame)
	}
	slow := c.weight != 0 && nanos >= p.threshold.Load()
	c.fn.keep(e, slow, err != nil || panicked != nil, int(p.maxExemplars.Load()))
}

type frameKey struct{}

// frame is the context of a running call and the account of its nested calls. Nested
// calls may run at the same time; the account is the union of their spans.
type frame struct {
	context.Context
	parent      *frame
	traceparent string // of the request, parsed only when asked for

	mu      sync.Mutex // guards the fields below
	active  int        // nested calls running
	since   int64      // when active last rose from zero
	covered int64      // nanoseconds with active > 0, closed spans
	closed  bool
}

// Value returns the frame itself, its trace id, or a value of its parent context.
func (f *frame) Value(key any) any {
	switch key.(type) {
	case frameKey:
		return f
	case traceKey:
		if id := parseTraceparent(f.traceparent); id != "" {
			return id
		}
	}
	return f.Context.Value(key)
}

func (f *frame) enter(now int64) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active == 0 {
		f.since = now
	}
	f.active++
}

func (f *frame) leave(now int64) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active--
	if f.active == 0 && !f.closed {
		f.covered += max(now-f.since, 0)
	}
}

// close returns the time covered by nested calls, counting those still running up to now.
func (f *frame) close(now int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.active > 0 {
		f.covered += max(now-f.since, 0)
	}
	return f.covered
}

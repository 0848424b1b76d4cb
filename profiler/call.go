package profiler

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errGoexit is recorded for a call whose goroutine ended inside it.
var errGoexit = errors.New("runtime.Goexit")

// Call is a call in progress. It is a small value; end it once, by [Call.End] or
// [Call.Done], from any goroutine. The zero Call records nothing.
type Call struct {
	p     *Profiler
	fn    *function
	start int64
	frame *frame
}

// Start begins a call of name. It does not nest: see [Profiler.StartContext].
func (p *Profiler) Start(name string) Call {
	if p == nil || !p.enabled.Load() {
		return Call{}
	}
	return Call{p: p, fn: p.lookup(name), start: p.now()}
}

// StartContext begins a call of name and returns a context to use inside it. Calls begun
// with that context, or one made from it, are nested in this one: the time in which at
// least one of them runs is not its self time. The pprof labels and trace id of ctx are
// kept when the call is slow or fails. It allocates the context, and nothing when the
// profiler is off.
func (p *Profiler) StartContext(ctx context.Context, name string) (context.Context, Call) {
	if p == nil || !p.enabled.Load() {
		return ctx, Call{}
	}
	f, call := p.push(ctx, p.lookup(name))
	return f, call
}

func (p *Profiler) push(ctx context.Context, fn *function) (*frame, Call) {
	f := &frame{Context: ctx}
	f.parent, _ = ctx.Value(frameKey{}).(*frame)
	now := p.now()
	f.parent.enter(now)
	return f, Call{p: p, fn: fn, start: now, frame: f}
}

// End records the call. A non-nil err counts as a failure; its text is kept.
func (c Call) End(err error) {
	if c.fn != nil {
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
	end := c.p.now()
	nanos := max(end-c.start, 0)
	if c.frame != nil {
		if covered := c.frame.close(end); covered > 0 {
			c.fn.childNanos.Add(uint64(min(covered, nanos)))
		}
		c.frame.parent.leave(end)
	}
	c.fn.record(nanos, end)
	if c.fn.name == OtherFunction {
		c.p.overflowed.Add(1)
	}
	failed := err != nil || panicked != nil
	if failed {
		c.fn.errors.Add(1)
	}
	if slow := nanos >= c.p.threshold.Load(); slow || failed {
		c.keep(nanos, err, panicked)
	}
}

// keep stores the call as an exemplar.
func (c Call) keep(nanos int64, err error, panicked any) {
	e := Exemplar{
		Time:     c.p.epoch.Add(time.Duration(c.start)),
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
	slow := nanos >= c.p.threshold.Load()
	c.fn.keep(e, slow, err != nil || panicked != nil, int(c.p.maxExemplars.Load()))
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

package profiler

import (
	"context"
	"sync/atomic"
)

// Site is a place in the program whose calls share one name. It saves the look-up that
// [Profiler.Start] makes for every call. A nil *Site records nothing.
type Site struct {
	p          *Profiler
	name       string
	goFunction string // that its calls are in, if known
	fn         atomic.Pointer[function]
}

// Site returns the site of that name; of a nil profiler it is nil. The name takes room
// only once it is called.
func (p *Profiler) Site(name string) *Site {
	if p == nil {
		return nil
	}
	return &Site{p: p, name: cleanName(name)}
}

// function returns the record of the site's name, looked up anew after it was cleared.
func (s *Site) function() *function {
	if fn := s.fn.Load(); fn != nil && !fn.removed.Load() {
		return fn
	}
	fn, ok := (*s.p.functions.Load())[s.name]
	if !ok {
		fn = s.p.define(s.name, s.goFunction)
	}
	if fn.name == s.name { // not the overflow: there may be room later
		s.fn.Store(fn)
	}
	return fn
}

// Start begins a call; see [Profiler.Start].
func (s *Site) Start() Call {
	if s == nil || !s.p.enabled.Load() {
		return Call{}
	}
	return s.begin()
}

// begin is apart from Start so that a call not recorded costs no call.
func (s *Site) begin() Call { return s.function().begin() }

// StartContext begins a call that nests; see [Profiler.StartContext].
func (s *Site) StartContext(ctx context.Context) (context.Context, Call) {
	if s == nil || !s.p.enabled.Load() {
		return ctx, Call{}
	}
	return s.function().beginIn(ctx)
}

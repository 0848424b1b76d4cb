package balancer

import (
	"slices"
	"time"
)

// Virtual is a pool in virtual time: its ledger, estimates, ejections and strategy are those
// of a [Pool], but the caller says when things happen. It is what a simulator drives to try
// the very code that serves. It makes no calls, and is not safe for concurrent use.
type Virtual struct {
	pool *Pool
	rnd  uint64
}

// NewVirtual returns a pool in virtual time. The same seed decides the same.
func NewVirtual(cfg Config, seed uint64) (*Virtual, error) {
	p, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return &Virtual{pool: p, rnd: splitmix(seed)}, nil
}

// VirtualCall is a call to be placed.
type VirtualCall struct {
	// At is the time since the pool began; calls begin and end in the order of time.
	At time.Duration
	// Prompt is as for [WithPrompt]; nil: none.
	Prompt *Prompt
	// Work is the size as told by [WithWork]; 0: not told.
	Work float64

	// Stream says that the call is timed to its first token.
	Stream bool
	// Tried are servers to be used only when there is no other.
	Tried []int
}

// Begin places a call. False means that no server can take it.
func (v *Virtual) Begin(c VirtualCall) (*VirtualFlight, bool) {
	p := v.pool
	v.rnd = splitmix(v.rnd)
	class := classEmpty
	if c.Work > 0 {
		class = classOfWork(c.Work)
	}
	if c.Stream {
		class += classStreams
	}
	j := job{now: int64(c.At), class: class, size: p.sizes.expect(class), rnd: v.rnd, asked: c.Prompt}
	view := p.view.Load()
	tried := make([]*Server, 0, len(c.Tried))
	for _, i := range c.Tried {
		tried = append(tried, view.servers[i])
	}
	l, err := p.acquire(j, tried)
	if err != nil {
		return nil, false
	}
	return &VirtualFlight{pool: p, lease: l, index: slices.Index(view.servers, l.server)}, true
}

// VirtualFlight is a call under way.
type VirtualFlight struct {
	pool  *Pool
	lease *lease
	index int
	first time.Duration // of the answer, of a stream
}

// Server returns the index of the server in the configuration.
func (f *VirtualFlight) Server() int { return f.index }

// First says that the first token of the answer came.
func (f *VirtualFlight) First(at time.Duration) {
	f.first = at
	f.lease.headersCame()
	f.pool.firstToken(f.lease, int64(at))
}

// End ends the call: ok tells whether the server did what it was asked to. A call that the
// caller gives up for being late is a failure.
func (f *VirtualFlight) End(at time.Duration, ok bool) {
	timed := at
	if f.first > 0 {
		timed = f.first
	}
	o := outcome{verdict: succeeded, latency: int64(timed) - f.lease.began}
	if !ok {
		o.verdict = failing
	}
	f.pool.end(f.lease, int64(at), o)
}

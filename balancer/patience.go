package balancer

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"
)

// errAttemptTimeout ends an attempt for which another one is better.
var errAttemptTimeout = errors.New("balancer: the server took too long, another was tried")

const (
	// patienceFactor is how many times what was predicted an attempt may take by default, and
	// leastPatience what it always may.
	patienceFactor = 20
	leastPatience  = 2 * time.Second
)

// patience gives an attempt up that takes far too long, if the request may be repeated, another
// server can take it and the budget allows. Otherwise it goes on waiting.
type patience struct {
	call   *call
	server *Server
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
	state  atomic.Int32
}

// States of a patience.
const (
	waiting int32 = iota
	answered
	over
)

// watch returns the patience for an attempt, nil when there is no other choice than to wait.
func (c *call) watch(l *lease, attempt int, cancel context.CancelCauseFunc) *patience {
	v := c.pool.view.Load()
	if !c.safe || c.body.again == nil || attempt >= v.limits.MaxRetries || len(v.servers) < 2 {
		return nil
	}
	w := &patience{call: c, server: l.server, cancel: cancel, limit: c.patienceFor(l, v.limits)}
	w.timer = time.AfterFunc(math.MaxInt64, w.look) // set before it can fire
	w.timer.Reset(w.limit)
	return w
}

// patienceFor is how long an attempt may take: no more than half of what is left to the caller's
// deadline, but never less than what was to be expected.
func (c *call) patienceFor(l *lease, limits *Config) time.Duration {
	expected := time.Duration(l.expected * float64(time.Second))
	d := limits.AttemptTimeout
	if d == 0 {
		d = max(patienceFactor*expected, leastPatience)
	}
	if at, ok := c.req.Context().Deadline(); ok {
		d = min(d, max(time.Until(at)/2, overdueFactor*expected))
	}
	return d
}

// look is what the timer does.
func (w *patience) look() {
	c := w.call
	if w.state.Load() != waiting {
		return
	}
	if !c.another(w.server) || !c.pool.budget.spare() {
		w.timer.Reset(w.limit/4 + time.Millisecond)
		return
	}
	if !w.state.CompareAndSwap(waiting, over) {
		c.pool.budget.give()
		return
	}
	w.cancel(errAttemptTimeout)
}

// end ends the watch. False means that the attempt was given up: its retry has its budget already.
func (w *patience) end() bool {
	if w == nil || w.state.CompareAndSwap(waiting, answered) {
		if w != nil {
			w.timer.Stop()
		}
		return true
	}
	return false
}

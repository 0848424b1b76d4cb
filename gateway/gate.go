package gateway

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// Why a gate lets nobody in.
var (
	errQueueFull    = errors.New("gateway: the queue is full")
	errQueueTimeout = errors.New("gateway: waited too long in the queue")
	errDisplaced    = errors.New("gateway: displaced in the queue")
)

// gate lets so many in at a time. Others wait in a queue of bounded length: those of higher
// priority first, among equals who came first. When it is full, one of higher priority takes the
// place of the last of the lowest.
type gate struct {
	mu      sync.Mutex // guards the fields below
	limit   int        // zero: no bound
	room    int        // of the queue
	timeout time.Duration
	inside  int
	waiting waiters
	arrived uint64
}

// waiter is one in the queue.
type waiter struct {
	priority int
	arrived  uint64
	index    int        // in the queue, below 0: not in it any more
	verdict  chan error // has room for one; nil: let in
}

// set changes the bounds. Who is inside stays; who may enter now, does.
func (g *gate) set(limit, room int, timeout time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit, g.room, g.timeout = limit, room, timeout
	g.admit()
}

// enter waits to be let in. Whoever is, leaves by leave.
func (g *gate) enter(ctx context.Context, priority int) error {
	w, timeout, err := g.line(priority)
	if w == nil {
		return err
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err := <-w.verdict:
		return err
	case <-timer.C:
		return g.abandon(w, errQueueTimeout)
	case <-ctx.Done():
		return g.abandon(w, ctx.Err())
	}
}

// line lets in, refuses, or returns a place in the queue.
func (g *gate) line(priority int) (*waiter, time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limit == 0 || g.inside < g.limit && len(g.waiting) == 0 {
		g.inside++
		return nil, 0, nil
	}
	if len(g.waiting) >= g.room {
		last := g.waiting.last()
		if last == nil || last.priority >= priority {
			return nil, 0, errQueueFull
		}
		heap.Remove(&g.waiting, last.index)
		last.verdict <- errDisplaced
	}
	g.arrived++
	w := &waiter{priority: priority, arrived: g.arrived, verdict: make(chan error, 1)}
	heap.Push(&g.waiting, w)
	return w, g.timeout, nil
}

// abandon takes a waiter out of the queue. One that was let in meanwhile leaves again.
func (g *gate) abandon(w *waiter, why error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&g.waiting, w.index)
		return why
	}
	if err := <-w.verdict; err != nil {
		return err
	}
	g.inside--
	g.admit()
	return why
}

// leave makes room for another one.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.admit()
}

// admit lets in whom there is room for. The lock is held.
func (g *gate) admit() {
	for len(g.waiting) > 0 && (g.limit == 0 || g.inside < g.limit) {
		w, _ := heap.Pop(&g.waiting).(*waiter)
		g.inside++
		w.verdict <- nil
	}
}

// state returns how many are inside and how many wait.
func (g *gate) state() (inside, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside, len(g.waiting)
}

// waiters is a heap, the next one first.
type waiters []*waiter

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (q waiters) Len() int { return len(q) }

func (q waiters) Less(i, j int) bool {
	if q[i].priority != q[j].priority {
		return q[i].priority > q[j].priority
	}
	return q[i].arrived < q[j].arrived
}

func (q waiters) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push adds a waiter.
func (q *waiters) Push(v any) {
	w, _ := v.(*waiter)
	w.index = len(*q)
	*q = append(*q, w)
}

// Pop takes the last of the slice off.
func (q *waiters) Pop() any {
	old := *q
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	w.index = -1
	return w
}

// last is the one whose turn would come last, nil if nobody waits.
func (q waiters) last() *waiter {
	var last *waiter
	for i := range q {
		if last == nil || q.Less(last.index, i) {
			last = q[i]
		}
	}
	return last
}

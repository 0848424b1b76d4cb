package rediscache_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// The promise, as one process sees one key: a value is returned only if it was set, or fetched by a
// loader, and not replaced or invalidated since. What the process does itself counts from when the
// call returned; what others do counts when its message is delivered at the latest, and since their
// call it may see either. A value of a loader was fetched when the loader was entered, so an invalidation during a
// load must win. Nobody waits for a write: one that is under way, until its message is delivered, may
// come after what another process writes or invalidates meanwhile, but not after what its own process
// does later. What another process invalidates or replaces may leave what was fetched since its call.
// That a value is missing is never wrong.

// kind is what an event does to a key.
type kind int

const (
	born     kind = iota // a loader was entered
	wrote                // a value was set in the place of all others
	killed               // everything was invalidated
	yielded              // a value was returned
	reached              // a value that was set has reached the others
	appeared             // a value that another process set may be seen
)

func (k kind) String() string {
	return [...]string{"born", "set", "kill", "read", "reached", "appeared"}[k]
}

// event is what happened to one key in one process.
type event struct {
	kind         kind
	process, key int
	value        int
	how          string
	call, end    int64
	delivered    int64 // when all others have heard of it
	own          bool  // whether the process that looks did it
	ends         alive // what an invalidation or a write ends
	spares       bool  // whether that leaves the value of the event
}

// history records events. Its clock orders them.
type history struct {
	name   string // of its cache
	clock  atomic.Int64
	values atomic.Int64

	mu     sync.Mutex // guards events
	events []event
}

func (h *history) now() int64 { return h.clock.Add(1) }

func (h *history) add(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *history) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.events)
}

// deliver says that all messages so far have been delivered.
func (h *history) deliver() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	for i := range h.events {
		if h.events[i].delivered == 0 {
			h.events[i].delivered = now
		}
	}
}

// seen are the events of a key as a process sees them.
func (h *history) seen(process, key int) []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []event
	for _, e := range h.events {
		if e.key != key || e.kind == yielded && e.process != process {
			continue
		}
		e.own = e.process == process
		delivered := max(e.end, e.delivered)
		if !e.own && e.kind != born {
			e.end = delivered
		}
		switch {
		case e.kind != wrote:
			out = append(out, e)
		case e.own:
			out = append(out, e)
			e.kind, e.call, e.end = reached, e.end, delivered
			out = append(out, e)
		default:
			e.kind = appeared
			out = append(out, e)
			e.kind, e.spares = killed, true
			out = append(out, e)
		}
	}
	return out
}

// alive are the values that may be returned, by their place in the history.
type alive [4]uint64

func (a alive) has(i int) bool { return a[i/64]&(1<<(i%64)) != 0 }

func (a alive) with(i int) alive {
	a[i/64] |= 1 << (i % 64)
	return a
}

func (a alive) without(b alive) alive {
	for i := range a {
		a[i] &^= b[i]
	}
	return a
}

// number gives the values of a history small numbers, in place, and says of each invalidation and
// write what it ends: of the process that looks all, of another what was not fetched since.
func number(t *testing.T, seen []event) {
	t.Helper()
	numbers, fetched := map[int]int{}, map[int]int64{}
	for i := range seen {
		e := &seen[i]
		if e.kind == killed && !e.spares {
			continue
		}
		if _, ok := numbers[e.value]; !ok {
			numbers[e.value] = len(numbers)
		}
		if e.value = numbers[e.value]; e.kind == born {
			fetched[e.value] = e.call
		}
	}
	if len(numbers) > 64*len(alive{}) {
		t.Fatalf("%d values in one history, too many for the model", len(numbers))
	}
	for i := range seen {
		e := &seen[i]
		for n := range len(numbers) {
			if at, ok := fetched[n]; e.own || !ok || at < e.call {
				e.ends = e.ends.with(n)
			}
		}
		if e.spares {
			e.ends = e.ends.without(alive{}.with(e.value))
		}
	}
}

// view is what a process may see of a key.
type view struct {
	alive
	// latest is the value that the process itself wrote last, if it has not invalidated it since; -1
	// for none.
	latest int
}

func (v view) step(e event) (bool, view) {
	switch e.kind {
	case born, appeared:
		v.alive = v.with(e.value)
	case wrote:
		v.alive = v.without(e.ends).with(e.value)
		if e.own {
			v.latest = e.value
		}
	case killed:
		v.alive = v.without(e.ends)
		if e.own {
			v.latest = -1
		}
	case reached:
		if v.latest == e.value {
			v.alive = v.with(e.value)
		}
	case yielded:
		return v.has(e.value), v
	}
	return true, v
}

var promise = porcupine.Model{
	Init:  func() any { return view{latest: -1} },
	Step:  func(state, input, _ any) (bool, any) { return state.(view).step(input.(event)) },
	Equal: func(a, b any) bool { return a.(view) == b.(view) },
}

// check has porcupine look at what every process saw of every key, and returns the first history
// that breaks the promise. It is not sure when there was no time to check all of them.
func (h *history) check(t *testing.T, processes, keys int, patience time.Duration) (violation []event, sure bool) {
	t.Helper()
	sure = true
	for p := range processes {
		for k := range keys {
			seen := h.seen(p, k)
			numbered := slices.Clone(seen)
			number(t, numbered)
			var ops []porcupine.Operation
			for _, e := range numbered {
				ops = append(ops, porcupine.Operation{ClientId: e.process, Input: e, Call: e.call, Return: e.end})
			}
			switch porcupine.CheckOperationsTimeout(promise, ops, patience) {
			case porcupine.Illegal:
				return seen, true
			case porcupine.Unknown:
				sure = false
			}
		}
	}
	return nil, sure
}

// describe lists events for a person.
func describe(events []event) string {
	slices.SortFunc(events, func(a, b event) int { return int(a.call - b.call) })
	out := ""
	for _, e := range events {
		out += fmt.Sprintf("  %4d…%4d  process %d  %-4v %-8s %d\n", e.call, e.end, e.process, e.kind, e.how, e.value)
	}
	return out
}

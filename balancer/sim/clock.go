package sim

import "time"

// event is something that will happen to a call or a server.
type event struct {
	at   time.Duration
	seq  uint64 // decides between equals: first come, first served
	kind eventKind
	call *Call // of an attempt: the attempt it was meant for is in try
	try  int
	node int
}

type eventKind uint8

const (
	arrival  eventKind = iota // of a call
	serviced                  // a slot has done its call
	refused                   // a fast error comes back
	giveUp                    // the caller's patience ends
	step                      // a replica has done one iteration
)

// clock is a queue of events in the order of time.
type clock struct {
	now  time.Duration
	seq  uint64
	heap []event
}

func (c *clock) before(i, j int) bool {
	a, b := &c.heap[i], &c.heap[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// add puts an event into the future.
func (c *clock) add(e event) {
	c.seq++
	e.seq = c.seq
	c.heap = append(c.heap, e)
	for i := len(c.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !c.before(i, up) {
			return
		}
		c.heap[i], c.heap[up] = c.heap[up], c.heap[i]
		i = up
	}
}

// next takes the earliest event and sets the time to it; false: there is none.
func (c *clock) next() (event, bool) {
	n := len(c.heap) - 1
	if n < 0 {
		return event{}, false
	}
	first := c.heap[0]
	c.heap[0] = c.heap[n]
	c.heap = c.heap[:n]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < n; child++ {
			if c.before(child, least) {
				least = child
			}
		}
		if least == i {
			break
		}
		c.heap[i], c.heap[least] = c.heap[least], c.heap[i]
		i = least
	}
	c.now = first.at
	return first, true
}

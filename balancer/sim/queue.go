package sim

import "time"

// queue is a server of equal slots: first come, first served.
type queue struct {
	*run
	Server
	index   int
	busy    int
	waiting []attempt
}

// attempt is a call as it was when it was sent.
type attempt struct {
	call *Call
	try  int
}

// over reports whether nobody waits for it any more.
func (a attempt) over() bool { return a.call.try != a.try }

func newQueue(r *run, index int, s Server) *queue {
	s.Slots = s.slots()
	return &queue{run: r, Server: s, index: index}
}

func (q *queue) enter(c *Call) {
	if q.busy == q.Slots {
		q.waiting = append(q.waiting, attempt{c, c.try})
		return
	}
	q.busy++
	q.begin(c)
}

func (q *queue) begin(c *Call) {
	took := c.Work / q.Speed * q.slowness(q.index)
	q.clock.add(event{
		at: q.clock.now + time.Duration(took*float64(time.Second)), kind: serviced,
		call: c, try: c.try, node: q.index,
	})
}

// on ends what a slot did, for whoever still waits for it, and begins the next.
func (q *queue) on(e event) {
	for len(q.waiting) > 0 && q.waiting[0].over() {
		q.waiting = q.waiting[1:]
	}
	if len(q.waiting) > 0 {
		next := q.waiting[0].call
		q.waiting = q.waiting[1:]
		q.begin(next)
	} else {
		q.busy--
	}
	if e.call.try == e.try {
		q.run.first(e.call)
		q.end(e.call, true)
	}
}

// leave does nothing: one that waits is passed over, one that is worked on is worked on to
// its end.
func (q *queue) leave(*Call) {}

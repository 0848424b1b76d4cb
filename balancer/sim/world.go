package sim

import "time"

// World is what is simulated: servers, what befalls them, and how patient callers are.
type World struct {
	Servers []Server
	Faults  []Fault
	// Timeout is how long a caller waits for the end of an attempt. Zero means for ever.
	Timeout time.Duration
	// Attempts is how often a call is tried, 1 or 0 meaning once. Further attempts are
	// made within a budget of 20 % of the calls under way, three being always allowed.
	Attempts int
	// WarmUp is the time at the start that is played but not counted.
	WarmUp time.Duration
}

// Server is a queue in front of equal slots, or a replica of a language model.
type Server struct {
	// Speed divides the work of a call.
	Speed float64
	// Slots is how many calls are worked on at a time; zero means 4.
	Slots int
	// Batch is how many sequences a replica decodes at a time; zero: it is no replica.
	Batch int
	// Memory is how many tokens its key-value store holds, of running sequences and of
	// prefixes that may be used again.
	Memory int
}

// slots returns how many calls a queue works on at a time.
func (s Server) slots() int {
	if s.Slots > 0 {
		return s.Slots
	}
	return 4
}

// Fault is a bad time of a server.
type Fault struct {
	Server   int
	From, To time.Duration
	// Slow multiplies what its work takes; zero means 1.
	Slow float64
	// Fail is the share of its calls that fail at once.
	Fail float64
}

// FastError is how long a failing server takes to fail.
const FastError = 2 * time.Millisecond

// retryShare and retryFloor are the budget for further attempts.
const (
	retryShare = 0.2
	retryFloor = 3
)

// Run plays the source to its end and returns what came out.
func (w World) Run(src Source, p Policy) *Result {
	r := &run{World: w, policy: p, source: src}
	for i, s := range w.Servers {
		if s.Batch > 0 {
			r.nodes = append(r.nodes, newReplica(r, i, s))
		} else {
			r.nodes = append(r.nodes, newQueue(r, i, s))
		}
	}
	r.draw()
	for e, ok := r.clock.next(); ok; e, ok = r.clock.next() {
		r.on(e)
	}
	return &r.result
}

// node is a server at work.
type node interface {
	enter(c *Call)
	on(e event)
	// leave takes a call out that nobody waits for any more.
	leave(c *Call)
}

// run is one simulation under way.
type run struct {
	World
	clock  clock
	policy Policy
	source Source
	nodes  []node
	live   int
	again  int // calls under way that are retries
	result Result
}

func (r *run) draw() {
	if c := r.source.Next(); c != nil {
		r.clock.add(event{at: c.At, kind: arrival, call: c, try: -1})
	}
}

func (r *run) on(e event) {
	switch e.kind {
	case arrival:
		if e.try < 0 {
			r.draw()
		}
		r.live++
		e.call.At = r.clock.now
		r.place(e.call)
	case refused:
		r.end(e.call, false)
	case giveUp:
		if e.call.try == e.try {
			r.nodes[e.call.Server].leave(e.call)
			r.end(e.call, false)
		}
	default:
		r.nodes[e.node].on(e)
	}
}

// place makes an attempt.
func (r *run) place(c *Call) {
	now := r.clock.now
	c.Placed, c.first = now, -1
	c.Server = r.policy.Pick(now, c)
	if c.Server < 0 {
		r.over(c, false)
		return
	}
	r.result.placed(now, c.Server, len(r.nodes))
	c.try++
	if share(mix(c.Luck+uint64(c.try))) < r.failing(c.Server) {
		r.clock.add(event{at: now + FastError, kind: refused, call: c, try: c.try})
		return
	}
	if r.Timeout > 0 {
		r.clock.add(event{at: now + r.Timeout, kind: giveUp, call: c, try: c.try})
	}
	r.nodes[c.Server].enter(c)
}

// first notes the first token of an answer.
func (r *run) first(c *Call) {
	if c.first < 0 {
		c.first = r.clock.now - c.At
		r.policy.First(r.clock.now, c)
	}
}

// end ends an attempt.
func (r *run) end(c *Call, ok bool) {
	c.try++ // what was planned for the attempt is void
	r.policy.Done(r.clock.now, c, ok)
	retry := len(c.Tried) > 0
	if !ok && len(c.Tried)+1 < r.Attempts && c.first < 0 {
		if retry {
			r.again--
		}
		if r.again < max(retryFloor, int(retryShare*float64(r.live))) {
			r.again++
			c.Tried = append(c.Tried, c.Server)
			r.place(c)
			return
		}
		retry = false
	}
	if retry {
		r.again--
	}
	r.over(c, ok)
}

// over ends a call.
func (r *run) over(c *Call, ok bool) {
	r.live--
	if c.At >= r.WarmUp {
		r.result.add(c, r.clock.now-c.At, ok, r.Timeout)
	}
	if next := r.source.Done(r.clock.now, c); next != nil {
		r.clock.add(event{at: max(next.At, r.clock.now), kind: arrival, call: next})
	}
}

// slowness is the factor on what work takes at a server now.
func (r *run) slowness(server int) float64 {
	slow := 1.0
	for _, f := range r.Faults {
		if f.Server == server && f.Slow > 0 && f.From <= r.clock.now && r.clock.now < f.To {
			slow *= f.Slow
		}
	}
	return slow
}

func (r *run) failing(server int) float64 {
	for _, f := range r.Faults {
		if f.Server == server && f.Fail > 0 && f.From <= r.clock.now && r.clock.now < f.To {
			return f.Fail
		}
	}
	return 0
}

package balancer

const (
	// crowdStep is the part of the way that an observation moves the limit.
	crowdStep = 0.1
	// crowdDrift is by how much each call that did not wait raises it, so that a limit that
	// was seen by mistake is forgotten.
	crowdDrift = 1e-5
	// anyCrowd and more is no limit.
	anyCrowd = 1e6
)

// crowd learns how many calls a replica works on before further ones wait in its queue.
type crowd struct {
	limit atomicFloat // +Inf: never seen
}

// observe learns from a first token: n calls were being worked on, and it was late, for its
// call had waited in the queue, or not.

func (c *crowd) observe(n float64, late bool) {
	limit := c.limit.Load()
	switch {
	case !late && n > limit:
		c.limit.Store(limit + crowdStep*(n-limit) + crowdDrift*limit)
	case !late:
		c.limit.Store(limit * (1 + crowdDrift))
	case limit > anyCrowd:
		c.limit.Store(max(n, 1))
	case n < limit:
		c.limit.Store(max(limit+crowdStep*(n-limit), 1))
	}
}

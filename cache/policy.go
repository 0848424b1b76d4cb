package cache

// policy is a cache's order with what chooses its plan.
type policy struct {
	order  order
	tuner  tuner
	pricer pricer
	// plan is the place in plans of the one in force.
	plan int
}

// begin makes it that of an empty cache.
func (p *policy) begin() {
	p.order.plan = plans[0]
	p.tuner.start()
}

// learn tells of an entry that is put, in the place of old unless that is nil, and changes the plan
// when another is better. It reports whether it did.
func (p *policy) learn(e, old *entry, most size, now int64) bool {
	sampled := p.tuner.samples(e.hash)
	if sampled && e.took > 0 {
		p.pricer.observe(e.hash, e.took)
	}
	e.saves = p.worth(e.made)
	p.tuner.hits(most, now)
	if sampled {
		a := sample{hash: e.hash, bytes: e.bytes, saves: e.saves, expires: e.expires}
		if old == nil {
			p.tuner.put(a, most, now)
		} else {
			p.tuner.replace(a)
		}
	}
	best := p.tuner.best(p.plan)
	if best == p.plan {
		return false
	}
	p.plan = best
	p.order.plan = plans[best]
	return true
}

// worth is what a hit of a value saves: its price, or else what its load took.
func (p *policy) worth(m made) float32 {
	switch {
	case m.price > 0:
		return max(float32(m.price), leastPrice)
	case m.took > 0:
		return p.pricer.price(m.took)
	}
	return 1
}

// left tells of an entry that is not held any more; gone says that no plan could have kept it.
func (p *policy) left(e *entry, gone bool) {
	switch {
	case !p.tuner.samples(e.hash):
	case gone:
		p.tuner.forget(e.hash)
	default:
		p.tuner.evicted(e.hash)
	}
}

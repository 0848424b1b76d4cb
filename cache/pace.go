package cache

const (
	// ratePeriod is how many followed lookups are timed together.
	ratePeriod = 8192
	// leastModel is how many entries the model of the present size keeps when the sample gets smaller
	// for the rate: a model of a few dozen says little of a cache.
	leastModel = 512
	// warmUp is how many lookups for each entry held are followed after a pause without being counted,
	// until the models hold what they would without it.
	warmUp = 4
)

// pace is what is known of how fast lookups come. When more than SampleRate would be followed, and
// SampleBurst is used up, the sample gets smaller, down to what still says something. With that the curve
// pauses: what is asked meanwhile counts as if it was like what was followed last.
type pace struct {
	began int64
	left  int
	// credit is how many lookups may be followed faster than SampleRate, burst the most of that.
	credit, burst float64
	// settled is when the sample was last looked at to be made larger, followed the lookups since.
	settled  int64
	followed int
	// warming is how many lookups after a pause are still not counted.
	warming int
}

func newPace(now int64) pace {
	return pace{began: now, left: ratePeriod, credit: SampleBurst, burst: SampleBurst, settled: now}
}

// slow makes the sample smaller when too much was followed, or pauses, with mu held.
func (v *curve) slow() {
	now := v.clock.now()
	took := float64(now-v.pace.began) / 1e9
	v.pace.began, v.pace.left = now, ratePeriod
	v.pace.credit = min(v.pace.credit+SampleRate*took-ratePeriod, v.pace.burst)
	if v.counting() {
		v.cover()
		v.tally.mark(v.pace.burst / 8)
	}
	rate := ratePeriod / max(took, 1e-6)
	if rate <= SampleRate || v.pace.credit > 0 {
		return
	}
	m := &v.models[present]
	least := float64(m.below) * leastModel / float64(max(m.held.len(), leastModel))
	sample := float64(v.below.Load())
	if least > sample*7/8 {
		v.pause(now)
		return
	}
	below := uint64(max(sample*SampleRate/rate, sample/8, least))
	for i := range v.models {
		v.models[i].narrow(below)
	}
	v.scale(now)
}

// pause follows nothing until a quarter of the burst may be followed again, with mu held.
func (v *curve) pause(now int64) {
	if v.pace.warming == 0 {
		v.cover()
	}
	v.resumes.Store(now + int64(v.pace.burst/4/SampleRate*1e9))
	v.followed.Store(0)
}

// resume ends a pause when it is time.
func (v *curve) resume() {
	at := v.resumes.Load()
	if at == 0 || v.clock.coarse() < at || !v.mu.TryLock() {
		return
	}
	defer v.mu.Unlock()
	if v.resumes.Load() == at {
		v.carryOn(v.clock.now())
	}
}

// carryOn ends a pause, with mu held.
func (v *curve) carryOn(now int64) {
	held := 0
	for i := range v.models {
		held += v.models[i].held.len()
	}
	v.pace.warming = max(warmUp*held, 1)
	v.pace.credit, v.pace.began, v.pace.left = v.pace.burst/4, now, ratePeriod
	v.resumes.Store(0)
	v.followed.Store(v.below.Load())
}

// counts reports whether a lookup that is followed counts, with mu held.
func (v *curve) counts() bool {
	if v.pace.warming == 0 {
		return true
	}
	if v.pace.warming--; v.pace.warming == 0 {
		hits, misses := v.sum()
		v.tally.skip(float64(hits + misses - v.tally.from))
		v.tally.from = hits + misses
	}
	return false
}

// counting reports whether lookups count now, with mu held.
func (v *curve) counting() bool { return v.resumes.Load() == 0 && v.pace.warming == 0 }

// cover adds the lookups since they last began to count to those that are covered, with mu held.
func (v *curve) cover() {
	hits, misses := v.sum()
	v.tally.covered += float64(hits + misses - v.tally.from)
	v.tally.from = hits + misses
}

package cache

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	// SampleRate is how many lookups a second of one cache are followed for its curve at most, on
	// average. Following one takes two microseconds at most, so that this is a hundredth of a core.
	SampleRate = 5_000
	// SampleBurst is how many may be followed at once after a time with fewer, as at the start.
	SampleBurst = 1 << 19
	// MaxCurveBytes bounds the memory that the curve of one cache takes.
	MaxCurveBytes = 1 << 20

	// modelEntryBytes is what a key takes in a model: the entry, its place in the index, and what is
	// remembered of it when it left.
	modelEntryBytes = int(unsafe.Sizeof(imagined{})) + 50
	maxModelEntries = (MaxCurveBytes - tunersBytes) / modelEntryBytes
	// tunersBytes is what the tuners of the models take: five plans in each.
	tunersBytes = (len(scales) - 1) * len(plans) * shadowEntries * modelEntryBytes

	allHashes = 1 << 32
	// parts is in how many parts the sample is split to estimate its error.
	parts = 8
)

// scales are the sizes of the models in parts of the present size.
var scales = [...]float64{0.25, 0.5, 1, 2, 4}

// present is the place of the present size in scales.
const present = 2

// curve follows a sample of the keys of one cache through models of several sizes. A key is in
// the sample by its hash, so that all its lookups are (Waldspurger, Park, Garthwaite, Ahmad:
// Efficient MRC Construction with SHARDS, FAST 2015). Of a small cache all keys are; there are
// fewer as soon as a model holds too much or lookups come too fast.
type curve struct {
	hasher
	clock *clock
	sum   func() (hits, misses uint64)
	// below is the first hash, in its upper 32 bits, that is in no sample, and followed the first that is
	// not followed now: zero while it pauses.
	below, followed atomic.Uint64
	// resumes is when a pause ends; zero when there is none.
	resumes atomic.Int64
	// lost are lookups that were not followed because another one was.
	lost atomic.Uint64

	mu     sync.Mutex // guards the fields below; a store's mu may be held
	limits limits
	models [len(scales)]model
	nodes  slab // of all models
	pace   pace
	tally  tally
}

func newCurve(c *clock, sum func() (hits, misses uint64)) *curve {
	v := &curve{hasher: hasher{seed: maphash.MakeSeed()}, clock: c, sum: sum, pace: newPace(c.now())}
	for i := range v.models {
		v.models[i].order.plan = plans[0]
		v.models[i].tuner.coarse = true
		v.models[i].tuner.start()
		v.models[i].held.slab = &v.nodes
		v.models[i].below = allHashes
	}
	v.below.Store(allHashes)
	v.followed.Store(allHashes)
	return v
}

// follows reports whether the key of a hash is in the sample of a model, and no pause is made.
func (v *curve) follows(hash uint64) bool { return hash>>32 < v.followed.Load() }

// lookup follows a lookup that found e, or nothing. It never waits.
func (v *curve) lookup(key string, e *entry) {
	var hash uint64
	if e != nil {
		hash = e.hash
	} else {
		v.resume()
		if hash = v.hash(key); !v.follows(hash) {
			return
		}
	}
	if !v.mu.TryLock() {
		v.lost.Add(1)
		return
	}
	defer v.mu.Unlock()
	now := v.clock.coarse()
	var hits [len(scales)]float64
	for i := range v.models {
		switch m := &v.models[i]; {
		case !m.follows(hash):
		case m.lookup(hash, now):
			hits[i] = 1
		case e != nil: // at this size it would have been fetched and stored
			m.insert(e, now)
		}
	}
	if e != nil {
		v.tune(e, now)
	}
	if v.counts() {
		for i := range v.models {
			if below := v.common(i); hash>>32 < below {
				v.tally.gains[i][hash%parts] += allHashes / float64(below) * (hits[i] - hits[present])
			}
		}
		v.tally.followed++
	}
	v.pace.followed++
	if v.pace.left--; v.pace.left <= 0 {
		v.slow()
	}
	v.fit(now)
}

// common is the bound of the sample that a model has in common with the one of the present size.
func (v *curve) common(i int) uint64 { return min(v.models[i].below, v.models[present].below) }

// stored follows a write of e; replaced says that its key had a value.
func (v *curve) stored(e *entry, replaced bool) {
	if !v.follows(e.hash) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !replaced {
		v.tune(e, e.created)
	}
	for i := range v.models {
		m := &v.models[i]
		switch old := m.held.get(e.hash); {
		case !m.follows(e.hash):
		case old == nil:
			m.insert(e, e.created)
		case replaced:
			m.replace(old, e, e.created)
		}
	}
	v.fit(e.created)
}

// forget follows an invalidation of a key, also in a pause.
func (v *curve) forget(hash uint64) {
	if hash>>32 >= v.below.Load() {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.models {
		if n := v.models[i].held.get(hash); n != nil {
			v.models[i].drop(n)
		}
		if v.models[i].tuner.samples(hash) {
			v.models[i].tuner.forget(hash)
		}
	}
}

// clear follows an invalidation of all keys.
func (v *curve) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.models {
		v.models[i].reset()
		v.models[i].tuner.clear()
	}
}

// adopt has the model of the present size evict by another plan, as the cache does.
func (v *curve) adopt(p plan) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.models[present].order.plan = p
}

// tune has the models of other sizes choose their plans as caches of these sizes would, by a lookup
// of e, with mu held.
func (v *curve) tune(e *entry, now int64) {
	for i := range v.models {
		if m := &v.models[i]; i != present && m.tuner.samples(e.hash) {
			entries, bytes := scales[i]*float64(v.limits.maxEntries), scales[i]*float64(v.limits.maxBytes)
			m.tune(e, size{int(entries), int64(bytes)}, now)
		}
	}
}

// fit makes the sample of the model that holds most smaller when all together hold too much, with
// mu held.
func (v *curve) fit(now int64) {
	most, held := 0, 0
	for i := range v.models {
		n := v.models[i].held.len()
		held += n
		if n > v.models[most].held.len() {
			most = i
		}
	}
	if held > maxModelEntries {
		m := &v.models[most]
		m.narrow(m.below - m.below/16)
		v.scale(now)
	}
}

// settle makes the sample larger when lookups have come slowly enough and memory is left.
func (v *curve) settle() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, held := v.clock.now(), 0
	rate := float64(v.pace.followed) / max(float64(now-v.pace.settled)/1e9, 1e-6)
	v.pace.settled, v.pace.followed = now, 0
	if at := v.resumes.Load(); at != 0 {
		if now >= at {
			v.carryOn(now)
		}
		return
	}
	for i := range v.models {
		v.models[i].without(func(n *imagined) bool { return now >= n.expires })
		held += v.models[i].held.len()
	}
	if rate > SampleRate/4 || held > maxModelEntries/2 {
		return
	}
	for i := range v.models {
		v.models[i].below = min(2*v.models[i].below, allHashes)
	}
	v.scale(now)
}

// scale gives the models their bounds, with mu held.
func (v *curve) scale(now int64) {
	below := uint64(0)
	for i := range v.models {
		m := &v.models[i]
		below = max(below, m.below)
		part := scales[i] * float64(m.below) / allHashes
		m.maxEntries = max(int(math.Round(part*float64(v.limits.maxEntries))), 1)
		m.maxBytes = int64(part * float64(v.limits.maxBytes))
		m.shrink(now, m.maxEntries, m.maxBytes)
	}
	v.below.Store(below)
	if v.resumes.Load() == 0 {
		v.followed.Store(below)
	}
}

// resize follows a change of the bounds; what was counted is of other sizes.
func (v *curve) resize(l limits, now int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l.maxEntries == v.limits.maxEntries && l.maxBytes == v.limits.maxBytes {
		return
	}
	v.limits = l
	v.scale(now)
	v.restart(now)
}

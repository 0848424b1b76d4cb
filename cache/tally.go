package cache

import (
	"math"
	"time"
)

const (
	// minLookups is how many lookups a curve must rest on.
	minLookups = 1000
	// halveAfter is how old a tally gets before what was counted weighs half.
	halveAfter = int64(time.Hour)
)

// CurvePoint is what a cache would be at another size, by what was asked of it since its size
// last changed.
type CurvePoint struct {
	// Scale is the size in parts of the present one: entries and bytes alike.
	Scale float64 `json:"scale"`
	// Entries and Bytes are what it would hold.
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
	// HitRatio is 0 to 1. At Scale 1 it is measured.
	HitRatio float64 `json:"hit_ratio"`
	// ErrorRatio is the standard error of HitRatio that comes from following a sample of the keys; 0
	// when all are followed.
	ErrorRatio float64 `json:"error_ratio"`
}

// tally is what was counted since the sizes last changed.
type tally struct {
	// since is when that was; counts before hits and misses are of then, lookups and found are those
	// carried from before them.
	since          int64
	hits, misses   uint64
	lookups, found float64
	// covered are the lookups of the times in which the sample was followed, from is where they go on.
	covered float64
	from    uint64
	// followed are lookups of the sample, gains the hits of each model beyond those of the model of
	// the present size, by part of the sample, in lookups of all keys.
	followed uint64
	gains    [len(scales)][parts]float64
	// skipped are those of covered that were asked in a pause and are taken to be like the last ones before
	// it: those since the moment lately, which is earlier than the moment last.
	skipped      float64
	last, lately moment
}

// moment is what had been covered and gained at one.
type moment struct {
	covered float64
	gains   [len(scales)][parts]float64
}

// mark remembers a moment, every so many covered lookups.
func (t *tally) mark(every float64) {
	if t.covered-t.last.covered >= every {
		t.lately, t.last = t.last, moment{t.covered, t.gains}
	}
}

// skip covers lookups that were not followed.
func (t *tally) skip(lookups float64) {
	of := t.covered - t.lately.covered
	if of <= 0 || lookups <= 0 {
		return
	}
	for i := range t.gains {
		for p := range t.gains[i] {
			t.gains[i][p] += (t.gains[i][p] - t.lately.gains[i][p]) / of * lookups
		}
	}
	t.covered += lookups
	t.skipped += lookups
	t.last = moment{t.covered, t.gains}
	t.lately = t.last
}

func (m *moment) halve() {
	m.covered /= 2
	for i := range m.gains {
		for p := range m.gains[i] {
			m.gains[i][p] /= 2
		}
	}
}

// restart begins to count anew, with mu held.
func (v *curve) restart(now int64) {
	v.tally = tally{since: now}
	v.tally.hits, v.tally.misses = v.sum()
	v.tally.from = v.tally.hits + v.tally.misses
	v.lost.Store(0)
}

// counted are the lookups and the hits since the sizes last changed, with mu held.
func (v *curve) counted() (lookups, found float64) {
	hits, misses := v.sum()
	found = v.tally.found + float64(hits-v.tally.hits)
	return v.tally.lookups + float64(hits-v.tally.hits) + float64(misses-v.tally.misses), found
}

// age lets what was counted long ago weigh less.
func (v *curve) age() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock.now()
	if now-v.tally.since < halveAfter {
		return
	}
	lookups, found := v.counted()
	if v.counting() {
		v.cover()
	}
	t := &v.tally
	t.covered, t.skipped = t.covered/2, t.skipped/2
	t.last.halve()
	t.lately.halve()
	t.since = now - (now-t.since)/2
	t.hits, t.misses = v.sum()
	t.lookups, t.found = lookups/2, found/2
	t.followed /= 2
	v.lost.Store(v.lost.Load() / 2)
	for i := range t.gains {
		for p := range t.gains[i] {
			t.gains[i][p] /= 2
		}
	}
}

// reading is what a curve says at one instant.
type reading struct {
	points []CurvePoint
	// lookups are those it rests on, over so many seconds.
	lookups, seconds float64
	// ratio is that of the hits in them.
	ratio float64
	// noise is the standard error of each point if these keys stand for others: that of another hour.
	noise []float64
	// followed are those of the sample, which is so much of the keys.
	followed uint64
	sample   float64
}

// read is the curve of a cache that holds so much now; without points when too little was asked.
func (v *curve) read(entries int, bytes int64) reading {
	v.mu.Lock()
	defer v.mu.Unlock()
	lookups, found := v.counted()
	r := reading{
		lookups: lookups, seconds: float64(v.clock.now()-v.tally.since) / 1e9,
		followed: v.tally.followed, sample: float64(v.below.Load()) / allHashes,
	}
	if lookups > 0 {
		r.ratio = found / lookups
	}
	if lookups < minLookups || v.tally.followed < minLookups {
		return r
	}
	if v.counting() {
		v.cover()
	}
	t := v.tally // what is skipped now may still change
	t.skip(lookups - t.covered)
	if t.covered <= 0 {
		return r
	}
	// What was lost was like what was followed.
	lost, known := (1+float64(v.lost.Load())/float64(t.followed))*lookups/t.covered, 1-t.skipped/t.covered
	for i := range v.models {
		m, part := &v.models[i], float64(v.models[i].below)/allHashes
		gain, spread := sumOf(t.gains[i])
		spread *= lost / lookups
		p := CurvePoint{
			Scale:    scales[i],
			Entries:  int(float64(m.order.entries()) / part),
			Bytes:    int64(float64(m.order.bytes()) / part),
			HitRatio: min(max((found+gain*lost)/lookups, 0), 1),
			// When all keys are followed nothing is left to the choice of the sample.
			ErrorRatio: min(spread*math.Sqrt(1-known*float64(v.common(i))/allHashes), 1),
		}
		if i == present {
			p.Entries, p.Bytes = entries, bytes
		}
		r.points, r.noise = append(r.points, p), append(r.noise, spread)
	}
	return r
}

// sumOf is the sum of what the parts of a sample say and its standard error.
func sumOf(gains [parts]float64) (sum, spread float64) {
	for _, g := range gains {
		sum += g
	}
	squares := 0.0
	for _, g := range gains {
		squares += (g - sum/parts) * (g - sum/parts)
	}
	return sum, math.Sqrt(squares * parts / (parts - 1))
}

package cache

import (
	"math"
	"math/rand/v2"
	"testing"
)

// randomContender has a curve that grows, and bounds of its own at times.
func randomContender(r *rand.Rand, has room) contender {
	c := contender{
		has: has, least: room{has.bytes / 4, max(has.entries/4, 1)}, worth: r.Float64() * 100,
		ownBytes: r.IntN(4) == 0, ownEntries: r.IntN(4) == 0, idle: r.IntN(2) == 0,
		uses: room{int64(r.Float64() * float64(has.bytes)), int64(r.Float64() * float64(has.entries))},
	}
	if r.IntN(5) == 0 {
		return c // asked too little
	}
	full, ratio := 0.1+0.9*r.Float64(), 0.5*r.Float64()
	for _, scale := range scales {
		p := CurvePoint{Scale: scale, HitRatio: ratio}
		p.Bytes = int64(scale * full * float64(c.uses.bytes))
		p.Entries = int(scale * full * float64(c.uses.entries))
		if scale == 1 {
			p.Bytes, p.Entries = c.uses.bytes, int(c.uses.entries)
		}
		c.points = append(c.points, p)
		c.noise = append(c.noise, 0.01*r.Float64()*math.Abs(scale-1))
		ratio += r.Float64() * (1 - ratio) / 4
	}
	return c
}

// Whatever the curves, the parts fit the budget, nobody falls below what is kept back, what is a
// cache's own stays, and nothing is lost by the curves.
func TestDivideHolds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	moved := 0
	for range 3000 {
		var all []contender
		var budget, sum room
		for range 1 + r.IntN(6) {
			c := randomContender(r, room{1000 + r.Int64N(1<<uint(11+r.IntN(30))), 4 + r.Int64N(1<<uint(3+r.IntN(20)))})
			budget = budget.plus(c.shared(c.has))
			all = append(all, c)
		}
		rooms, gain := divide(budget, all)
		more := 0.0
		for i := range all {
			c := &all[i]
			sum = sum.plus(c.shared(rooms[i]))
			if !c.least.fits(rooms[i]) {
				t.Fatalf("%+v of %+v is below %+v", rooms[i], c.has, c.least)
			}
			if c.ownBytes && rooms[i].bytes != c.has.bytes || c.ownEntries && rooms[i].entries != c.has.entries {
				t.Fatalf("%+v: what is its own went from %+v to %+v", c, c.has, rooms[i])
			}
			if c.points == nil && !c.idle && !c.has.fits(rooms[i]) {
				t.Fatalf("who was asked too little went from %+v to %+v", c.has, rooms[i])
			}
			if c.points == nil && !c.uses.fits(rooms[i]) {
				t.Fatalf("who uses %+v went to %+v", c.uses, rooms[i])
			}
			if gain == 0 && rooms[i] != c.has {
				t.Fatal("moved for nothing")
			}
			if c.points != nil {
				more += c.worth * (c.expect(rooms[i]) - c.at(1).ratio)
			}
		}
		if !sum.fits(budget) {
			t.Fatalf("parts %+v of %+v", sum, budget)
		}
		if gain > 0 {
			moved++
			if more < gain-1e-6 {
				t.Fatalf("says %v is gained, is %v", gain, more)
			}
		}
	}
	if moved < 300 {
		t.Errorf("only %d were moved", moved)
	}
}

// Two caches whose curves flatten: what is found is nearly the best of all ways to share.
func TestDivideIsNearlyBest(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	for range 500 {
		all := make([]contender, 2)
		budget := room{}
		for i := range all {
			c := contender{has: room{1 << 20, 1000}, worth: 1 + 50*r.Float64()}
			low, high, rate := 0.3*r.Float64(), 0.4+0.6*r.Float64(), 0.2+2*r.Float64()
			for _, scale := range scales {
				c.points = append(c.points, CurvePoint{
					Scale: scale, Entries: int(1000 * scale), Bytes: int64(scale * (1 << 16)), HitRatio: low + (high-low)*(1-math.Exp(-rate*scale)),
				})
				c.noise = append(c.noise, 0)
			}
			budget = budget.plus(c.has)
			all[i] = c
		}
		_, gain := divide(budget, all)
		best := 0.0
		a, now := all[0].options()
		b, _ := all[1].options()
		for _, x := range a {
			for _, y := range b {
				if x.needs.plus(y.needs).fits(budget) {
					best = max(best, all[0].worth*(x.ratio-a[now].ratio)+all[1].worth*(y.ratio-b[now].ratio))
				}
			}
		}
		if threshold := leastGain * (all[0].worth + all[1].worth); gain < 0.9*best-threshold {
			t.Errorf("gains %v, could %v", gain, best)
		}
	}
}

// What chance explains moves nothing.
func TestDivideNeedsCertainty(t *testing.T) {
	t.Parallel()
	contenders := func(noise float64) []contender {
		steep := contender{has: room{1000, 1000}, least: room{250, 250}, worth: 10}
		flat := steep
		for _, scale := range scales {
			p := CurvePoint{Scale: scale, Entries: int(1000 * scale), Bytes: int64(100 * scale), HitRatio: 0.3 + 0.1*scale}
			steep.points = append(steep.points, p)
			p.HitRatio = 0.5
			flat.points = append(flat.points, p)
			steep.noise, flat.noise = append(steep.noise, noise), append(flat.noise, 0)
		}
		return []contender{steep, flat}
	}
	if rooms, gain := divide(room{2000, 2000}, contenders(0.01)); gain < 0.7 || rooms[0].entries != 1750 || rooms[1].entries != 250 {
		t.Errorf("certain: %+v for %v", rooms, gain)
	}
	if rooms, gain := divide(room{2000, 2000}, contenders(0.05)); gain != 0 || rooms[0] != (room{1000, 1000}) {
		t.Errorf("uncertain: %+v for %v", rooms, gain)
	}
}

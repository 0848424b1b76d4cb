package cache

import "math"

const (
	// leastGain is the least share of all load time asked for that a move must save.
	leastGain = 0.002
	// doubts is how many standard errors a gain must exceed.
	doubts = 2
)

// steps are the sizes to choose from, in parts of the present one. Between two models the hit ratio
// is taken to grow evenly, which a cliff in between would belie; so a cache only shrinks to sizes
// that have a model.
var steps = [...]float64{0.25, 0.5, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4}

// room is what a cache may hold.
type room struct{ bytes, entries int64 }

func (r room) plus(o room) room    { return room{r.bytes + o.bytes, r.entries + o.entries} }
func (r room) minus(o room) room   { return room{r.bytes - o.bytes, r.entries - o.entries} }
func (r room) fits(o room) bool    { return r.bytes <= o.bytes && r.entries <= o.entries }
func (r room) atLeast(o room) room { return room{max(r.bytes, o.bytes), max(r.entries, o.entries)} }
func (r room) of(whole room) float64 {
	return part64(r.bytes, whole.bytes) + part64(r.entries, whole.entries)
}
func part64(part, whole int64) float64 { return float64(part) / float64(max(whole, 1)) }

// contender is a cache that shares a budget with others.
type contender struct {
	name string
	// missSeconds is what a miss costs; zero when that was not measured. worth is what would be saved
	// a second if each lookup was a hit.
	missSeconds, worth float64
	// has is its room now, least what it must be left.
	has, least room
	// ownBytes and ownEntries say that its room is its own: it gets no more and gives nothing.
	ownBytes, ownEntries bool
	// reading is its curve. Without points it keeps what it has, or, when idle, what it uses.
	reading
	idle bool
	// uses is what it holds.
	uses room
}

// option is a size that a contender could have.
type option struct {
	// needs is the room, ratio the hit ratio to be expected, noise its standard error.
	needs        room
	ratio, noise float64
}

// options are the sizes that a contender could have, the smallest first, and which one is the
// present size.
func (c *contender) options() (all []option, now int) {
	switch {
	case c.points == nil && c.idle:
		return []option{{needs: c.shared(c.uses.atLeast(c.least))}}, 0
	case c.points == nil, c.ownBytes && c.ownEntries:
		return []option{{needs: c.shared(c.has)}}, 0
	}
	for _, scale := range steps {
		o := c.at(scale)
		if c.ownBytes && o.needs.bytes > c.has.bytes || c.ownEntries && o.needs.entries > c.has.entries {
			continue
		}
		if scale == 1 {
			now = len(all)
		}
		o.needs = c.shared(o.needs.atLeast(c.least))
		all = append(all, o)
	}
	return all, now
}

// shared is what of a room is not the contender's own.
func (c *contender) shared(r room) room {
	if c.ownBytes {
		r.bytes = 0
	}
	if c.ownEntries {
		r.entries = 0
	}
	return r
}

// at is what the curve says of a size, in parts of the present one.
func (c *contender) at(scale float64) option {
	i := 0
	for i < len(c.points)-2 && c.points[i+1].Scale <= scale {
		i++
	}
	a, b := c.points[i], c.points[i+1]
	t := (scale - a.Scale) / (b.Scale - a.Scale)
	between := func(x, y float64) float64 { return x + t*(y-x) }
	return option{
		needs: room{
			int64(math.Ceil(between(float64(a.Bytes), float64(b.Bytes)))),
			int64(math.Ceil(between(float64(a.Entries), float64(b.Entries)))),
		},
		ratio: between(a.HitRatio, b.HitRatio), noise: between(c.noise[i], c.noise[i+1]),
	}
}

// expect is the hit ratio to be expected with a room.
func (c *contender) expect(r room) float64 {
	ratio := c.points[0].HitRatio
	for scale := c.points[0].Scale; scale <= c.points[len(c.points)-1].Scale; scale += 1. / 32 {
		if o := c.at(scale); o.needs.fits(r) {
			ratio = o.ratio
		}
	}
	return ratio
}

// divide shares a budget out among contenders so that they save most, and returns the room of each
// and what is gained a second over the present. When that is not worth it, or not certain, all keep
// what they have. Where a cache has a bound of its own, that is not part of the budget.
func divide(budget room, all []contender) (rooms []room, gain float64) {
	choices := make([]choice, len(all))
	left := budget
	most, before, saved, doubt := 0.0, 0.0, 0.0, 0.0
	for i := range all {
		c := &all[i]
		rooms = append(rooms, c.has)
		choices[i].options, choices[i].now = c.options()
		left = left.minus(choices[i].chosen().needs)
		most += c.worth
		before += c.worth * choices[i].options[choices[i].now].ratio
	}
	for {
		best, to := bestStep(budget, left, all, choices)
		if best < 0 {
			break
		}
		left = left.plus(choices[best].chosen().needs)
		choices[best].at = to
		left = left.minus(choices[best].chosen().needs)
	}
	for i := range all {
		o := choices[i].chosen()
		saved += all[i].worth * o.ratio
		if choices[i].at != choices[i].now {
			doubt += all[i].worth * all[i].worth * o.noise * o.noise
		}
	}
	gain = saved - before
	if gain <= leastGain*most || gain <= doubts*math.Sqrt(doubt) {
		return rooms, 0
	}
	for i := range all {
		c := &all[i]
		share := room{
			int64(part64(c.shared(c.has).bytes, budget.bytes) * float64(left.bytes)),
			int64(part64(c.shared(c.has).entries, budget.entries) * float64(left.entries)),
		}
		r := choices[i].chosen().needs.plus(share)
		if !c.ownBytes {
			rooms[i].bytes = r.bytes
		}
		if !c.ownEntries {
			rooms[i].entries = r.entries
		}
	}
	return rooms, gain
}

// choice is which of its options a contender gets.
type choice struct {
	options []option
	at, now int
}

func (c *choice) chosen() option { return c.options[c.at] }

// bestStep is the contender for whom a larger size that fits saves most for the room it takes, and
// that size; -1 when there is none.
func bestStep(budget, left room, all []contender, choices []choice) (best, to int) {
	best, most := -1, 0.0
	for i := range all {
		from := choices[i].chosen()
		for j := choices[i].at + 1; j < len(choices[i].options); j++ {
			o := choices[i].options[j]
			more := o.needs.minus(from.needs)
			gain := all[i].worth * (o.ratio - from.ratio)
			if gain <= 0 || !more.fits(left) {
				continue
			}
			if rate := gain / max(more.of(budget), 1e-9); rate > most {
				best, to, most = i, j, rate
			}
		}
	}
	return best, to
}

package cache

import "math/bits"

// keptBack is the part of an equal split that a cache which asks for nothing gets in any case:
// a quarter.
const keptBack = 4

// leaning is by how much a cache has more or less than an equal part of what is split, beyond what
// is kept back for each: 1 is an equal part. [Group.Optimize] moves them.
type leaning struct{ bytes, entries float64 }

// leaningOf is that of a cache, with mu held.
func (g *Group) leaningOf(name string) leaning {
	if l, ok := g.leanings[name]; ok {
		return l
	}
	return leaning{1, 1}
}

// Shares are the bytes each cache may hold, by name.
func (g *Group) Shares() map[string]int64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.shares()
}

// shares works them out, with mu held. Their sum is never above the budget.
func (g *Group) shares() map[string]int64 {
	out, left := g.granted()
	others := map[string]float64{}
	for name := range g.stores {
		if _, ok := out[name]; !ok {
			others[name] = g.leaningOf(name).bytes
		}
	}
	split(out, left, g.leastBytes(left, len(others)), others)
	return out
}

// leastBytes is what of the bytes left is kept back for each of so many, with mu held.
func (g *Group) leastBytes(left int64, others int) int64 {
	if others == 0 {
		return 0
	}
	return min(left/int64(others), g.cfg.MaxBytes/int64(len(g.stores))/keptBack)
}

// leastEntries is what of the section's max_size is kept back for each, with mu held.
func (g *Group) leastEntries() int64 { return max(int64(g.cfg.MaxEntries)/keptBack, 1) }

// granted are the bytes of those who ask for some, and what is left for the others, with mu held.
func (g *Group) granted() (out map[string]int64, left int64) {
	asks, asked := map[string]int64{}, uint64(0)
	for name, s := range g.stores {
		if ask := min(g.limitsOf(s).maxBytes, g.cfg.MaxBytes); ask > 0 {
			asks[name] = ask
			asked += uint64(ask) // MaxCaches times maxBytes fits
		}
	}
	out = make(map[string]int64, len(g.stores))
	left = g.cfg.MaxBytes
	if len(asks) > 0 {
		others := int64(len(g.stores) - len(asks))
		budget := left - left/int64(len(g.stores))/keptBack*others
		for name, ask := range asks {
			out[name] = portion(ask, budget, asked)
			left -= out[name]
		}
	}
	return out, left
}

// rooms are the entries each cache may hold, with mu held. Those with a max_size of their own have
// that; the others have the section's, some of which may have been moved between them.
func (g *Group) rooms() map[string]int64 {
	out, others := make(map[string]int64, len(g.stores)), map[string]float64{}
	for name, s := range g.stores {
		if own := g.ownEntries(s); own > 0 {
			out[name] = int64(own)
		} else {
			others[name] = g.leaningOf(name).entries
		}
	}
	split(out, int64(g.cfg.MaxEntries)*int64(len(others)), g.leastEntries(), others)
	return out
}

// ownEntries is the bound of entries that is of s alone; zero when there is none.
func (g *Group) ownEntries(s *store) int {
	return first(g.cfg.Caches[s.name].MaxEntries, s.wants.MaxEntries)
}

// split adds to out what each name gets of a whole: what is kept back for each, and of the rest by
// leaning.
func split(out map[string]int64, whole, kept int64, by map[string]float64) {
	rest, sum := whole-kept*int64(len(by)), 0.0
	for _, l := range by {
		sum += l
	}
	left := rest
	for name, l := range by {
		part := rest / int64(len(by))
		if sum > 0 {
			part = min(int64(float64(rest)*(l/sum)), left)
		}
		out[name] = kept + part
		left -= part
	}
}

// portion is what of ask can be had when asked together must fit budget.
func portion(ask, budget int64, asked uint64) int64 {
	if asked <= uint64(budget) {
		return ask
	}
	high, low := bits.Mul64(uint64(ask), uint64(budget))
	part, _ := bits.Div64(high, low, asked) // ask is part of asked, so high is below it
	return int64(part)
}

// limitsOf is what the configuration and the program say of s; maxBytes is what it asks for.
func (g *Group) limitsOf(s *store) limits {
	named := g.cfg.Caches[s.name]
	l := limits{
		ttl:         first(named.TTL, s.wants.TTL, g.cfg.DefaultTTL),
		jitter:      g.cfg.TTLJitterRatio,
		revalidate:  first(named.StaleWhileRevalidate, s.wants.StaleWhileRevalidate),
		ifError:     first(named.StaleIfError, s.wants.StaleIfError),
		ahead:       first(named.RefreshAheadRatio, s.wants.RefreshAheadRatio),
		negativeTTL: first(named.NegativeTTL, s.wants.NegativeTTL),
		maxEntries:  first(named.MaxEntries, s.wants.MaxEntries, g.cfg.MaxEntries),
		maxBytes:    first(named.MaxBytes, s.wants.MaxBytes),
		everywhere:  named.LoadEverywhere || s.wants.LoadEverywhere,
	}
	l.negativeEntries = first(named.MaxNegative, s.wants.MaxNegative, max(1, l.maxEntries/negativeShare))
	return l
}

// first is the first that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

// reshare sets the limits of every cache, with mu held: those whose share gets smaller first, so
// that the sum is never above the larger of the old and the new budget.
func (g *Group) reshare() {
	shares, rooms := g.shares(), g.rooms()
	for _, growing := range []bool{false, true} {
		for _, s := range g.sorted() {
			l := g.limitsOf(s)
			l.maxBytes, l.maxEntries = shares[s.name], int(rooms[s.name])
			if (l.maxBytes > s.share()) == growing {
				s.resize(l)
			}
		}
	}
}

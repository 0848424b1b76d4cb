package cache

import "math/bits"

// keptBack is the part of an equal split that a cache which asks for nothing gets in any case:
// a quarter.
const keptBack = 4

// Shares are the bytes each cache may hold, by name.
func (g *Group) Shares() map[string]int64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.shares()
}

// shares works them out, with mu held. Their sum is never above the budget.
func (g *Group) shares() map[string]int64 {
	asks, asked := map[string]int64{}, uint64(0)
	for name, s := range g.stores {
		if ask := min(g.limitsOf(s).maxBytes, g.cfg.MaxBytes); ask > 0 {
			asks[name] = ask
			asked += uint64(ask) // MaxCaches times maxBytes fits
		}
	}
	out := make(map[string]int64, len(g.stores))
	others := int64(len(g.stores) - len(asks))
	left := g.cfg.MaxBytes
	if len(asks) > 0 {
		budget := left - left/int64(len(g.stores))/keptBack*others
		for name, ask := range asks {
			out[name] = portion(ask, budget, asked)
			left -= out[name]
		}
	}
	for name := range g.stores {
		if _, ok := asks[name]; !ok {
			out[name] = left / others
		}
	}
	return out
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
	shares := g.shares()
	for _, growing := range []bool{false, true} {
		for _, s := range g.sorted() {
			l := g.limitsOf(s)
			l.maxBytes = shares[s.name]
			if (l.maxBytes > s.share()) == growing {
				s.resize(l)
			}
		}
	}
}

package cache

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// Group is a budget of bytes and the named caches that share it. Its methods may be called at
// the same time.
type Group struct {
	clock *clock
	tags  *tags
	tier  *tier // nil: memory alone
	// background are the loads that nobody waits for.
	background background
	applied    chan struct{}

	mu     sync.RWMutex // guards the fields below; a store's mu may be taken with it held
	cfg    Config
	stores map[string]*store
	// leanings are those of the caches whose shares were moved.
	leanings map[string]leaning
}

// New makes a group without caches and without a second tier; see [Named].
func New(cfg Config) (*Group, error) { return NewShared(cfg, nil) }

// NewShared makes a group over a second tier, which works while [Group.Run] runs. Nil means none.
func NewShared(cfg Config, remote Remote) (*Group, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	g := &Group{
		clock: newClock(), tags: newTags(), applied: make(chan struct{}, 1),
		cfg: cfg.WithDefaults(), stores: map[string]*store{}, leanings: map[string]leaning{},
	}
	if remote != nil {
		g.tier = newTier(g, remote)
	}
	return g, nil
}

// Apply changes the configuration. Bounds hold at once, by eviction where they are smaller; a
// time to live is that of entries stored from now on. An invalid configuration changes nothing.
func (g *Group) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	g.mu.Lock()
	g.cfg = cfg.WithDefaults()
	g.reshare()
	g.mu.Unlock()
	select {
	case g.applied <- struct{}{}:
	default: // Run will see the newest anyway
	}
	return nil
}

// Run removes expired entries every [Config.CleanupInterval], keeps the clock of reads and the
// second tier, until ctx ends; then it returns nil. A group works without it, in memory. Call it
// once at a time.
func (g *Group) Run(ctx context.Context) error {
	g.background.resume()
	defer g.endRefreshes()
	var ticking sync.WaitGroup
	ticking.Go(func() { g.clock.run(ctx) })
	if g.tier != nil {
		ticking.Go(func() { g.tier.run(ctx) })
	}
	defer ticking.Wait()
	timer := time.NewTimer(g.cleanupInterval())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.applied:
		case <-timer.C:
			g.Cleanup()
		}
		timer.Reset(g.cleanupInterval())
	}
}

func (g *Group) cleanupInterval() time.Duration {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.cfg.CleanupInterval
}

// named returns the store of that name and type, and makes it if there is none.
func (g *Group) named(name string, k kind) (*store, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.stores[name]; s != nil {
		if s.typ != k.typ {
			return nil, &TypeError{Name: name, Have: s.typ, Ask: k.typ}
		}
		return s, nil
	}
	if len(g.stores) >= MaxCaches {
		return nil, ErrTooManyCaches
	}
	s := g.newStore(name, k)
	g.stores[name] = s
	g.reshare()
	return s, nil
}

// all returns the stores in the order of their names.
func (g *Group) all() []*store {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.sorted()
}

func (g *Group) sorted() []*store {
	out := make([]*store, 0, len(g.stores))
	for _, name := range slices.Sorted(maps.Keys(g.stores)) {
		out = append(out, g.stores[name])
	}
	return out
}

// Names are the names of the caches, sorted.
func (g *Group) Names() []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.Sorted(maps.Keys(g.stores))
}

// Clear forgets all keys of one cache and returns how many entries went, or an
// [UnknownCacheError].
func (g *Group) Clear(_ context.Context, name string) (int, error) {
	s := g.store(name)
	if s == nil {
		return 0, &UnknownCacheError{Name: name, Known: g.Names()}
	}
	s.renew(message(saysName, name))
	return s.clear(), nil
}

// store is the cache of that name, or nil.
func (g *Group) store(name string) *store {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.stores[name]
}

// ClearAll forgets all keys of all caches and returns how many entries went.
func (g *Group) ClearAll(context.Context) int {
	g.tier.renew(groupGeneration, message(saysAll, ""))
	n := 0
	for _, s := range g.all() {
		n += s.clear()
	}
	return n
}

// ClearPattern forgets the keys of all caches that [Match] a pattern and returns how many
// entries went. When ctx ends, the remaining caches are left as they are in memory. The second
// tier remembers the pattern, of which what was stored before and matches is none of its values any
// more; it remembers the last 32, and values from before those are gone with the first that is forgotten.
func (g *Group) ClearPattern(ctx context.Context, pattern string) int {
	g.tier.amend(groupGeneration, "", pattern)
	n := 0
	for _, s := range g.all() {
		if ctx.Err() != nil {
			break
		}
		n += s.clearMatching(pattern)
	}
	return n
}

// ClearTag invalidates the entries of all caches that have a tag and returns how many there are.
// It takes the same time however many these are. Entries that another tag has invalidated before
// are counted until they are dropped.
func (g *Group) ClearTag(_ context.Context, tag string) int {
	if g.tier != nil {
		g.tier.renew(tagGeneration(tag), message(saysTag, tag))
	}
	return g.tags.clear(tag)
}

// Cleanup drops the entries that are expired or under a cleared tag and returns how many.
func (g *Group) Cleanup() int {
	n := 0
	for _, s := range g.all() {
		n += s.cleanup()
		s.curve.settle()
	}
	return n
}

// Shrink lets go of the coldest entries of every cache when memory is short: a quarter of its
// bytes, or half when ratio, the share of the memory limit in use, is 1 or more. It does nothing
// for a ratio that is not positive. The bounds stay, so the caches may fill again.
func (g *Group) Shrink(ratio float64) {
	if ratio <= 0 || math.IsNaN(ratio) {
		return
	}
	share := 0.25
	if ratio >= 1 {
		share = 0.5
	}
	for _, s := range g.all() {
		s.relieve(share)
	}
}

// Stats are the figures of now.
func (g *Group) Stats() Stats {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s := Stats{MaxBytes: g.cfg.MaxBytes, Caches: make(map[string]NamedStats, len(g.stores)), Tags: g.tags.len()}
	for _, store := range g.sorted() {
		s.add(store.name, store.stats())
	}
	switch {
	case g.tier != nil:
		r := g.tier.stats()
		var onDisk bool
		if s.Disk, onDisk = g.tier.diskStats(r); onDisk {
			if !r.Connected {
				s.Warnings = append(s.Warnings, "cache.disk.path: not in use ("+r.LastError+"): values are kept in memory alone")
			}
			break
		}
		s.Redis = r
		if !r.Connected {
			s.Warnings = append(s.Warnings, "cache.redis_url: not connected ("+s.Redis.LastError+
				"): values are kept in memory alone, those of shared caches for "+SuspectTTL.String()+" at most")
		}
	case g.cfg.RedisURL != "":
		s.Warnings = append(s.Warnings, "cache.redis_url is set, but the program made the group without a second tier")
	}
	s.finish()
	return s
}

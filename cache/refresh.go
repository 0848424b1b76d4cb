package cache

import (
	"context"
	"math"
	"sync"
	"time"
)

const (
	// MaxRefreshes is how many values of one cache are loaded anew at a time in the background.
	MaxRefreshes = 32
	// RefreshTimeout is when a load in the background is cancelled if nobody has come to wait for it.
	RefreshTimeout = 2 * time.Minute
	// RetryAfter is how long after a failed load a stale value is served without another try.
	RetryAfter = time.Second

	// endTimeout is how long the end of a group waits for its refreshes, which are cancelled.
	endTimeout = time.Second
)

// busy is the moment again of an entry that is being loaded anew.
const busy = math.MaxInt64

// answer is what a caller gets of a load.
type answer struct {
	value any
	// created is when the value was; zero: just now.
	created int64
	stale   bool
	// cause is why the value is stale: the error of the load.
	cause error
}

func (e *entry) answer(now int64) answer {
	return answer{value: e.value, created: e.created, stale: now >= e.fresh}
}

// late is find for an entry that is due, stale or gone.
func (s *store) late(e *entry, now int64, mine *stripe, takesStale bool) (*entry, bool) {
	why, gone := e.gone(now)
	again := e.again.Load()
	switch {
	case gone:
		s.discard(e, why)
		mine.misses.Add(1)
		return nil, false
	case now < e.fresh:
	case takesStale && now < e.stale:
		s.staleHits.Add(1)
	case takesStale && now < again && again != busy: // a load has just failed
		s.staleOnErrors.Add(1)
	default:
		mine.misses.Add(1)
		return nil, false
	}
	s.hit(e, now, mine)
	return e, true
}

// refresh has the value of e loaded anew in the background, unless that is under way, has just
// failed or too many are. With a batch, load is that of it.
func (s *store) refresh(ctx context.Context, e *entry, opts EntryOptions, load loader, b *batch) {
	if s.clock.coarse() < e.again.Load() || opts.validate() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.queue == noQueue || e.again.Load() == busy {
		return
	}
	if f := s.flights[e.key()]; f != nil && !stale(f.tags) {
		return
	}
	if s.refreshing >= MaxRefreshes {
		s.refreshesSkipped.Add(1)
		return
	}
	if !s.background.begin() {
		return
	}
	s.refreshing++
	e.again.Store(busy)
	s.supersede(e.key())
	f := &flight{store: s, key: e.key(), opts: opts, refreshes: e, alone: true, batch: b}
	f.timer = time.AfterFunc(RefreshTimeout, func() { s.giveUp(f) })
	s.start(ctx, f, load)
}

// adopt makes a refresh the load of the caller who has come to wait for it, with mu held: from now
// on it ends when nobody waits any more.
func (f *flight) adopt() {
	if f.alone {
		f.alone = false
		f.timer.Stop()
	}
}

// giveUp cancels a refresh that nobody waits for.
func (s *store) giveUp(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !f.alone {
		return
	}
	f.abandoned = true
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
	}
	f.cancel()
}

// refreshed counts a refresh out, with mu held.
func (s *store) refreshed(f *flight) {
	f.timer.Stop()
	s.refreshing--
	s.background.done()
	f.refreshes.again.CompareAndSwap(busy, after(s.clock.now(), RetryAfter))
	if f.found != nil || f.joined {
		return // another process or load has
	}
	s.refreshes.Add(1)
	if f.err != nil && !f.absent {
		s.refreshErrors.Add(1)
	}
}

// fallback is the stale value that may be served because a load failed; false when there is none.
func (s *store) fallback(key string, cause error) (answer, bool) {
	e := s.held(key)
	if e == nil {
		return answer{}, false
	}
	a := e.answer(s.clock.now())
	a.cause = cause
	s.staleOnErrors.Add(1)
	return a, true
}

// ask asks the second tier and takes what it has when that will do: what is fresh or may be served
// while it is loaded anew, and for a refresh only what is not to be refreshed itself. What may be
// served when the load fails is kept in memory for that.
func (s *store) ask(ctx context.Context, f *flight) {
	mark := s.mark()
	var found *found
	found, f.snap = s.fetch(ctx, f, f.key, f.opts.Tags)
	if found == nil {
		return
	}
	now := s.clock.now()
	switch {
	case f.refreshes != nil:
		if now < found.due {
			f.found = found
		}
	case now < found.life.stale:
		f.found = found
	case s.held(f.key) == nil:
		s.keep(f.key, found, mark)
	}
}

// background counts the loads of a group that nobody waits for.
type background struct {
	mu      sync.Mutex // guards the fields below; it may be taken with a store's mu held
	running int
	ended   bool
	idle    chan struct{}
}

// begin counts one in; false after the end.
func (b *background) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	b.running++
	return true
}

func (b *background) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running--; b.running == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

func (b *background) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = false
}

// end lets none begin any more. The channel closes when none runs.
func (b *background) end() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	idle := make(chan struct{})
	if b.running == 0 {
		close(idle)
	} else {
		b.idle = idle
	}
	return idle
}

// endRefreshes cancels the refreshes that nobody waits for and waits for all for a while: a loader
// may not look at its context.
func (g *Group) endRefreshes() {
	idle := g.background.end()
	for _, s := range g.all() {
		s.mu.Lock()
		for _, f := range s.flights {
			if f.alone {
				f.abandoned = true
				f.cancel()
			}
		}
		s.mu.Unlock()
	}
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

package cache

import (
	"context"
	"errors"
	"runtime/debug"
	"time"
)

// flight is one load of one key and those who wait for it.
type flight struct {
	store *store
	key   string
	opts  EntryOptions
	tags  []tagMark
	// parent is the load whose loader asked for this one.
	parent *flight
	// batch loads the key together with others, as many as together says; it may be nil.
	batch    *batch
	together int
	cancel   context.CancelFunc
	// done is closed when value and err are set.
	done  chan struct{}
	value any
	err   error
	entry *entry
	// absent says that err is an answer: the key has no value. errBytes is the length of the message.
	absent   bool
	errBytes int64
	// snap and found are of the second tier; cleared is the count of cleared tags before it was asked.
	snap    *snapshot
	found   *found
	cleared uint64
	// refreshes is the entry that a load in the background is to replace, and timer what cancels that.
	refreshes *entry
	timer     *time.Timer

	// The store's mu guards these. alone is a load in the background that nobody waits for.
	alone      bool
	waiters    int
	superseded bool
	abandoned  bool
	// joined says that it found a newer flight, whose value it has.
	joined bool
}

// flightKey is where the context of a loader has its flight.
type flightKey struct{}

// loader fetches a value.
type loader func(ctx context.Context) (any, error)

// load returns what load fetches for key, or what another caller's load that runs already does.
// When that fails, a value whose time is over may do.
func (s *store) load(ctx context.Context, key string, opts EntryOptions, load loader) (answer, error) {
	if len(key) > MaxKeyBytes {
		return answer{}, ErrKeyTooLong
	}
	parent, err := s.mayLoad(ctx, opts, key)
	if err != nil {
		return answer{}, err
	}
	f, found, err := s.join(ctx, &flight{store: s, key: key, opts: opts, parent: parent}, load)
	switch {
	case err != nil:
		return answer{}, err
	case found != nil:
		return found.answer(s.clock.now()), nil
	}
	a, err := s.await(ctx, f)
	if a.stale && a.cause == nil { // the second tier had it
		if e := s.held(key); e != nil {
			s.refresh(ctx, e, opts, load, nil)
		}
	}
	return a, err
}

// await waits for a load to land, or for ctx to end. Who was called off wants nothing any more; who
// has no more time may take a stale value.
func (s *store) await(ctx context.Context, f *flight) (answer, error) {
	landed := true
	select {
	case <-f.done:
	case <-ctx.Done():
		if landed = !s.leave(f); landed {
			<-f.done
		}
	}
	err := ctx.Err()
	if landed {
		if err = f.err; err == nil {
			return f.answer(s.clock.now()), nil
		}
		if f.absent {
			return answer{}, err
		}
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		if a, ok := s.fallback(f.key, err); ok {
			return a, nil
		}
	}
	return answer{}, err
}

// answer is that of a load that has landed well.
func (f *flight) answer(now int64) answer {
	if f.found == nil {
		return answer{value: f.value}
	}
	return answer{value: f.value, created: f.found.life.created, stale: now >= f.found.life.fresh}
}

// join makes the caller wait for the running load of next's key, which is next itself when there
// was none. When the key has got a value meanwhile, that is it; when it is known to have none, it
// is the error that said so.
func (s *store) join(ctx context.Context, next *flight, load loader) (*flight, *entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.peek(next.key); e != nil {
		return nil, e, nil // the lookup has been counted as a miss
	}
	if a := s.absence(next.key); a != nil {
		s.negativeHits.Add(1)
		return nil, nil, a.err
	}
	f := s.flights[next.key]
	if f == nil || stale(f.tags) {
		s.supersede(next.key)
		f = next
		s.start(ctx, f, load)
	}
	f.adopt()
	f.waiters++
	return f, nil, nil
}

// start runs a load apart from the caller's cancellation, with mu held.
func (s *store) start(ctx context.Context, f *flight, load loader) {
	f.opts.Tags = distinct(f.opts.Tags)
	f.cleared = s.tags.cleared.Load()
	f.tags = s.tags.take(f.opts.Tags)
	f.done = make(chan struct{})
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	ctx = context.WithValue(ctx, flightKey{}, f)
	s.flights[f.key] = f
	if f.batch != nil {
		f.batch.add(f)
	}
	s.active.Add(1)
	go s.fly(ctx, f, load)
}

// settle says that the flight will not be loaded with its batch, if it has one, unless it is already.
func (f *flight) settle() {
	if f.batch != nil {
		f.batch.decide(f)
		f.batch.settle(f)
	}
}

// leave takes a waiter off a load that runs, and cancels the load when it was the last. It
// reports false for a load that has landed.
func (s *store) leave(f *flight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-f.done:
		return false
	default:
	}
	if f.waiters--; f.waiters > 0 {
		return true
	}
	f.abandoned = true
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
	}
	f.cancel()
	return true
}

// fly runs the loader, whatever it does.
func (s *store) fly(ctx context.Context, f *flight, load loader) {
	began := s.clock.now()
	f.err = ErrLoaderExited
	defer func() {
		if v := recover(); v != nil {
			f.value, f.err, f.entry, f.absent = nil, &PanicError{Value: v, Stack: debug.Stack()}, nil, false
		}
		f.settle()
		s.land(f, (s.clock.now()-began)/int64(max(f.together, 1)))
	}()
	if s.shared() {
		if f.err = s.claim(ctx, f); f.err != nil || f.joined {
			return
		}
		f.err = ErrLoaderExited
	}
	var value any
	var err error
	tags, m := f.opts.Tags, made{price: f.opts.Price}
	if f.found != nil {
		value, tags, m = f.found.value, f.found.tags, f.found.made
	} else {
		began = s.clock.now()
		value, err = load(ctx)
		m.took = time.Duration(s.clock.now() - began)
		m.took /= time.Duration(max(f.together, 1))
	}
	if err == nil {
		f.entry, err = s.newEntry(f.key, value, tags, m)
		if err != nil {
			s.rejected.Add(1) // the value is still good for those who wait
			err = nil
		}
	}
	if err != nil && s.isAbsent(err) {
		f.absent, f.errBytes = true, int64(len(err.Error()))
	}
	f.value, f.err = value, err
}

// land stores the value, unless something came in between, and lets the waiters go.
func (s *store) land(f *flight, took int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	defer s.release(f)
	f.cancel()
	s.active.Add(-1)
	if f.found == nil && !f.joined {
		s.loads.Add(1)
		s.loadNanos.Add(took)
	}
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
	}
	if f.refreshes != nil {
		s.refreshed(f)
	}
	switch {
	case f.joined:
	case f.absent:
		s.loadsAbsent.Add(1)
		if f.superseded || stale(f.tags) {
			s.superseded.Add(1)
		} else if !f.abandoned {
			s.miss(f)
		}
	case f.err != nil:
		s.loadErrors.Add(1)
		if e := s.entry(f.key); e != nil && !f.abandoned {
			e.again.Store(after(s.clock.now(), RetryAfter))
		}
	case f.entry == nil || f.abandoned:
	case f.superseded || stale(f.tags), f.found != nil && len(f.found.tags) > 0 && f.cleared != s.tags.cleared.Load():
		s.superseded.Add(1)
	case f.found != nil:
		f.entry.tag(s.tags.take(f.found.tags))
		_ = s.put(f.entry, f.found.life)
	default:
		f.entry.tag(f.tags)
		f.tags = nil
		// A value too large to store is counted there and is still good for those who wait.
		if s.put(f.entry, s.lifeOf(s.clock.now(), f.opts)) == nil {
			s.fill(f.entry, f.snap, f.opts.Tags)
		}
	}
	s.tags.release(f.tags, false)
}

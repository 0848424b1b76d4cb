package cache

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
)

// manyLoader fetches the values of several keys.
type manyLoader func(ctx context.Context, keys []string) (map[string]any, error)

// batch has the keys of several flights loaded by one call. They ask the second tier together, where
// it can be asked for many keys at once; when all have, the call is made for those who found nothing. A flight that waits for the
// load of somebody else is not waited for: it may be waiting for one that waits for this batch.
type batch struct {
	load manyLoader
	// ctx ends when all flights that wait for the call have ended.
	ctx    context.Context
	cancel context.CancelFunc
	// done is closed when values and err are set.
	done   chan struct{}
	values map[string]any
	err    error

	mu sync.Mutex // guards the fields below; it may be taken with a store's mu held
	// opening says that more flights may be added, pending are those that may want to load yet.
	opening bool
	pending map[*flight]struct{}
	last    *flight
	keys    []string
	waiting int
	looking looking
}

func newBatch(load manyLoader) *batch {
	return &batch{
		load: load, done: make(chan struct{}), opening: true, pending: map[*flight]struct{}{},
		looking: looking{undecided: map[*flight]struct{}{}, done: make(chan struct{})},
	}
}

// add adds a flight that starts.
func (b *batch) add(f *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending[f], b.last = struct{}{}, f
	if f.store.shared() {
		b.looking.undecided[f] = struct{}{}
	}
}

// begin makes the call, as soon as no flight is pending, with the values of ctx and not its end.
func (b *batch) begin(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ctx, b.cancel = context.WithCancel(context.WithValue(context.WithoutCancel(ctx), flightKey{}, b.last))
	b.opening = false
	if b.last != nil && b.last.store.shared() {
		if many, ok := b.last.store.tier.remote.(ManyLooker); ok {
			b.lookWith(many)
		}
	}
	b.launch()
}

// launch makes the call when it is time, with mu held.
func (b *batch) launch() {
	switch {
	case b.opening || len(b.pending) > 0:
	case b.waiting == 0: // nobody wants it, or any more
		b.cancel()
	default:
		go b.run()
	}
}

// run makes the call, whatever it does.
func (b *batch) run() {
	defer b.cancel()
	defer close(b.done)
	b.err = ErrLoaderExited
	defer func() {
		if v := recover(); v != nil {
			b.values, b.err = nil, &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	slices.Sort(b.keys) // they came as the goroutines ran
	b.values, b.err = b.load(b.ctx, b.keys)
}

// settle says that a flight will not wait for the call, unless it does already.
func (b *batch) settle(f *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.pending[f]; ok {
		delete(b.pending, f)
		b.launch()
	}
}

// enter adds the key of a flight to the call; false when the call is not waited with for it.
func (b *batch) enter(f *flight) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.pending[f]; !ok {
		return false
	}
	delete(b.pending, f)
	b.keys = append(b.keys, f.key)
	b.waiting++
	b.launch()
	return true
}

// leave takes a flight off that has ended before the call.
func (b *batch) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting--; b.waiting == 0 && !b.opening && len(b.pending) == 0 {
		b.cancel()
	}
}

// fetch is the loader of the flights.
func (b *batch) fetch(ctx context.Context) (any, error) {
	f, _ := ctx.Value(flightKey{}).(*flight)
	if !b.enter(f) {
		values, err := b.load(ctx, []string{f.key})
		return one(values, err, f.key)
	}
	defer context.AfterFunc(ctx, b.leave)()
	select {
	case <-b.done:
		f.together = len(b.keys)
		return one(b.values, b.err, f.key)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// one is what a call says of a key: that it has no value when the answer does not have it.
func one(values map[string]any, err error, key string) (any, error) {
	if err != nil {
		return nil, err
	}
	if value, ok := values[key]; ok {
		return value, nil
	}
	return nil, ErrAbsent
}

package cache

import (
	"context"
	"fmt"
)

// MaxManyKeys is how many keys one [Cache.GetOrLoadMany] takes.
const MaxManyKeys = 10_000

// GetOrLoadMany returns the values of keys by key. Those that are not there are loaded by one call
// of load, with the keys that no other call is loading yet: what was said of [Cache.GetOrLoadWith]
// holds for each key, so a key is loaded once, whoever asks for it and together with which others.
// The second tier is asked for all of them together.
// A key that the answer of load leaves out has no value, as if a load had said [ErrAbsent]; it is
// left out here too, and that is no error. Values to be refreshed are loaded by one call as well.
//
// When a load fails, the error is that of the first key concerned, and the values of the others,
// and stale ones that may be served then, are returned with it or in its place. Nothing is asked
// for with [ErrKeyTooLong] and, above [MaxManyKeys], [ErrTooManyKeys].
func (c *Cache[V]) GetOrLoadMany(
	ctx context.Context, keys []string, opts EntryOptions,
	load func(ctx context.Context, keys []string) (map[string]V, error),
) (map[string]V, error) {
	if len(keys) > MaxManyKeys {
		return nil, fmt.Errorf("%w: %d, %d at most", ErrTooManyKeys, len(keys), MaxManyKeys)
	}
	keys = distinct(keys)
	for _, key := range keys {
		if len(key) > MaxKeyBytes {
			return nil, ErrKeyTooLong
		}
	}
	out := make(map[string]V, len(keys))
	var missing []string
	var due []*entry
	for _, key := range keys {
		e, isDue := c.store.get(key, true)
		if e == nil {
			missing = append(missing, key)
			continue
		}
		out[key] = typed[V](e.value)
		if isDue {
			due = append(due, e)
		}
	}
	if len(missing) == 0 && (len(due) == 0 || load == nil) {
		return out, nil
	}
	if load == nil {
		return out, ErrNilLoader
	}
	untyped := func(ctx context.Context, keys []string) (map[string]any, error) {
		values, err := load(ctx, keys)
		anys := make(map[string]any, len(values))
		for key, v := range values {
			anys[key] = v
		}
		return anys, err
	}
	if len(due) > 0 {
		b := newBatch(untyped)
		for _, e := range due {
			c.store.refresh(ctx, e, opts, b.fetch, b)
		}
		b.begin(ctx)
	}
	answers, err := c.store.loadMany(ctx, missing, opts, newBatch(untyped))
	for key, a := range answers {
		out[key] = typed[V](a.value)
	}
	return out, err
}

// loadMany is load for several keys.
func (s *store) loadMany(ctx context.Context, keys []string, opts EntryOptions, b *batch) (map[string]answer, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	parent, err := s.mayLoad(ctx, opts, keys...)
	if err != nil {
		return nil, err
	}
	answers, flights := make(map[string]answer, len(keys)), make([]*flight, 0, len(keys))
	for _, key := range keys {
		next := &flight{store: s, key: key, opts: opts, parent: parent, batch: b}
		f, e, known := s.join(ctx, next, b.fetch)
		switch {
		case known != nil: // to have no value
		case e != nil:
			answers[key] = e.answer(s.clock.now())
		default:
			flights = append(flights, f)
		}
		if f == next {
			parent = next // a loader must ask for no key of the batch
		}
	}
	b.begin(ctx)
	var first error
	for _, f := range flights {
		a, err := s.await(ctx, f)
		switch {
		case err == nil:
			answers[f.key] = a
		case first == nil && !s.isAbsent(err):
			first = err
		}
	}
	return answers, first
}

// mayLoad returns the load that ctx is of, or an error when keys cannot be loaded.
func (s *store) mayLoad(ctx context.Context, opts EntryOptions, keys ...string) (*flight, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	of, _ := ctx.Value(flightKey{}).(*flight)
	for f := of; f != nil; f = f.parent {
		for _, key := range keys {
			if f.store == s && f.key == key {
				return nil, ErrRecursiveLoad
			}
		}
	}
	return of, nil
}

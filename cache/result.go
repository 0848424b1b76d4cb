package cache

import (
	"context"
	"time"
)

// Result is a value with what is known of its freshness.
type Result[V any] struct {
	Value V
	// Age is how long ago the value was loaded or set, also by another process; zero for one that
	// was loaded for this call.
	Age time.Duration
	// Stale says that its time to live is over.
	Stale bool
	// Err is why a stale value was served, when that is a load that failed for this call.
	Err error
}

// GetOrLoadResult is [Cache.GetOrLoadWith] for who wants to know how fresh the value is.
func (c *Cache[V]) GetOrLoadResult(
	ctx context.Context, key string, opts EntryOptions, load func(ctx context.Context) (V, error),
) (Result[V], error) {
	e, due := c.store.get(key, true)
	var a answer
	var err error
	if e != nil && !due {
		a = e.answer(c.store.clock.now())
	} else {
		a, err = c.further(ctx, e, key, opts, load)
	}
	r := Result[V]{Value: typed[V](a.value), Stale: a.stale, Err: a.cause}
	if a.created != 0 {
		r.Age = max(0, time.Duration(c.store.clock.now()-a.created))
	}
	return r, err
}

// further is what comes after a lookup that found nothing, or an entry that is to be loaded anew.
func (c *Cache[V]) further(
	ctx context.Context, e *entry, key string, opts EntryOptions, load func(ctx context.Context) (V, error),
) (answer, error) {
	if e == nil && load == nil {
		return answer{}, ErrNilLoader
	}
	untyped := func(ctx context.Context) (any, error) { return load(ctx) }
	if e == nil {
		return c.store.load(ctx, key, opts, untyped)
	}
	if load != nil {
		c.store.refresh(ctx, e, opts, untyped, nil)
	}
	return e.answer(c.store.clock.now()), nil
}

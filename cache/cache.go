package cache

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Limits are what the program asks for one cache. [Config.Caches] goes before it, and the zero
// value means what the rest of [Config] says.
type Limits struct {
	// TTL is how long an entry is fresh unless it says. Zero means [Config.DefaultTTL].
	TTL time.Duration
	// MaxEntries bounds the entries. Zero means [Config.MaxEntries].
	MaxEntries int
	// MaxBytes is the share of [Config.MaxBytes] to ask for. Zero means what is left, split
	// equally among those who do not ask.
	MaxBytes int64
	// StaleWhileRevalidate is how long beyond its TTL a value may still be served, to the callers of
	// GetOrLoad and its kin, while a new one is loaded in the background. Zero means not at all.
	StaleWhileRevalidate time.Duration
	// StaleIfError is how long beyond its TTL a value may be served to them when the load fails.
	// Zero means not at all.
	StaleIfError time.Duration
	// RefreshAheadRatio is the share of the TTL, 0 to 1, from which on a value they ask for is loaded
	// anew in the background: at a random moment of the first half of what is left of it. Zero means
	// not ahead.
	RefreshAheadRatio float64
	// NegativeTTL is how long a key is remembered whose load said that it has no value. Zero means
	// not at all.
	NegativeTTL time.Duration
	// MaxNegative bounds the keys remembered so, on top of MaxEntries. Zero means a sixteenth of
	// that. Their bytes are a sixteenth of the cache's.
	MaxNegative int
	// LoadEverywhere has each process load a missing key itself, instead of one for all who share the
	// second tier. It saves a key that is loaded a round trip; for loads that are quick and cheap.
	LoadEverywhere bool
}

func (l Limits) validate(name string) error {
	var f faults
	NamedConfig(l).check(&f, "cache "+name)
	return errors.Join(f...)
}

// Options are what the program says of one cache. The zero value works.
type Options[V any] struct {
	Limits
	// Cost returns the bytes that a value takes in memory. It must not be negative nor change
	// while the value is stored. Nil means [SizeOf].
	Cost func(value V) int64
	// Price returns what a value cost to make, in a unit that is the same for the whole cache, such
	// as dollars; zero means not known. Entries that save more for the room they take are kept
	// rather. Nil means that the time of the load is the price.
	Price func(value V) float64
	// Codec makes values bytes for the group's second tier. Nil keeps the cache in memory alone.
	Codec Codec[V]
	// Absent reports whether an error of a load says that its key has no value, like [ErrAbsent],
	// which always does. Nil means that no other does.
	Absent func(err error) bool
}

// Cache is a named, typed cache of a [Group]. Its methods may be called at the same time. Values
// are shared by all who get them, so they must not be changed.
type Cache[V any] struct{ store *store }

// Named returns the cache of that name, which is made at the first call: a second call with the
// same type gets the same cache, and its options are not looked at. It fails with [ErrBadName],
// with a [TypeError] when the name holds values of another type, with [ErrTooManyCaches], or
// when an option is out of range.
func Named[V any](g *Group, name string, opts Options[V]) (*Cache[V], error) {
	if !validName(name) {
		return nil, fmt.Errorf("%w: %q", ErrBadName, name)
	}
	if err := opts.validate(name); err != nil {
		return nil, err
	}
	cost := SizeOf
	if opts.Cost != nil {
		cost = func(value any) int64 { return opts.Cost(typed[V](value)) }
	}
	var price func(any) float64
	if opts.Price != nil {
		price = func(value any) float64 { return opts.Price(typed[V](value)) }
	}
	codec := codecOf(opts.Codec)
	if codec != nil && len(codec.format) > maxFormat {
		return nil, fmt.Errorf("%w: %q", ErrBadFormat, codec.format)
	}
	s, err := g.named(name, kind{reflect.TypeFor[V](), opts.Limits, cost, price, codec, opts.Absent})
	if err != nil {
		return nil, err
	}
	return &Cache[V]{s}, nil
}

// typed is value as a V; nil is the zero value of an interface type.
func typed[V any](value any) V {
	v, _ := value.(V)
	return v
}

// Name is the name in the group.
func (c *Cache[V]) Name() string { return c.store.name }

// Get returns the value of key and whether there is one. A stale one is none to Get, as it cannot
// load another.
func (c *Cache[V]) Get(key string) (V, bool) {
	e, _ := c.store.get(key, false)
	if e == nil {
		var none V
		return none, false
	}
	return typed[V](e.value), true
}

// Lookup asks the second tier for the value of key, past the memory, and keeps what it finds
// there; where it cannot be asked or has none, the answer is what memory has. It does not count as
// an access of memory, so that it goes well after a [Cache.Get] that missed. The mark is of the
// moment before: give it to [Cache.Set] with a value that was fetched since, and with the same
// tags, and the value goes to the second tier unless the key, or a tag, was written or invalidated
// meanwhile, also by another process. Lookup takes a few dozen milliseconds at the very most.
func (c *Cache[V]) Lookup(ctx context.Context, key string, tags ...string) (V, Mark, bool) {
	value, mark, ok := c.store.lookup(ctx, key, distinct(tags))
	return typed[V](value), mark, ok
}

// Shared reports whether the values go to a second tier.
func (c *Cache[V]) Shared() bool { return c.store.shared() }

// Set stores a value in the place of what key had. A value that is refused, with
// [TooLargeError], leaves key without one. Other errors change nothing: [ErrKeyTooLong],
// [TTLError], [ErrNegativeCost], [ErrBadPrice], and [ErrSuperseded] for a mark that is out of date.
func (c *Cache[V]) Set(key string, value V, opts EntryOptions) error {
	if err := opts.validate(); err != nil {
		return err
	}
	opts.Tags = distinct(opts.Tags)
	e, err := c.store.newEntry(key, value, opts.Tags, made{opts.LoadTime, opts.Price})
	if err != nil {
		return err
	}
	return c.store.set(e, opts)
}

// GetOrLoad returns the value of key, or what load fetches, which is then stored. One load per
// key runs at a time, in a goroutine of its own; its context has the values of the caller that
// began it, not the deadline, and ends when nobody waits any more. An error of load goes to all
// who wait and is not cached; a panic becomes a [PanicError], runtime.Goexit [ErrLoaderExited].
// When ctx ends first, its error is returned. A value too large to store is returned all the same.
//
// A loader may ask for other keys, but [ErrRecursiveLoad] is what it gets for its own.
func (c *Cache[V]) GetOrLoad(
	ctx context.Context, key string, load func(ctx context.Context) (V, error),
) (V, error) {
	e, due := c.store.get(key, true)
	if e != nil && !due {
		return typed[V](e.value), nil
	}
	a, err := c.further(ctx, e, key, EntryOptions{}, load)
	return typed[V](a.value), err
}

// GetOrLoadWith is [Cache.GetOrLoad] for an entry with options. Those of the caller whose load
// runs count. Since is not looked at: every load has a mark of its own.
func (c *Cache[V]) GetOrLoadWith(
	ctx context.Context, key string, opts EntryOptions, load func(ctx context.Context) (V, error),
) (V, error) {
	e, due := c.store.get(key, true)
	if e != nil && !due {
		return typed[V](e.value), nil
	}
	a, err := c.further(ctx, e, key, opts, load)
	return typed[V](a.value), err
}

// Loading returns a function that is [Cache.GetOrLoadWith] with the same options and the same load
// for all keys. A hit of it allocates nothing, where a load function that is made for each call does.
// A nil load makes it fail with [ErrNilLoader] for keys without a value.
func (c *Cache[V]) Loading(
	opts EntryOptions, load func(ctx context.Context, key string) (V, error),
) func(ctx context.Context, key string) (V, error) {
	opts.Tags = slices.Clone(opts.Tags)
	return func(ctx context.Context, key string) (V, error) {
		e, due := c.store.get(key, true)
		if e != nil && !due {
			return typed[V](e.value), nil
		}
		a, err := c.further(ctx, e, key, opts, loadOf(key, load))
		return typed[V](a.value), err
	}
}

// loadOf is load for one key.
func loadOf[V any](
	key string, load func(ctx context.Context, key string) (V, error),
) func(ctx context.Context) (V, error) {
	if load == nil {
		return nil
	}
	return func(ctx context.Context) (V, error) { return load(ctx, key) }
}

// Mark is the moment before a fetch, for [EntryOptions.Since].
func (c *Cache[V]) Mark() Mark { return c.store.mark() }

// Exists reports whether key has a value that is fresh, without counting as an access.
func (c *Cache[V]) Exists(key string) bool { return c.store.peek(key) != nil }

// Inspect describes the entry of key, which may be stale, without counting as an access.
func (c *Cache[V]) Inspect(key string) (EntryInfo, bool) {
	e := c.store.held(key)
	if e == nil {
		return EntryInfo{}, false
	}
	return e.info(c.store.clock), true
}

// Delete forgets key and reports whether it had a value. A load that runs is not stored.
func (c *Cache[V]) Delete(key string) bool { return c.store.remove(key, true) }

// Clear forgets all keys and returns how many entries went.
func (c *Cache[V]) Clear() int {
	c.store.renew(message(saysName, c.store.name))
	return c.store.clear()
}

// ClearPattern forgets the keys that [Match] a pattern and returns how many entries went.
func (c *Cache[V]) ClearPattern(pattern string) int {
	if s := c.store; s.shared() {
		s.tier.amend(nameGeneration(s.name), s.name, pattern)
	}
	return c.store.clearMatching(pattern)
}

// Stats are the figures of this cache.
func (c *Cache[V]) Stats() NamedStats { return c.store.stats() }

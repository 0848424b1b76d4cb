package contest

import (
	"context"
	"sync"
	"time"

	theine "github.com/Yiling-J/theine-go"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/maypok86/otter/v2"
	"github.com/viccon/sturdyc"
	"golang.org/x/sync/singleflight"

	"github.com/sentientcore/upshift/cache"
)

// Call is a function behind a cache: what a key has, which is loaded when it has none.
type Call struct {
	Name string
	Get  func(ctx context.Context, key string) (int, error)
	// Close ends what runs in the background.
	Close func()
}

// Function is the name of [cache.Func], which makes the key of its argument at each call.
const Function = "upshift function"

// Singleflight is the name of the usual way: an LRU cache with a flight per key.
const Singleflight = "lru+singleflight"

// Calls are the same load behind each cache, with room for so many keys. What runs in the background ends
// with ctx or Close.
func Calls(
	ctx context.Context, room int, load func(ctx context.Context, key string) (int, error),
) ([]Call, error) {
	ours, err := upshiftCalls(ctx, room, load)
	if err != nil {
		return nil, err
	}
	o, err := otter.New(&otter.Options[string, int]{MaximumSize: room})
	if err != nil {
		return nil, err
	}
	loader := otter.LoaderFunc[string, int](load)
	l, err := lru.New[string, int](room)
	if err != nil {
		return nil, err
	}
	var flights singleflight.Group
	t, err := theine.NewBuilder[string, int](int64(room)).BuildWithLoader(
		func(ctx context.Context, key string) (theine.Loaded[int], error) {
			v, err := load(ctx, key)
			return theine.Loaded[int]{Value: v, Cost: 1}, err
		})
	if err != nil {
		return nil, err
	}
	s := sturdyc.New[int](room, 16, time.Hour, 10)
	return append(ours, []Call{
		{Otter, func(ctx context.Context, key string) (int, error) { return o.Get(ctx, key, loader) }, nothing},
		{Singleflight, func(ctx context.Context, key string) (int, error) {
			if v, ok := l.Get(key); ok {
				return v, nil
			}
			v, err, _ := flights.Do(key, func() (any, error) {
				v, err := load(ctx, key)
				if err == nil {
					l.Add(key, v)
				}
				return v, err
			})
			n, _ := v.(int)
			return n, err
		}, nothing},
		{"theine", t.Get, t.Close},
		{"sturdyc", func(ctx context.Context, key string) (int, error) {
			return s.GetOrFetch(ctx, key, func(ctx context.Context) (int, error) { return load(ctx, key) })
		}, nothing},
	}...), nil
}

// upshiftCalls are a prepared key and a cached function, in caches of a group that runs, as in a program.
func upshiftCalls(
	ctx context.Context, room int, load func(ctx context.Context, key string) (int, error),
) ([]Call, error) {
	group, err := cache.New(cache.Config{MaxEntries: room})
	if err != nil {
		return nil, err
	}
	keyed, err := cache.Named(group, "keyed", cache.Options[int]{})
	if err != nil {
		return nil, err
	}
	called, err := cache.Named(group, "called", cache.Options[int]{})
	if err != nil {
		return nil, err
	}
	function, err := cache.Func(called, "contest", cache.EntryOptions{}, load)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = group.Run(ctx) }) // it returns nil when ctx ends
	return []Call{
		{Upshift, keyed.Loading(cache.EntryOptions{}, load), func() {
			cancel()
			running.Wait()
		}},
		{Function, function, nothing},
	}, nil
}

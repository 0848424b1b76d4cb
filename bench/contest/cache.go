package contest

import (
	"context"
	"fmt"

	theine "github.com/Yiling-J/theine-go"
	"github.com/dgraph-io/ristretto/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/maypok86/otter/v2"

	"github.com/sentientcore/upshift/cache"
)

// Cache is one contender. It is used by one goroutine.
type Cache struct {
	// Get looks a key up and reports whether it was there.
	Get func(key string) bool
	// Put stores a key that was not.
	Put func(key string, of Item)
	// Close ends it.
	Close func()
}

// Item is what is stored under a key.
type Item struct {
	Bytes int64
	Price float64
}

// Contender makes caches of a maximum: of entries, or of bytes.
type Contender struct {
	Name string
	Make func(maximum int64, bytes bool) (Cache, error)
}

// The names of those that others are compared with.
const (
	Upshift = "upshift"
	Otter   = "otter"
	LRU     = "lru"
	GDSF    = "gdsf"
)

// Contenders are all of them. Some know only entries, and one only bytes.
func Contenders(bytes bool) []Contender {
	all := []Contender{{Upshift, upshift}, {Otter, otterSync}, {"theine", theineWait}, {"ristretto", ristrettoWait}}
	if bytes {
		return append(all, Contender{GDSF, bookGDSF})
	}
	return append(all, Contender{LRU, plainLRU}, Contender{"2q", twoQueue})
}

func nothing() {}

// upshift has no clock running and no second tier. Its accounting of an entry beyond the value is
// taken off, so that bytes mean the same for all.
func upshift(maximum int64, bytes bool) (Cache, error) {
	cfg := cache.Config{MaxEntries: int(maximum), MaxBytes: 1 << 50}
	if bytes {
		cfg = cache.Config{MaxEntries: 1 << 30, MaxBytes: maximum}
	}
	group, err := cache.New(cfg)
	if err != nil {
		return Cache{}, err
	}
	own := int64(cache.EntryOverheadBytes)
	c, err := cache.Named(group, "contest", cache.Options[Item]{
		Cost: func(v Item) int64 { return max(v.Bytes-own, 0) },
	})
	if err != nil {
		return Cache{}, err
	}
	return Cache{
		Get: found(c.Get),
		Put: func(key string, of Item) {
			price := of.Price
			of.Bytes -= int64(len(key))
			if err := c.Set(key, of, cache.EntryOptions{Price: price}); err != nil {
				panic(fmt.Sprintf("upshift: set %s: %v", key, err)) // items are smaller than the maximum
			}
		},
		Close: nothing,
	}, nil
}

// found is a lookup of which only counts whether there was a value.
func found(get func(key string) (Item, bool)) func(key string) bool {
	return func(key string) bool {
		_, ok := get(key)
		return ok
	}
}

func otterSync(maximum int64, bytes bool) (Cache, error) {
	o := &otter.Options[string, Item]{Executor: func(f func()) { f() }, MaximumSize: int(maximum)}
	if bytes {
		o.MaximumSize, o.MaximumWeight = 0, uint64(maximum)
		o.Weigher = func(_ string, v Item) uint32 { return uint32(v.Bytes) }
	}
	c, err := otter.New(o)
	if err != nil {
		return Cache{}, err
	}
	return Cache{
		Get:   found(c.GetIfPresent),
		Put:   func(key string, of Item) { c.Set(key, of) },
		Close: nothing,
	}, nil
}

func theineWait(maximum int64, bytes bool) (Cache, error) {
	c, err := theine.NewBuilder[string, Item](maximum).Build()
	if err != nil {
		return Cache{}, err
	}
	return Cache{
		Get: found(c.Get),
		Put: func(key string, of Item) {
			c.Set(key, of, costOf(of, bytes))
			c.Wait()
		},
		Close: c.Close,
	}, nil
}

func costOf(of Item, bytes bool) int64 {
	if bytes {
		return of.Bytes
	}
	return 1
}

func ristrettoWait(maximum int64, bytes bool) (Cache, error) {
	counters := 10 * maximum
	if bytes {
		counters /= 1000 // no item is smaller
	}
	c, err := ristretto.NewCache(&ristretto.Config[string, Item]{
		NumCounters: max(counters, 100), MaxCost: maximum, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return Cache{}, err
	}
	return Cache{
		Get: found(c.Get),
		Put: func(key string, of Item) {
			c.Set(key, of, costOf(of, bytes))
			c.Wait()
		},
		Close: c.Close,
	}, nil
}

func plainLRU(maximum int64, _ bool) (Cache, error) {
	c, err := lru.New[string, Item](int(maximum))
	if err != nil {
		return Cache{}, err
	}
	return Cache{
		Get:   found(c.Get),
		Put:   func(key string, of Item) { c.Add(key, of) },
		Close: nothing,
	}, nil
}

func twoQueue(maximum int64, _ bool) (Cache, error) {
	c, err := lru.New2Q[string, Item](int(maximum))
	if err != nil {
		return Cache{}, err
	}
	return Cache{
		Get:   found(c.Get),
		Put:   func(key string, of Item) { c.Add(key, of) },
		Close: nothing,
	}, nil
}

// Played is what a cache got of a trace.
type Played struct {
	Hits int
	// Saved is the sum of the prices of the hits.
	Saved float64
}

// Play looks up each key and stores it when it is not there, until ctx ends.
func Play(ctx context.Context, c Cache, keys []uint32, names []string, item func(key uint32) Item) (Played, error) {
	var p Played
	for i, k := range keys {
		if i%4096 == 0 && ctx.Err() != nil {
			return p, ctx.Err()
		}
		if c.Get(names[k]) {
			p.Hits++
			p.Saved += item(k).Price
		} else {
			c.Put(names[k], item(k))
		}
	}
	return p, nil
}

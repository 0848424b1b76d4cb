package node

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
)

const (
	maxEntries = 2 << 20
	maxBytes   = 4 << 30
	// unsent bounds what waits to be sent while a node writes as fast as it can.
	unsent = 2048
)

// Cache is the product's, over a server.
type Cache struct {
	group  *cache.Group
	texts  *cache.Cache[string]
	ended  chan error
	cancel func(key string)

	mu   sync.Mutex // guards asks
	asks map[string]context.CancelFunc
}

var _ Holder = (*Cache)(nil)

// NewCache connects, with the settings that users have, until ctx ends.
func NewCache(ctx context.Context, url string) (*Cache, error) {
	remote, err := rediscache.New(rediscache.Config{URL: url}, nil)
	if err != nil {
		return nil, err
	}
	group, err := cache.NewShared(cache.Config{MaxEntries: maxEntries, MaxBytes: maxBytes}, remote)
	if err != nil {
		return nil, err
	}
	texts, err := cache.Named(group, "texts", cache.Options[string]{Codec: cache.JSON[string]{}})
	if err != nil {
		return nil, err
	}
	c := &Cache{group: group, texts: texts, ended: make(chan error, 1), asks: map[string]context.CancelFunc{}}
	c.cancel = func(key string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if leave := c.asks[key]; leave != nil {
			leave()
		}
	}
	go func() { c.ended <- group.Run(ctx) }()
	for !group.Stats().Redis.Connected {
		if err := pause(ctx, time.Millisecond); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	return c, nil
}

// Wait returns when the group has ended.
func (c *Cache) Wait() error { return <-c.ended }

// sent waits until no more than so many changes wait to be sent.
func (c *Cache) sent(ctx context.Context, most int) error {
	for c.group.Stats().Redis.Unsent > most {
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// Fill implements [Holder].
func (c *Cache) Fill(ctx context.Context, keys []string) error {
	for i, key := range keys {
		if err := c.texts.Set(key, "value", cache.EntryOptions{}); err != nil {
			return err
		}
		if i%256 == 255 {
			if err := c.sent(ctx, unsent); err != nil {
				return err
			}
		}
	}
	return c.sent(ctx, 0)
}

// Hold implements [Holder].
func (c *Cache) Hold(ctx context.Context, key string) error {
	for {
		if _, _, ok := c.texts.Lookup(ctx, key); ok {
			return nil
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// Has implements [Holder].
func (c *Cache) Has(_ context.Context, key string) bool { return c.texts.Exists(key) }

// Remove implements [Holder]. It returns when the server knows, as a rival's does, although nobody
// has to wait for that.
func (c *Cache) Remove(ctx context.Context, key string) error {
	c.texts.Delete(key)
	return c.sent(ctx, 0)
}

// Asked is what came of a crowd.
type Asked struct {
	Loads  int64 `json:"loads"`
	Errors int64 `json:"errors"`
	// Longest is the longest wait of a caller, in nanoseconds; Ended when it ended, by the clock of [Times].
	Longest time.Duration `json:"longest"`
	Ended   int64         `json:"ended"`
}

// ask has a crowd ask for a key whose load takes a while.
func (c *Cache) ask(ctx context.Context, key string, callers, millis int, loading func()) Asked {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	c.mu.Lock()
	c.asks[key] = leave
	c.mu.Unlock()
	var loads, errs, longest atomic.Int64
	var crowd sync.WaitGroup
	for range callers {
		crowd.Go(func() {
			began := time.Now()
			_, err := c.texts.GetOrLoad(ctx, key, func(ctx context.Context) (string, error) {
				loads.Add(1)
				loading()
				return "value", pause(ctx, time.Duration(millis)*time.Millisecond)
			})
			if err != nil {
				errs.Add(1)
			}
			for took := int64(time.Since(began)); ; {
				if was := longest.Load(); took <= was || longest.CompareAndSwap(was, took) {
					return
				}
			}
		})
	}
	crowd.Wait()
	return Asked{loads.Load(), errs.Load(), time.Duration(longest.Load()), now()}
}

// tag writes values that live for a while under tags.
func (c *Cache) tag(ctx context.Context, prefix string, values, tags, millis int) error {
	for i := range values {
		err := c.texts.Set(prefix+strconv.Itoa(i), "value", cache.EntryOptions{
			TTL: time.Duration(millis) * time.Millisecond, Tags: []string{prefix + "tag" + strconv.Itoa(i%tags)},
		})
		if err != nil {
			return err
		}
		if i%256 == 255 {
			if err := c.sent(ctx, unsent); err != nil {
				return err
			}
		}
	}
	return c.sent(ctx, 0)
}

// Cleared is what it took to clear a tag.
type Cleared struct {
	Entries int `json:"entries"`
	// Took is how long the call took, Reached until the second tier and the others had been told.
	Took    time.Duration `json:"took"`
	Reached time.Duration `json:"reached"`
}

func (c *Cache) clear(ctx context.Context, tag string) Cleared {
	began := time.Now()
	out := Cleared{Entries: c.group.ClearTag(ctx, tag)}
	out.Took = time.Since(began)
	_ = c.sent(ctx, 0) // it fails when the node ends
	out.Reached = time.Since(began)
	return out
}

// Figures are what a node holds.
type Figures struct {
	Entries int    `json:"entries"`
	Tags    int    `json:"tags"`
	Heap    uint64 `json:"heap"` // bytes in use after a collection
}

func (c *Cache) figures() Figures {
	c.group.Cleanup()
	runtime.GC()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	s := c.group.Stats()
	return Figures{Entries: s.Entries, Tags: s.Tags, Heap: heap[0].Value.Uint64()}
}

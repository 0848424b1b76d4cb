package cache

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever a program gives, it gets a typed error, or what is documented, and no panic.
func TestBadInput(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	load := func(context.Context) (string, error) { return "v", nil }
	tests := []struct {
		name string
		do   func(g *Group, c *Cache[string]) error
		want error
	}{
		{"nil loader", func(_ *Group, c *Cache[string]) error {
			_, err := c.GetOrLoad(ctx, "none", nil)
			return err
		}, ErrNilLoader},
		{"nil loader that wants to know", func(_ *Group, c *Cache[string]) error {
			_, err := c.GetOrLoadResult(ctx, "none", EntryOptions{}, nil)
			return err
		}, ErrNilLoader},
		{"nil loader of many", func(_ *Group, c *Cache[string]) error {
			_, err := c.GetOrLoadMany(ctx, []string{"none"}, EntryOptions{}, nil)
			return err
		}, ErrNilLoader},
		{"nil loader of a stale value", func(_ *Group, c *Cache[string]) error {
			if err := c.Set("k", "v", EntryOptions{TTL: time.Second, StaleWhileRevalidate: time.Hour}); err != nil {
				return err
			}
			time.Sleep(time.Minute)
			if r, err := c.GetOrLoadResult(ctx, "k", EntryOptions{}, nil); !r.Stale || err != nil {
				t.Errorf("got %+v, %v", r, err)
			}
			return ErrNilLoader // it has a value, and nothing to load another with
		}, ErrNilLoader},
		{"nil function", func(_ *Group, c *Cache[string]) error {
			_, err := Func[int](c, "f", EntryOptions{}, nil)
			return err
		}, ErrNilFunc},
		{"negative time to live", func(_ *Group, c *Cache[string]) error {
			return c.Set("k", "v", EntryOptions{TTL: -1})
		}, ErrNegativeTTL},
		{"negative time to live of a load", func(_ *Group, c *Cache[string]) error {
			_, err := c.GetOrLoadWith(ctx, "none", EntryOptions{TTL: -1}, load)
			return err
		}, ErrNegativeTTL},
		{"negative stale time", func(_ *Group, c *Cache[string]) error {
			return c.Set("k", "v", EntryOptions{StaleIfError: -1})
		}, ErrNegativeTTL},
		{"key over the limit", func(_ *Group, c *Cache[string]) error {
			return c.Set(strings.Repeat("k", MaxKeyBytes+1), "v", EntryOptions{})
		}, ErrKeyTooLong},
		{"key over the limit of a load", func(_ *Group, c *Cache[string]) error {
			_, err := c.GetOrLoad(ctx, strings.Repeat("k", MaxKeyBytes+1), load)
			return err
		}, ErrKeyTooLong},
		{"value over the limit", func(_ *Group, c *Cache[string]) error {
			return c.Set("k", strings.Repeat("v", 1<<20), EntryOptions{})
		}, ErrTooLarge},
		{"unknown cache", func(g *Group, _ *Cache[string]) error {
			_, err := g.Clear(ctx, "nothing")
			return err
		}, ErrUnknownCache},
		{"another type", func(g *Group, _ *Cache[string]) error {
			_, err := Named(g, "texts", Options[int]{})
			return err
		}, ErrTypeMismatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGroup(t, Config{MaxBytes: 1 << 20})
				c := named(t, g, "texts", Options[string]{})
				if err := test.do(g, c); !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if v, err := c.GetOrLoad(ctx, "after", load); v != "v" || err != nil {
					t.Errorf("afterwards %q, %v", v, err)
				}
				synctest.Wait()
			})
		})
	}
}

// Bounds of zero are the defaults, not bounds that nothing fits.
func TestZeroBounds(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 0, MaxBytes: 0, DefaultTTL: 0}, Options[string]{})
	set(t, c, "k", "v")
	s := c.Stats()
	if v, _ := c.Get("k"); v != "v" || s.MaxEntries != DefaultMaxEntries || s.MaxBytes != DefaultMaxBytes || s.TTLSeconds != 3600 {
		t.Errorf("%q, %+v", v, s)
	}
}

// What the second tier has in the place of a value is a miss, is counted and deleted.
func TestPoisonedSecondTier(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		put  func(good []byte, other []byte) []byte
	}{
		{"nothing", func([]byte, []byte) []byte { return []byte{} }},
		{"noise", func([]byte, []byte) []byte { return []byte("no envelope at all") }},
		{"a value cut off", func(good, _ []byte) []byte { return good[:len(good)-3] }},
		{"a flipped bit", func(good, _ []byte) []byte { good[len(good)/2] ^= 4; return good }},
		{"the value of another tenant", func(_, other []byte) []byte { return other }},
		{"a bomb", func([]byte, []byte) []byte {
			e := sampleEnvelope(make([]byte, 1<<20))
			e.format, e.generation = "json/", ""
			return new(packer).seal(e, "texts/tenant-a")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared := newSharedMemory()
				m := join(t, shared, Config{MaxBytes: 1 << 19})
				m.load("tenant-b", "secret of b", EntryOptions{})
				m.load("tenant-a", "of a", EntryOptions{})
				for _, key := range []string{"tenant-a", "tenant-b"} {
					m.texts.store.remove(key, false) // as if it had been evicted
				}
				m.mu.Lock()
				a, b := shared.values["texts/tenant-a"], shared.values["texts/tenant-b"]
				a.value = test.put(bytes.Clone(a.value), bytes.Clone(b.value))
				shared.values["texts/tenant-a"] = a
				m.mu.Unlock()
				if got := m.load("tenant-a", "loaded", EntryOptions{}); got != "loaded" {
					t.Errorf("got %q", got)
				}
				if n := m.redis().Malformed; n != 1 {
					t.Errorf("%d counted as malformed", n)
				}
				m.mu.Lock()
				left := shared.values["texts/tenant-a"]
				m.mu.Unlock()
				if left.version == a.version {
					t.Error("it is still there")
				}
			})
		})
	}
}

// A value that the codec or the envelope refuses stays in memory, is counted, and what its key had
// in the second tier goes.
func TestWhatCannotGoToTheSecondTier(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value string
		opts        EntryOptions
	}{
		{"refused by the codec", "refuse", EntryOptions{}},
		{"panic of the codec", "panic", EntryOptions{}},
		{"a tag over the limit", "v", EntryOptions{Tags: []string{strings.Repeat("t", MaxKeyBytes+1)}}},
		{"too many tags", "v", EntryOptions{Tags: strings.Split(strings.Repeat("t,", maxEnvelopeTags)+"u", ",")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared := newSharedMemory()
				m := join(t, shared, Config{})
				c := named(t, m.group, "faulty", Options[string]{Codec: faulty{}})
				set(t, c, "k", "good")
				synctest.Wait()
				for i, tag := range test.opts.Tags {
					test.opts.Tags[i] = tag + strings.Repeat("x", i)
				}
				if err := c.Set("k", test.value, test.opts); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				m.mu.Lock()
				left := shared.values["faulty/k"].value
				m.mu.Unlock()
				if v, _ := c.Get("k"); v != test.value || left != nil || m.redis().Errors != 1 {
					t.Errorf("memory has %q, the second tier %d bytes, %d errors", v, len(left), m.redis().Errors)
				}
			})
		})
	}
}

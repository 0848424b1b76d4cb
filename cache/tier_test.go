package cache

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// member is one of several groups over a second tier in memory. It is to be used in a bubble of
// synctest, where Wait means that all queues are empty.
type member struct {
	*testing.T
	*memoryRemote
	group *Group
	texts *Cache[string]
}

func join(t *testing.T, shared *sharedMemory, cfg Config) *member {
	t.Helper()
	m := &member{T: t, memoryRemote: shared.connect()}
	g, err := NewShared(cfg, m.memoryRemote)
	if err != nil {
		t.Fatal(err)
	}
	m.group = g
	m.texts = named(t, g, "texts", Options[string]{Codec: JSON[string]{}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-m.running
	synctest.Wait()
	return m
}

func (m *member) load(key, value string, opts EntryOptions) string {
	m.Helper()
	got, err := m.texts.GetOrLoadWith(m.Context(), key, opts, func(context.Context) (string, error) { return value, nil })
	if err != nil {
		m.Fatal(err)
	}
	synctest.Wait()
	return got
}

func (m *member) redis() RedisStats { return m.group.Stats().Redis }

func TestACacheWithoutACodecStaysInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		m := join(t, shared, Config{})
		plain := named(t, m.group, "plain", Options[string]{})
		set(t, plain, "k", "v")
		if _, mark, ok := plain.Lookup(t.Context(), "k"); !ok || !mark.taken {
			t.Error("a lookup does not find what memory has")
		}
		plain.Delete("k")
		synctest.Wait()
		if plain.Shared() || len(shared.values) != 0 || m.lookups != 0 {
			t.Errorf("the second tier has %d values after %d lookups", len(shared.values), m.lookups)
		}
	})
}

// While messages may be missing, nothing is served for longer than SuspectTTL.
func TestSuspectMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := join(t, newSharedMemory(), Config{})
		plain := named(t, m.group, "plain", Options[string]{})
		set(t, plain, "k", "memory alone")
		m.load("before", "v", EntryOptions{})
		time.Sleep(time.Minute)
		if !m.texts.Exists("before") {
			t.Fatal("gone while all was well")
		}
		m.setDown(true)
		time.Sleep(SuspectTTL / 2)
		m.load("during", "v", EntryOptions{})
		if !m.texts.Exists("before") {
			t.Error("gone at once, when the feed was lost")
		}
		time.Sleep(SuspectTTL/2 + time.Second)
		if m.texts.Exists("before") {
			t.Error("what was there before the loss is still served")
		}
		if !m.texts.Exists("during") {
			t.Error("what was loaded since is gone early")
		}
		time.Sleep(SuspectTTL / 2)
		if m.texts.Exists("during") {
			t.Error("what was loaded during the cut is served for too long")
		}
		m.load("last", "v", EntryOptions{})
		m.setDown(false)
		synctest.Wait()
		if m.texts.Exists("last") {
			t.Error("memory was not dropped when the feed came back")
		}
		m.load("after", "v", EntryOptions{})
		time.Sleep(10 * time.Minute)
		if !m.texts.Exists("after") || !plain.Exists("k") {
			t.Error("the cap outlived the cut, or reached a cache in memory alone")
		}
	})
}

// What could not be invalidated during a cut is before anything is read again, with the others told.
func TestOwedInvalidations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(m *member)
	}{
		{"delete", func(m *member) { m.texts.Delete("k") }},
		{"set", func(m *member) { _ = m.texts.Set("k", "new", EntryOptions{}); m.texts.Clear() }},
		{"tag", func(m *member) { m.group.ClearTag(context.Background(), "t") }},
		{"all", func(m *member) { m.group.ClearAll(context.Background()) }},
		{"many tags", func(m *member) {
			for i := range 2 * maxOwed {
				m.group.ClearTag(context.Background(), strconv.Itoa(i))
			}
			m.group.ClearTag(context.Background(), "t")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared := newSharedMemory()
				a, b := join(t, shared, Config{}), join(t, shared, Config{})
				tagged := EntryOptions{Tags: []string{"t"}}
				a.load("k", "old", tagged)
				if got := b.load("k", "b", tagged); got != "old" {
					t.Fatalf("b got %q", got)
				}
				a.setDown(true)
				test.do(a)
				synctest.Wait()
				if n := a.redis().Owed; n == 0 || n > maxOwed {
					t.Errorf("%d owed", n)
				}
				a.setDown(false)
				synctest.Wait()
				if b.texts.Exists("k") {
					t.Error("b was not told")
				}
				if got := a.load("k", "fresh", tagged); got != "fresh" {
					t.Errorf("a got %q", got)
				}
				if n := a.redis().Owed; n != 0 {
					t.Errorf("%d still owed", n)
				}
			})
		})
	}
}

// A process does not read from the second tier what its own queue will change.
func TestAProcessSeesItsOwnChanges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(m *member)
		want string
	}{
		{"delete", func(m *member) { m.texts.Delete("k") }, "fresh"},
		{"clear", func(m *member) { m.texts.Clear() }, "fresh"},
		{"tag", func(m *member) { m.group.ClearTag(context.Background(), "t") }, "fresh"},
		{"another key", func(m *member) { m.texts.Delete("other") }, "old"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := join(t, newSharedMemory(), Config{})
				tagged := EntryOptions{Tags: []string{"t"}}
				m.load("k", "old", tagged)
				held := make(chan struct{})
				m.mu.Lock()
				m.held = held
				m.mu.Unlock()
				m.texts.store.remove("k", false) // as if it had been evicted
				test.do(m)
				if got := m.load("k", "fresh", tagged); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
				close(held)
			})
		})
	}
}

// The queue has a bound. What does not fit is dropped and counted; an invalidation is owed.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		m := join(t, shared, Config{MaxEntries: 2 * maxQueued})
		held := make(chan struct{})
		m.mu.Lock()
		m.held = held
		m.mu.Unlock()
		m.texts.Delete("first") // is taken off, and held up
		synctest.Wait()
		for i := range maxQueued + 10 {
			set(t, m.texts, strconv.Itoa(i), "v")
		}
		s := m.redis()
		if s.Queued != maxQueued || s.Dropped != 10 || s.Owed != 1 {
			t.Errorf("%d queued, %d dropped, %d owed", s.Queued, s.Dropped, s.Owed)
		}
		m.mu.Lock()
		m.held = nil
		m.mu.Unlock()
		close(held)
		synctest.Wait()
		if s := m.redis(); s.Unsent != 0 || s.Owed != 0 || m.group.tier.bytes != 0 {
			t.Errorf("after all: %+v, %d bytes", s, m.group.tier.bytes)
		}
	})
}

// faulty is a codec that does what a value says.
type faulty struct{ JSON[string] }

func (faulty) Encode(v string) ([]byte, error) {
	switch v {
	case "refuse":
		return nil, errors.New("refused")
	case "panic":
		panic("in the codec")
	}
	return []byte(v), nil
}

func (faulty) Decode(data []byte) (string, error) {
	if string(data) == "bad" {
		panic("in the codec")
	}
	return string(data), nil
}

func TestFaultyCodec(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		m := join(t, shared, Config{})
		c := named(t, m.group, "faulty", Options[string]{Codec: faulty{}})
		for _, v := range []string{"refuse", "panic"} {
			set(t, c, "k", "good")
			synctest.Wait()
			if shared.values["faulty/k"].value == nil {
				t.Fatal("nothing stored")
			}
			set(t, c, "k", v)
			synctest.Wait()
			if shared.values["faulty/k"].value != nil {
				t.Errorf("%s: the old value is still in the second tier", v)
			}
			if got, _ := c.Get("k"); got != v {
				t.Errorf("memory has %q", got)
			}
		}
		set(t, c, "k", "bad")
		synctest.Wait()
		c.store.remove("k", false)
		got, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) { return "loaded", nil })
		if err != nil || got != "loaded" || m.redis().Malformed != 1 {
			t.Errorf("got %q, %v, %d malformed", got, err, m.redis().Malformed)
		}
	})
}

func TestValuesOfAnotherFormatAreMisses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		a := join(t, shared, Config{})
		b := join(t, shared, Config{})
		next := named(t, b.group, "next", Options[string]{Codec: JSON[string]{Version: "2"}})
		last := named(t, a.group, "next", Options[string]{Codec: JSON[string]{Version: "1"}})
		set(t, last, "k", "of version 1")
		synctest.Wait()
		got, err := next.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) { return "of version 2", nil })
		if err != nil || got != "of version 2" || b.redis().Malformed != 0 {
			t.Errorf("got %q, %v, %d malformed", got, err, b.redis().Malformed)
		}
		long := JSON[string]{Version: strings.Repeat("x", 64)}
		if _, err := Named(a.group, "long", Options[string]{Codec: long}); !errors.Is(err, ErrBadFormat) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMessagesOfStrangers(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	c := named(t, g, "texts", Options[string]{})
	set(t, c, "k", "v")
	for _, m := range []string{"", "k", "knoslash", "kother/k", "x", "nother", "p", "pno slash", "t", "pother/*"} {
		_ = g.hear([]byte(m)) // an error or none: it does nothing
	}
	if !c.Exists("k") {
		t.Error("a message about something else removed a value")
	}
	for _, m := range []string{"", "k", "x", "p"} {
		if err := g.hear([]byte(m)); err == nil {
			t.Errorf("%q is no message", m)
		}
	}
}

// A mark forgets no invalidation of its key, however many others there are.
func TestMarksKnowTheirKey(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[string]{})
	mark := c.Mark()
	for i := range recentRemovals {
		c.Delete("other" + strconv.Itoa(i))
	}
	if err := c.Set("mine", "v", EntryOptions{Since: mark}); err != nil {
		t.Errorf("other keys count: %v", err)
	}
	c.Delete("one too many")
	if err := c.Set("mine", "v", EntryOptions{Since: mark}); !errors.Is(err, ErrSuperseded) {
		t.Errorf("what is not remembered does not count: %v", err)
	}
	mark = c.Mark()
	c.Delete("mine")
	if err := c.Set("mine", "v", EntryOptions{Since: mark}); !errors.Is(err, ErrSuperseded) {
		t.Errorf("got %v", err)
	}
	mark = c.Mark()
	c.ClearPattern("nothing*")
	if err := c.Set("mine", "v", EntryOptions{Since: mark}); !errors.Is(err, ErrSuperseded) {
		t.Errorf("got %v", err)
	}
}

func TestCollectTheSecondTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := join(t, newSharedMemory(), Config{})
		m.load("k", "v", EntryOptions{})
		m.texts.store.remove("k", false)
		m.load("k", "v", EntryOptions{})
		want := `
			# HELP upshift_cache_remote_hits_total Lookups in the second tier that found a value.
			# TYPE upshift_cache_remote_hits_total counter
			upshift_cache_remote_hits_total 1
			# HELP upshift_cache_remote_misses_total Lookups in the second tier that found none.
			# TYPE upshift_cache_remote_misses_total counter
			upshift_cache_remote_misses_total 1
			# HELP upshift_cache_remote_connected Whether the second tier answers and is heard: 1 or 0.
			# TYPE upshift_cache_remote_connected gauge
			upshift_cache_remote_connected 1
		`
		if err := testutil.CollectAndCompare(m.group, strings.NewReader(want), "upshift_cache_remote_hits_total",
			"upshift_cache_remote_misses_total", "upshift_cache_remote_connected"); err != nil {
			t.Error(err)
		}
	})
}

package cache

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
)

// What was read of the second tier and is invalidated, or written, before it arrives is not kept.
func TestChangesWhileTheSecondTierIsAsked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(m *member)
		want string // what memory has in the end
	}{
		{"delete", func(m *member) { m.texts.Delete("k") }, ""},
		{"tag", func(m *member) { m.group.ClearTag(context.Background(), "t") }, ""},
		{"clear", func(m *member) { m.texts.Clear() }, ""},
		{"pattern", func(m *member) { m.texts.ClearPattern("k*") }, ""},
		{"set", func(m *member) { set(m, m.texts, "k", "new") }, "new"},
		{"set and eviction", func(m *member) {
			set(m, m.texts, "k", "new")
			m.texts.store.shrink(0, 0, causeBytes)
		}, ""},
		{"message", func(m *member) { m.feed.Deliver(keyMessage("texts", "k")) }, ""},
		{"the feed comes back", func(m *member) { m.feed.Lost(errDown); m.feed.Live() }, ""},
		{"another key", func(m *member) { m.texts.Delete("other") }, "old"},
	}
	ways := []struct {
		name string
		get  func(m *member) string
	}{
		{"load", func(m *member) string {
			got, err := m.texts.GetOrLoad(context.Background(), "k", func(context.Context) (string, error) { return "loaded", nil })
			if err != nil {
				m.Error(err)
			}
			return got
		}},
		{"lookup", func(m *member) string {
			got, _, _ := m.texts.Lookup(context.Background(), "k")
			return got
		}},
	}
	for _, way := range ways {
		for _, test := range tests {
			t.Run(way.name+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					shared := newSharedMemory()
					a, b := join(t, shared, Config{}), join(t, shared, Config{})
					a.load("k", "old", EntryOptions{Tags: []string{"t"}})
					b.mu.Lock()
					b.during = func() { test.do(b) }
					b.mu.Unlock()
					if got := way.get(b); got != "old" {
						t.Errorf("got %q", got)
					}
					if got, _ := b.texts.Get("k"); got != test.want {
						t.Errorf("memory has %q, want %q", got, test.want)
					}
					checkStore(t, b.texts.store)
				})
			})
		}
	}
}

// Of two processes that load at once, each for itself, the second follows the first.
func TestARefusedStoreLeavesMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		everywhere := Config{Caches: map[string]NamedConfig{"texts": {LoadEverywhere: true}}}
		a, b := join(t, shared, everywhere), join(t, shared, everywhere)
		_, err := a.texts.GetOrLoad(t.Context(), "k", func(context.Context) (string, error) {
			b.load("k", "b", EntryOptions{})
			return "a", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := a.redis().Refused; n != 1 {
			t.Errorf("%d refused", n)
		}
		if got, ok := a.texts.Get("k"); ok {
			t.Errorf("memory of a keeps %q", got)
		}
		if got := a.load("k", "again", EntryOptions{}); got != "b" {
			t.Errorf("a got %q", got)
		}
	})
}

// Long after a lookup that found nothing, the mark of a removed value may be gone: then nothing
// is stored.
func TestOldSnapshotsStoreNothing(t *testing.T) {
	t.Parallel()
	snap := &snapshot{key: "k", at: 1, generations: []string{"a", "b"}}
	for _, test := range []struct {
		name    string
		version string
		now     int64
		key     string
		tags    []string
		want    bool
	}{
		{"young", "", 2, "k", nil, true},
		{"old", "", 2 + int64(MaxLookupAge), "k", nil, false},
		{"old, by a version", "v", 2 + int64(MaxLookupAge), "k", nil, true},
		{"another key", "", 2, "other", nil, false},
		{"another tag", "", 2, "k", []string{"t"}, false},
	} {
		snap.version = test.version
		if got := snap.usable(test.key, test.tags, test.now); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	snap.generations[1] = ""
	if snap.usable("k", nil, 2) || (*snapshot)(nil).usable("k", nil, 2) {
		t.Error("usable without a generation")
	}
}

// What was there to be read when a clear began is gone when it ends, also where the value had only
// just been set.
func TestAClearComesAfterWhatWasReadBefore(t *testing.T) {
	t.Parallel()
	shared := newSharedMemory()
	m := &member{T: t, memoryRemote: shared.connect()}
	g, err := NewShared(Config{}, m.memoryRemote)
	if err != nil {
		t.Fatal(err)
	}
	m.group, m.texts = g, named(t, g, "texts", Options[string]{Codec: JSON[string]{}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	<-m.running
	for i := range 2000 {
		value := strconv.Itoa(i)
		together(2, func(n int) {
			if n == 0 {
				set(t, m.texts, "k", value)
				return
			}
			for {
				if got, _ := m.texts.Get("k"); got == value {
					break
				}
				runtime.Gosched()
			}
			m.texts.Clear()
		})
		for m.redis().Unsent > 0 {
			runtime.Gosched()
		}
		if got, _, _ := m.texts.Lookup(t.Context(), "k"); got == value {
			t.Errorf("%d: it is back", i)
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

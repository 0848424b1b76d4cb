package cache

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

func TestClearTag(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	a, b := named(t, g, "a", Options[int]{}), named(t, g, "b", Options[string]{})
	set(t, a, "1", 1, "doc-1", "doc-2")
	set(t, a, "2", 2, "doc-2")
	set(t, a, "3", 3)
	set(t, b, "4", "4", "doc-2", "doc-3")
	if n := g.Stats().Tags; n != 3 {
		t.Errorf("%d tags", n)
	}
	if n := g.ClearTag(t.Context(), "doc-9"); n != 0 {
		t.Errorf("an unknown tag had %d entries", n)
	}
	if n := g.ClearTag(t.Context(), "doc-2"); n != 3 {
		t.Errorf("%d entries cleared, want 3", n)
	}
	if n := g.ClearTag(t.Context(), "doc-2"); n != 0 {
		t.Errorf("%d entries cleared again", n)
	}
	for _, key := range []string{"1", "2"} {
		if _, ok := a.Get(key); ok || a.Exists(key) {
			t.Errorf("%s is still served", key)
		}
		if _, ok := a.Inspect(key); ok {
			t.Errorf("%s is still shown", key)
		}
	}
	if _, ok := b.Get("4"); ok {
		t.Error("4 is still served")
	}
	if _, ok := a.Get("3"); !ok {
		t.Error("3 has no tag and is gone")
	}
	s := g.Stats()
	if s.Invalidations != 3 || s.Entries != 1 || s.Tags != 0 {
		t.Errorf("%d invalidated, %d entries, %d tags", s.Invalidations, s.Entries, s.Tags)
	}
	// The name can be used again.
	set(t, a, "1", 1, "doc-2")
	if _, ok := a.Get("1"); !ok {
		t.Error("a new entry under a cleared tag is not served")
	}
}

// Tags are remembered exactly as long as an entry has them, whatever happens to the entries, and
// clearing one invalidates what a list of keys per tag would have.
func TestTagsAgreeWithLists(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	c := named(t, g, "test", Options[int]{})
	r := rand.New(rand.NewPCG(3, 4))
	want := map[string][]string{} // tags by live key
	for i := range 20_000 {
		key, tag := strconv.Itoa(r.IntN(50)), fmt.Sprint("t", r.IntN(20))
		switch r.IntN(12) {
		case 0:
			c.Delete(key)
			delete(want, key)
		case 1:
			n := 0
			for k, tags := range want {
				if slices.Contains(tags, tag) {
					delete(want, k)
					n++
				}
			}
			if got := g.ClearTag(t.Context(), tag); got < n {
				t.Fatalf("step %d: %d entries under %s, want at least %d", i, got, tag, n)
			}
		case 2, 3, 4:
			tags := []string{}
			for range r.IntN(4) {
				tags = append(tags, fmt.Sprint("t", r.IntN(20)))
			}
			set(t, c, key, i, tags...)
			want[key] = tags
		default:
			_, had := want[key]
			if _, ok := c.Get(key); ok != had {
				t.Fatalf("step %d: %s is served: %v, want %v", i, key, ok, had)
			}
		}
	}
	g.Cleanup()
	names := map[string]bool{}
	for _, tags := range want {
		for _, tag := range tags {
			names[tag] = true
		}
	}
	if n := g.Stats().Tags; n != len(names) || n == 0 {
		t.Errorf("%d tags remembered, entries have %d", n, len(names))
	}
	for tag := range names {
		n := 0
		for _, tags := range want {
			if slices.Contains(tags, tag) {
				n++
			}
		}
		if got := c.store.tags.byName[tag].entries; got != n {
			t.Errorf("%s counts %d entries, has %d", tag, got, n)
		}
	}
	c.Clear()
	if n := g.Stats().Tags; n != 0 {
		t.Errorf("%d tags without entries", n)
	}
}

func TestCallersTagsAreNotChanged(t *testing.T) {
	t.Parallel()
	tags := []string{"b", "a", "b"}
	set(t, newCache(t, Config{}, Options[int]{}), "k", 1, tags...)
	if !slices.Equal(tags, []string{"b", "a", "b"}) {
		t.Errorf("now %v", tags)
	}
}

// Clearing a tag takes no step per entry: it does not touch what is stored.
func TestClearTagIsOneStep(t *testing.T) {
	g := newGroup(t, Config{MaxEntries: 10_000})
	c := named(t, g, "test", Options[int]{})
	for i := range 10_000 {
		set(t, c, strconv.Itoa(i), i, "all")
	}
	if allocs := testing.AllocsPerRun(100, func() { g.ClearTag(t.Context(), "all") }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if n := c.Stats().Entries; n != 10_000 {
		t.Errorf("%d entries were left: the others were walked", n)
	}
	if c.Exists("1") {
		t.Error("still served")
	}
}

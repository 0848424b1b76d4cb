package cache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// Whatever removes or writes the key during the load wins: those who wait get the value, nobody
// else does, and who comes later loads anew.
func TestInvalidationDuringLoadWins(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		act    func(g *Group, c *Cache[string])
		stored string // what is stored afterwards
	}{
		{"delete", func(_ *Group, c *Cache[string]) { c.Delete("k") }, ""},
		{"clear", func(_ *Group, c *Cache[string]) { c.Clear() }, ""},
		{"clear all", func(g *Group, _ *Cache[string]) { g.ClearAll(t.Context()) }, ""},
		{"pattern", func(g *Group, _ *Cache[string]) { g.ClearPattern(t.Context(), "?") }, ""},
		{"tag", func(g *Group, _ *Cache[string]) { g.ClearTag(t.Context(), "two") }, ""},
		{"set", func(_ *Group, c *Cache[string]) { c.Set("k", "written", EntryOptions{}) }, "written"},
		{"other key", func(_ *Group, c *Cache[string]) { c.Delete("other") }, "old"},
		{"other pattern", func(g *Group, _ *Cache[string]) { g.ClearPattern(t.Context(), "??") }, "old"},
		{"other tag", func(g *Group, _ *Cache[string]) { g.ClearTag(t.Context(), "three") }, "old"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, c := newBubble(t)
				gate := newGate()
				waiter := make(chan asked, 1)
				go func() {
					v, err := c.GetOrLoadWith(t.Context(), "k", EntryOptions{Tags: []string{"one", "two"}}, gate.load)
					waiter <- asked{v, err}
				}()
				synctest.Wait()
				tt.act(g, c)

				later := newGate()
				second := ask(t.Context(), c, "k", later.load)
				gate.open <- asked{value: "old"}
				if got := <-waiter; got != (asked{"old", nil}) {
					t.Errorf("who waited got %+v", got)
				}
				synctest.Wait()
				if v, _ := c.Get("k"); v != tt.stored {
					t.Errorf("stored %q, want %q", v, tt.stored)
				}
				want, superseded := tt.stored, uint64(1)
				switch tt.stored {
				case "":
					later.open <- asked{value: "new"}
					want = "new"
				case "old":
					superseded = 0
				}
				if got := <-second; got != (asked{want, nil}) {
					t.Errorf("who came later got %+v, want %q", got, want)
				}
				if v, _ := c.Get("k"); v != want {
					t.Errorf("in the end stored %q, want %q", v, want)
				}
				if s := c.Stats(); s.LoadsSuperseded != superseded {
					t.Errorf("%d superseded", s.LoadsSuperseded)
				}
			})
		})
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		tags []string
		act  func(g *Group, c *Cache[string])
		want error
	}{
		{"nothing", []string{"t"}, func(*Group, *Cache[string]) {}, nil},
		{"delete", nil, func(_ *Group, c *Cache[string]) { c.Delete("k") }, ErrSuperseded},
		{"clear", nil, func(_ *Group, c *Cache[string]) { c.Clear() }, ErrSuperseded},
		{"pattern", nil, func(g *Group, _ *Cache[string]) { g.ClearPattern(context.Background(), "*") }, ErrSuperseded},
		{"tag", []string{"t"}, func(g *Group, _ *Cache[string]) { g.ClearTag(context.Background(), "t") }, ErrSuperseded},
		{"tag without tags", nil, func(g *Group, _ *Cache[string]) { g.ClearTag(context.Background(), "t") }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, Config{})
			c := named(t, g, "test", Options[string]{})
			mark := c.Mark()
			tt.act(g, c)
			err := c.Set("k", "v", EntryOptions{Since: mark, Tags: tt.tags})
			if !errors.Is(err, tt.want) || c.Exists("k") != (tt.want == nil) {
				t.Errorf("got %v, want %v; stored %v", err, tt.want, c.Exists("k"))
			}
		})
	}
}

// A tag cleared during a load counts also when nobody comes later.
func TestTagClearedDuringLoadWithoutOthers(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	c := named(t, g, "test", Options[string]{})
	v, err := c.GetOrLoadWith(t.Context(), "k", EntryOptions{Tags: []string{"t"}}, func(ctx context.Context) (string, error) {
		g.ClearTag(ctx, "t")
		return "old", nil
	})
	if v != "old" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	if s := c.Stats(); s.Entries != 0 || s.LoadsSuperseded != 1 || g.Stats().Tags != 0 {
		t.Errorf("%d entries, %d superseded, %d tags", s.Entries, s.LoadsSuperseded, g.Stats().Tags)
	}
}

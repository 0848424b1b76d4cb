package cache

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, Config{})
		c := named(t, g, "test", Options[int]{Limits: Limits{StaleIfError: time.Hour}})
		set(t, c, "tagged", 1, "tag")
		for i, ttl := range []time.Duration{time.Minute, time.Hour, 0} {
			if err := c.Set(strconv.Itoa(i), i, EntryOptions{TTL: ttl}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute) // the first is stale
		g.ClearTag(t.Context(), "tag")
		if got := maps.Collect(c.All()); !maps.Equal(got, map[string]int{"1": 1, "2": 2}) {
			t.Errorf("got %v", got)
		}
		for range c.All() {
			break
		}
		for key := range c.All() { // may change what it walks over
			c.Delete(key)
		}
		if s := c.Stats(); s.Requests != 0 || c.Exists("1") || c.Exists("2") {
			t.Errorf("%d requests counted", s.Requests)
		}
	})
}

func TestHottest(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxEntries: 5000}, Options[int]{})
	for i := range 4000 {
		set(t, c, fmt.Sprintf("%04d", i), i)
	}
	for i := range 5 {
		for range 5 - i {
			c.Get(fmt.Sprintf("%04d", 3000+i))
		}
	}
	keys := func(infos []EntryInfo) (out []string) {
		for _, info := range infos {
			out = append(out, info.Key)
		}
		return out
	}
	if got := keys(c.Hottest(7)); !slices.Equal(got, []string{"3000", "3001", "3002", "3003", "3004", "0000", "0001"}) {
		t.Errorf("got %v", got)
	}
	if a, b, all := len(c.Hottest(0)), len(c.Hottest(-1)), len(c.Hottest(1<<20)); a != 0 || b != 0 || all != 4000 {
		t.Errorf("%d, %d and %d", a, b, all)
	}
}

// The entries of a cache can be walked over, for example to warm another one.
func ExampleCache_All() {
	group, err := New(Config{})
	if err != nil {
		panic(err)
	}
	squares, err := Named(group, "squares", Options[int]{})
	if err != nil {
		panic(err)
	}
	for i := range 3 {
		if err := squares.Set(strconv.Itoa(i), i*i, EntryOptions{}); err != nil {
			panic(err)
		}
	}
	sum := 0
	for _, square := range squares.All() {
		sum += square
	}
	fmt.Println(sum)
	// Output: 5
}

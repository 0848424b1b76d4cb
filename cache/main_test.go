package cache

import (
	"sync"
	"testing"
	"unsafe"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newGroup(tb testing.TB, cfg Config) *Group {
	tb.Helper()
	g, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func named[V any](tb testing.TB, g *Group, name string, opts Options[V]) *Cache[V] {
	tb.Helper()
	c, err := Named(g, name, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// newCache is a cache with a group of its own.
func newCache[V any](tb testing.TB, cfg Config, opts Options[V]) *Cache[V] {
	tb.Helper()
	return named(tb, newGroup(tb, cfg), "test", opts)
}

func set[V any](tb testing.TB, c *Cache[V], key string, value V, tags ...string) {
	tb.Helper()
	if err := c.Set(key, value, EntryOptions{Tags: tags}); err != nil {
		tb.Fatalf("set %q: %v", key, err)
	}
}

// checkStore compares what a store says it holds with what it holds.
func checkStore(tb testing.TB, s *store) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, bytes := 0, int64(0)
	walk := func(q *queue) (sum size) {
		for n := q.head; n != nil; n = n.next {
			sum.add(n)
			if held := s.entry(n.entry.key()); held != n.entry {
				tb.Errorf("%q is in a queue and not in the table", n.entry.key())
			}
		}
		entries, bytes = entries+sum.entries, bytes+sum.bytes
		return sum
	}
	if got := walk(&s.order.small); got != s.order.smallSize {
		tb.Errorf("the small queue says %v, holds %v", s.order.smallSize, got)
	}
	main := size{}
	for i := range s.order.main {
		got := walk(&s.order.main[i])
		main.entries, main.bytes = main.entries+got.entries, main.bytes+got.bytes
		if occupied := s.order.occupied[i/64]>>(i%64)&1 == 1; occupied != (got.entries > 0) {
			tb.Errorf("class %d holds %d entries, occupied: %v", i, got.entries, occupied)
		}
	}
	if main != s.order.mainSize {
		tb.Errorf("the main queue says %v, holds %v", s.order.mainSize, main)
	}
	negative := int64(0)
	for at := s.absences.order.Front(); at != nil; at = at.Next() {
		negative += at.Value.(*absence).bytes
	}
	if n := s.absences.order.Len(); n != s.absences.len() || n > s.limits.negativeEntries ||
		negative != s.absences.bytes || negative > s.limits.negativeBytes {
		tb.Errorf("%d absences of %d bytes, said to be %d of %d, at most %d of %d", n, negative,
			s.absences.len(), s.absences.bytes, s.limits.negativeEntries, s.limits.negativeBytes)
	}
	if got := s.table.held; got != entries {
		tb.Errorf("table holds %d entries, queues %d", got, entries)
	}
	if entries > s.limits.maxEntries || bytes > s.limits.maxBytes {
		tb.Errorf("%d entries of %d bytes, above %d and %d", entries, bytes, s.limits.maxEntries, s.limits.maxBytes)
	}
}

// together runs f n times at once and waits for all.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func unsafeData(s string) *byte { return unsafe.StringData(s) }

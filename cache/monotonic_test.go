package cache

import (
	"testing"
	"testing/synctest"
)

// A lookup that returns a newer value than memory has, and may not keep it as something was
// invalidated meanwhile, leaves no older one for the next read.
func TestWhoSawANewerValueSeesNoOlderOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		a, b := join(t, shared, Config{}), join(t, shared, Config{})
		set(t, a.texts, "k", "old")
		synctest.Wait()
		if got, _, ok := b.texts.Lookup(t.Context(), "k"); !ok || got != "old" {
			t.Fatalf("b found %q", got)
		}
		shared.mu.Lock()
		feed := b.feed
		b.feed = nil // the message of the next write is still on its way
		shared.mu.Unlock()
		set(t, a.texts, "k", "new")
		synctest.Wait()
		shared.mu.Lock()
		b.feed = feed
		b.during = func() { b.texts.ClearPattern("others/*") }
		shared.mu.Unlock()
		if got, _, ok := b.texts.Lookup(t.Context(), "k"); !ok || got != "new" {
			t.Fatalf("b found %q, %v", got, ok)
		}
		if got, ok := b.texts.Get("k"); ok && got != "new" {
			t.Errorf("after the new value b read %q", got)
		}
	})
}

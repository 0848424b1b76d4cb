package cache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// ask is GetOrLoadResult, once all that it began has ended.
func (m *member) ask(load func(context.Context) (string, error)) Result[string] {
	m.Helper()
	return result(m.T, m.texts, load)
}

func joinStale(t *testing.T, shared *sharedMemory, n NamedConfig) *member {
	t.Helper()
	return join(t, shared, Config{Caches: map[string]NamedConfig{"texts": n}})
}

// A stale value of the second tier is served, with its age, and loaded anew once.
func TestStaleValueOfTheSecondTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared, limits := newSharedMemory(), NamedConfig(staleLimits)
		a := joinStale(t, shared, limits)
		var l loads
		a.ask(l.load)
		time.Sleep(90 * time.Second)
		b := joinStale(t, shared, limits)
		if got := b.ask(l.load); got != (Result[string]{Value: "v1", Stale: true, Age: 90 * time.Second}) {
			t.Errorf("b got %+v", got)
		}
		if got := b.ask(l.load); got != (Result[string]{Value: "v2"}) || l.calls.Load() != 2 {
			t.Errorf("then %+v after %d loads", got, l.calls.Load())
		}
		if s := b.texts.Stats(); s.Refreshes != 1 || s.Loads != 1 {
			t.Errorf("%d refreshes of %d loads", s.Refreshes, s.Loads)
		}
		// a has been told, and finds the value of b.
		if got := a.ask(l.load); got != (Result[string]{Value: "v2"}) || l.calls.Load() != 2 {
			t.Errorf("a got %+v after %d loads", got, l.calls.Load())
		}
	})
}

// Of two processes that hold the same value, the second finds what the first has loaded anew.
func TestRefreshTakesThatOfAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared, limits := newSharedMemory(), NamedConfig{TTL: 100 * time.Second, RefreshAheadRatio: 0.5}
		a, b := joinStale(t, shared, limits), joinStale(t, shared, limits)
		var l loads
		a.ask(l.load)
		b.ask(l.load)
		if l.calls.Load() != 1 {
			t.Fatalf("%d loads", l.calls.Load())
		}
		// b hears nothing of the refresh, as if the message had been slow.
		b.mu.Lock()
		feed := b.feed
		b.feed = nil
		b.mu.Unlock()
		time.Sleep(80 * time.Second)
		a.ask(l.load)
		if l.calls.Load() != 2 {
			t.Fatalf("a: %d loads; its own old value does for a refresh", l.calls.Load())
		}
		b.ask(l.load)
		b.mu.Lock()
		b.feed = feed
		b.mu.Unlock()
		if got, _ := b.texts.Get("k"); got != "v2" || l.calls.Load() != 2 {
			t.Errorf("b has %q after %d loads", got, l.calls.Load())
		}
		if s := b.texts.Stats(); s.Refreshes != 0 || s.Loads != 0 {
			t.Errorf("%d refreshes of %d loads: what another loaded is none", s.Refreshes, s.Loads)
		}
	})
}

// What may only be served when a load fails is fetched for that.
func TestStaleIfErrorOfTheSecondTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared, limits := newSharedMemory(), NamedConfig{TTL: time.Minute, StaleIfError: time.Hour}
		a := joinStale(t, shared, limits)
		var l loads
		a.ask(l.load)
		time.Sleep(10 * time.Minute)
		b, fault := joinStale(t, shared, limits), errors.New("fault")
		got := b.ask(func(context.Context) (string, error) { return "", fault })
		if got.Value != "v1" || got.Age != 10*time.Minute || !errors.Is(got.Err, fault) {
			t.Errorf("got %+v", got)
		}
		if _, mark, ok := b.texts.Lookup(t.Context(), "k"); ok || !mark.taken {
			t.Error("Lookup takes a stale value")
		}
		time.Sleep(2 * RetryAfter)
		if got := b.ask(l.load); got != (Result[string]{Value: "v2"}) {
			t.Errorf("then %+v", got)
		}
	})
}

// While messages may be missing, a stale value is not served longer than any other.
func TestSuspectStaleValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := joinStale(t, newSharedMemory(), NamedConfig{TTL: time.Minute, StaleWhileRevalidate: time.Hour, NegativeTTL: time.Hour})
		calls := 0
		none := func(ctx context.Context) (string, error) { calls++; return absent(ctx) }
		for _, key := range []string{"none before", "none"} {
			if _, err := m.texts.GetOrLoad(t.Context(), key, none); !errors.Is(err, ErrAbsent) {
				t.Error(err)
			}
		}
		m.load("k", "before", EntryOptions{})
		time.Sleep(2 * time.Minute)
		m.setDown(true)
		if err := m.texts.Set("short", "during", EntryOptions{TTL: time.Second}); err != nil {
			t.Fatal(err)
		}
		m.texts.Delete("none")
		_, _ = m.texts.GetOrLoad(t.Context(), "none", none)
		time.Sleep(SuspectTTL - time.Second)
		if _, _ = m.texts.GetOrLoad(t.Context(), "none before", none); calls != 3 {
			t.Errorf("%d loads of keys without a value, want 3", calls)
		}
		for _, key := range []string{"k", "short"} {
			if m.texts.store.held(key) == nil {
				t.Errorf("%s is gone before its time", key)
			}
		}
		time.Sleep(2 * time.Second)
		for _, key := range []string{"k", "short"} {
			if m.texts.store.held(key) != nil {
				t.Errorf("%s is kept longer than anything may be", key)
			}
		}
		for _, key := range []string{"none before", "none"} {
			_, _ = m.texts.GetOrLoad(t.Context(), key, none)
		}
		if calls != 5 {
			t.Errorf("%d loads of keys without a value, want 5", calls)
		}
		m.setDown(false)
		synctest.Wait()
	})
}

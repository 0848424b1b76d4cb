package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shelf is a source of several values at a time: each is the key and how often it was asked for.
type shelf struct {
	took   time.Duration
	absent string

	mu    sync.Mutex // guards the fields below
	calls []string
	times map[string]int
}

func (s *shelf) load(ctx context.Context, keys []string) (map[string]string, error) {
	out := map[string]string{"extra": "ignored"}
	s.mu.Lock()
	s.calls = append(s.calls, strings.Join(keys, " "))
	for _, key := range keys {
		if s.times == nil {
			s.times = map[string]int{}
		}
		if s.times[key]++; key != s.absent {
			out[key] = key + strconv.Itoa(s.times[key])
		}
	}
	s.mu.Unlock()
	select {
	case <-time.After(s.took):
		return out, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// asked are the calls so far, in the order of their keys.
func (s *shelf) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.calls))
}

// many is GetOrLoadMany, once all that it began has ended.
func many(t *testing.T, c *Cache[string], s *shelf, keys ...string) map[string]string {
	t.Helper()
	got, err := c.GetOrLoadMany(t.Context(), keys, EntryOptions{}, s.load)
	if err != nil {
		t.Error(err)
	}
	synctest.Wait()
	return got
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

func TestGetOrLoadMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{NegativeTTL: time.Minute})
		set(t, c, "b", "held")
		s := &shelf{absent: "c"}
		want := map[string]string{"a": "a1", "b": "held", "d": "d1"}
		same(t, "values", many(t, c, s, "d", "a", "b", "c", "a"), want)
		same(t, "values again", many(t, c, s, "d", "a", "b", "c"), want)
		same(t, "calls", s.asked(), []string{"a c d"})
		same(t, "nothing", many(t, c, s), map[string]string{})
		if st := c.Stats(); st.Loads != 3 || st.LoadsAbsent != 1 || st.NegativeHits != 1 || st.Entries != 3 || st.LoadErrors != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// A key is loaded once, whoever asks for it, and calls that want each other's keys do not wait in a
// circle.
func TestManyShareTheirLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{})
		s := &shelf{took: time.Second}
		single := ask(t.Context(), c, "a", func(context.Context) (string, error) {
			time.Sleep(time.Second)
			return "single", nil
		})
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				keys := []string{"a", "b", "c"}
				if i%2 == 1 {
					keys = []string{"d", "c", "b"}
				}
				got, err := c.GetOrLoadMany(t.Context(), keys, EntryOptions{}, s.load)
				if err != nil || len(got) != 3 {
					t.Errorf("got %v, %v", got, err)
				}
			})
		}
		all.Wait()
		<-single
		if v, _ := c.Get("a"); v != "single" {
			t.Errorf("a is %q", v)
		}
		asked := strings.Fields(strings.Join(s.asked(), " "))
		slices.Sort(asked)
		same(t, "keys loaded", asked, []string{"b", "c", "d"})
	})
}

func TestManyFail(t *testing.T) {
	t.Parallel()
	fault := errors.New("fault")
	tests := []struct {
		name string
		load func(context.Context, []string) (map[string]string, error)
		want error
	}{
		{"error", func(context.Context, []string) (map[string]string, error) { return nil, fault }, fault},
		{"panic", func(context.Context, []string) (map[string]string, error) { panic(fault) }, fault},
		{"exit", func(context.Context, []string) (map[string]string, error) { runtime.Goexit(); return nil, nil }, ErrLoaderExited},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, c := newStale(t, Limits{TTL: time.Minute, StaleIfError: time.Hour})
				set(t, c, "old", "old")
				time.Sleep(2 * time.Minute)
				set(t, c, "held", "held")
				got, err := c.GetOrLoadMany(t.Context(), []string{"held", "new", "old"}, EntryOptions{}, test.load)
				if !errors.Is(err, test.want) {
					t.Errorf("got %v", err)
				}
				same(t, "values", got, map[string]string{"held": "held", "old": "old"})
			})
		})
	}
}

// The call goes on while anybody waits for one of its keys, and not longer.
func TestManyWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{})
		s := &shelf{took: time.Minute}
		begin := func() (cancel func(), done chan error) {
			ctx, cancel := context.WithCancel(t.Context())
			done = make(chan error, 1)
			go func() {
				_, err := c.GetOrLoadMany(ctx, []string{"a", "b"}, EntryOptions{}, s.load)
				done <- err
			}()
			synctest.Wait()
			return cancel, done
		}
		cancel, done := begin()
		follower := ask(t.Context(), c, "b", loadsAlone)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the first got %v", err)
		}
		if got := <-follower; got != (asked{"b1", nil}) {
			t.Errorf("the follower got %+v", got)
		}
		if c.Exists("a") {
			t.Error("a is kept: nobody waited for it any more")
		}
		c.Clear()
		cancel, done = begin()
		began := time.Now()
		cancel()
		<-done
		synctest.Wait()
		if n := c.Stats().LoadsActive; n != 0 || time.Since(began) != 0 {
			t.Errorf("%d loads run after %s", n, time.Since(began))
		}
	})
}

// loadsAlone is a loader that must not be called.
func loadsAlone(context.Context) (string, error) { return "", errors.New("loaded alone") }

// The time of a call is shared out among its keys: it is what a value of it takes to make.
func TestManyShareTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{})
		many(t, c, &shelf{took: 4 * time.Second}, "a", "b", "c", "d")
		if s := c.Stats(); s.MeanLoadSeconds != 1 || s.Loads != 4 {
			t.Errorf("%v s in the mean of %d loads", s.MeanLoadSeconds, s.Loads)
		}
	})
}

func TestManyRefreshTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, staleLimits)
		s := &shelf{}
		many(t, c, s, "a", "b")
		time.Sleep(90 * time.Second)
		same(t, "stale", many(t, c, s, "a", "b", "c"), map[string]string{"a": "a1", "b": "b1", "c": "c1"})
		same(t, "fresh", many(t, c, s, "a", "b", "c"), map[string]string{"a": "a2", "b": "b2", "c": "c1"})
		same(t, "calls", s.asked(), []string{"a b", "a b", "c"})
	})
}

func TestManyRefuse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newStale(t, Limits{})
		s := &shelf{}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		tooMany := make([]string, MaxManyKeys+1)
		tests := []struct {
			name string
			ctx  context.Context
			keys []string
			opts EntryOptions
			load func(context.Context, []string) (map[string]string, error)
			want error
		}{
			{"nil loader", t.Context(), []string{"a"}, EntryOptions{}, nil, ErrNilLoader},
			{"long key", t.Context(), []string{strings.Repeat("k", MaxKeyBytes+1)}, EntryOptions{}, s.load, ErrKeyTooLong},
			{"too many", t.Context(), tooMany, EntryOptions{}, s.load, ErrTooManyKeys},
			{"negative time", t.Context(), []string{"a"}, EntryOptions{TTL: -1}, s.load, ErrNegativeTTL},
			{"context over", over, []string{"a"}, EntryOptions{}, s.load, context.Canceled},
		}
		for _, test := range tests {
			if _, err := c.GetOrLoadMany(test.ctx, test.keys, test.opts, test.load); !errors.Is(err, test.want) {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		_, err := c.GetOrLoadMany(t.Context(), []string{"a", "b"}, EntryOptions{}, func(ctx context.Context, keys []string) (map[string]string, error) {
			_, err := c.GetOrLoad(ctx, keys[0], loadsAlone)
			return nil, fmt.Errorf("inner: %w", err)
		})
		if !errors.Is(err, ErrRecursiveLoad) {
			t.Errorf("recursive: %v", err)
		}
	})
}

// What the second tier has is not loaded, and a key that another process loads holds no other up,
// so that two processes cannot wait for each other.
func TestManyOverTheSecondTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		a, b := join(t, shared, Config{}), join(t, shared, Config{})
		s := &shelf{}
		same(t, "a", many(t, a.texts, s, "one", "two"), map[string]string{"one": "one1", "two": "two1"})
		same(t, "b", many(t, b.texts, s, "one", "three"), map[string]string{"one": "one1", "three": "three1"})
		slow := newGate()
		leader := ask(t.Context(), b.texts, "slow", slow.load)
		done := make(chan map[string]string)
		go func() { done <- many(t, a.texts, s, "quick", "slow") }()
		time.Sleep(100 * time.Millisecond)
		if v, _ := a.texts.Get("quick"); v != "quick1" {
			t.Errorf("a key waits for one that another process loads: %q", v)
		}
		slow.open <- asked{value: "of b"}
		<-leader
		same(t, "a and b", <-done, map[string]string{"quick": "quick1", "slow": "of b"})
		same(t, "calls", s.asked(), []string{"one two", "quick", "three"})
	})
}

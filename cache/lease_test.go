package cache

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowd are callers of several members that ask for one key at the same time.
type crowd struct {
	*testing.T
	members []*member
	loads   atomic.Int64
	began   time.Time

	mu   sync.Mutex // guards the fields below
	got  map[string]int
	errs []error
	wait sync.WaitGroup
}

func newCrowd(t *testing.T, cfg Config) *crowd {
	t.Helper()
	shared := newSharedMemory()
	c := &crowd{T: t, got: map[string]int{}}
	for range 3 {
		c.members = append(c.members, join(t, shared, cfg))
	}
	c.began = time.Now()
	return c
}

// ask has n callers of a member ask for the key, with a loader that takes 2 s.
func (c *crowd) ask(ctx context.Context, m *member, n int, opts EntryOptions, value string, err error) {
	for range n {
		c.wait.Go(func() {
			got, failed := m.texts.GetOrLoadWith(ctx, "k", opts, func(ctx context.Context) (string, error) {
				c.loads.Add(1)
				select {
				case <-time.After(2 * time.Second):
					return value, err
				case <-ctx.Done():
					return "", ctx.Err()
				}
			})
			c.mu.Lock()
			defer c.mu.Unlock()
			if failed != nil {
				c.errs = append(c.errs, failed)
				return
			}
			c.got[got]++
		})
	}
	synctest.Wait()
}

// end waits for all and checks how many loads there were, how long it took and what came of it.
func (c *crowd) end(loads int64, longest time.Duration, got map[string]int, errs int) {
	c.Helper()
	c.wait.Wait()
	if took := time.Since(c.began); took > longest {
		c.Errorf("took %v, want %v at most", took, longest)
	}
	if n := c.loads.Load(); n != loads {
		c.Errorf("%d loads, want %d", n, loads)
	}
	if len(c.errs) != errs {
		c.Errorf("errors: %v, want %d", c.errs, errs)
	}
	for value, n := range got {
		if c.got[value] != n {
			c.Errorf("got %v, want %v", c.got, got)
		}
	}
	synctest.Wait()
	for _, m := range c.members {
		l := m.group.tier.leases
		if len(l.held)+len(l.followers) > 0 {
			c.Errorf("%d leases and %d followers left", len(l.held), len(l.followers))
		}
	}
}

func everyone(c *crowd) {
	for i, m := range c.members {
		c.ask(context.Background(), m, 100, EntryOptions{}, string(rune('a'+i)), nil)
	}
}

func TestOneLoadAcrossProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Config{})
		everyone(c)
		c.end(1, 2*time.Second, map[string]int{"a": 300}, 0)
		led, followed := c.members[0].redis().LoadsLed, c.members[1].redis().LoadsFollowed
		if led != 1 || followed != 1 {
			t.Errorf("%d led, %d followed", led, followed)
		}
		for _, m := range c.members {
			if n := m.lookups; n > 3 {
				t.Errorf("%d lookups: it polls", n)
			}
			if !m.texts.Exists("k") {
				t.Error("not in memory")
			}
		}
	})
}

func TestEachProcessMayLoadForItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Config{Caches: map[string]NamedConfig{"texts": {LoadEverywhere: true}}})
		everyone(c)
		c.end(3, 2*time.Second, nil, 0)
	})
}

// A load longer than its lease is led to the end.
func TestALongLoadKeepsItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		a, b := join(t, shared, Config{}), join(t, shared, Config{})
		go func() {
			_, _ = a.texts.GetOrLoad(context.Background(), "k", func(context.Context) (string, error) {
				time.Sleep(time.Minute)
				return "a", nil
			})
		}()
		synctest.Wait()
		if got := b.load("k", "b", EntryOptions{}); got != "a" {
			t.Errorf("got %q", got)
		}
		if n := b.lookups; n > 40 {
			t.Errorf("%d lookups in a minute", n)
		}
	})
}

// A process that dies is replaced by exactly one other. When it was only away, what it loaded is
// not stored.
func TestADeadLeaderIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Config{})
		away := c.members[0]
		back := make(chan struct{})
		c.wait.Go(func() {
			_, err := away.texts.GetOrLoad(context.Background(), "k", func(context.Context) (string, error) {
				<-back
				return "late", nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		away.mu.Lock()
		away.deaf = true
		away.mu.Unlock()
		for _, m := range c.members[1:] {
			c.ask(context.Background(), m, 100, EntryOptions{}, "taken over", nil)
		}
		time.Sleep(LeaseTTL + 2*time.Second)
		close(back)
		c.end(1, LeaseTTL+2*time.Second, map[string]int{"taken over": 200}, 0)
		if got, ok := away.texts.Get("k"); ok {
			t.Errorf("memory of the one that was away keeps %q", got)
		}
		if n := away.redis().Refused; n != 1 {
			t.Errorf("%d refused", n)
		}
	})
}

func TestAnAbandonedLoadIsTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		c.ask(ctx, c.members[0], 10, EntryOptions{}, "never", nil)
		for _, m := range c.members[1:] {
			c.ask(context.Background(), m, 100, EntryOptions{}, "taken over", nil)
		}
		time.Sleep(time.Second)
		cancel()
		c.end(2, 3*time.Second, map[string]int{"taken over": 200}, 10)
	})
}

// Those who followed a load that failed do not wait for each other.
func TestAFailedLoadHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		value string
		err   error
		errs  int
	}{
		{"error", "", errors.New("broken"), 100},
		{"too large for the cache", strings.Repeat("x", 1<<20), nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, Config{MaxBytes: 1 << 19})
				c.ask(context.Background(), c.members[0], 100, EntryOptions{}, test.value, test.err)
				for _, m := range c.members[1:] {
					c.ask(context.Background(), m, 100, EntryOptions{}, "own", nil)
				}
				c.end(3, 4*time.Second, map[string]int{"own": 200}, test.errs)
			})
		})
	}
}

func TestAValueThatTheCodecRefusesHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		a, b := join(t, shared, Config{}), join(t, shared, Config{})
		one := named(t, a.group, "faulty", Options[string]{Codec: faulty{}})
		two := named(t, b.group, "faulty", Options[string]{Codec: faulty{}})
		began := time.Now()
		load := func(value string) func(context.Context) (string, error) {
			return func(context.Context) (string, error) {
				time.Sleep(time.Second)
				return value, nil
			}
		}
		first := ask(t.Context(), one, "k", load("refuse"))
		second := ask(t.Context(), two, "k", load("good"))
		if got := <-first; got != (asked{"refuse", nil}) {
			t.Errorf("got %+v", got)
		}
		if got := <-second; got != (asked{"good", nil}) || time.Since(began) > 2*time.Second {
			t.Errorf("got %+v after %v", got, time.Since(began))
		}
	})
}

// What is invalidated while another process loads it is loaded again for those who ask later, and
// what the first fetched is kept nowhere.
func TestInvalidationsEndALease(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(m *member)
	}{
		{"delete", func(m *member) { m.texts.Delete("k") }},
		{"clear", func(m *member) { m.texts.Clear() }},
		{"pattern", func(m *member) { m.group.ClearPattern(context.Background(), "k*") }},
		{"tag", func(m *member) { m.group.ClearTag(context.Background(), "t") }},
		{"all", func(m *member) { m.group.ClearAll(context.Background()) }},
	}
	for _, test := range tests {
		for by, who := range []string{"leader", "follower", "third"} {
			t.Run(test.name+" by the "+who, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newCrowd(t, Config{})
					opts := EntryOptions{Tags: []string{"t"}}
					c.ask(context.Background(), c.members[0], 10, opts, "old", nil)
					c.ask(context.Background(), c.members[1], 10, opts, "next", nil)
					time.Sleep(time.Second)
					test.do(c.members[by])
					synctest.Wait()
					for _, m := range c.members {
						c.ask(context.Background(), m, 10, opts, "new", nil)
					}
					c.wait.Wait()
					if c.got["old"] > 20 || c.got["new"]+c.got["next"] < 30 {
						t.Errorf("got %v", c.got)
					}
					c.end(c.loads.Load(), 4*time.Second, nil, 0)
					if n := c.loads.Load(); n > 3 {
						t.Errorf("%d loads", n)
					}
					for i, m := range c.members {
						if got := m.load("k", "none", opts); got == "old" || got == "none" {
							t.Errorf("member %d has %q", i, got)
						}
					}
				})
			})
		}
	}
}

// Who waits for another process does so no longer when it cannot be told.
func TestFollowersOfALostFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Config{})
		everyone(c)
		time.Sleep(time.Second)
		c.members[2].setDown(true)
		c.end(2, 3*time.Second, map[string]int{"a": 200, "c": 100}, 0)
	})
}

// A load right after an invalidation by the same process is shared, too.
func TestALoadAfterAnInvalidationIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Config{})
		c.members[0].texts.Delete("k") // it may not be sent yet
		everyone(c)
		c.end(1, 2*time.Second, nil, 0)
	})
}

func TestLeasesOutOfDate(t *testing.T) {
	t.Parallel()
	old := newLease("k", []string{"g", "n:a", "t:x"}, []string{"1", "2", "3"})
	for _, test := range []struct {
		name  string
		newer string
		want  bool
	}{
		{"itself", old, false},
		{"same", newLease("k", []string{"g", "n:a", "t:x"}, []string{"1", "2", "3"}), false},
		{"renewed", newLease("k", []string{"g", "n:a", "t:x"}, []string{"1", "9", "3"}), true},
		{"other tags", newLease("k", []string{"g", "n:a", "t:y"}, []string{"1", "2", "9"}), false},
	} {
		if got := outOfDate(old, test.newer); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func FuzzLeaseOfAStranger(f *testing.F) {
	mine := newLease("k", []string{"g", "n:a"}, []string{"1", "2"})
	for _, seed := range []string{"", "short", mine, mine[:len(mine)-1], mine[:16], strings.Repeat("x", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, lease string) {
		if outOfDate(lease, mine) && len(lease) < 16+2*leaseNameBytes {
			t.Errorf("%q is out of date", lease)
		}
	})
}

func FuzzMessage(f *testing.F) {
	g, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "k", "ktexts/k", "ls", "lftexts/k", "l", "ptexts/*", "a", "ttag", "ntexts"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		if err := g.hear(m); err == nil && len(m) == 0 {
			t.Error("nothing is a message")
		}
	})
}

// Who gets no answer at once, as on a busy machine, asks again before it loads what others load too.
func TestALoadIsPatient(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		unanswered int
		loads      int64
	}{
		{"answered the second time", 1, 1},
		{"not answered", 100, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, Config{})
				for _, m := range c.members {
					m.mu.Lock()
					m.unanswered = test.unanswered
					m.mu.Unlock()
				}
				everyone(c)
				c.end(test.loads, 2*time.Second, nil, 0)
				for _, m := range c.members {
					if n := m.redis().Errors; n > 2 {
						t.Errorf("it asked in vain %d times", n)
					}
				}
			})
		})
	}
}

package rediscache_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// everything calls each method and fails on any error: whatever the server does, callers do not see it.
func (p *process) everything(round int) {
	p.Helper()
	for i := range 20 {
		key := "out/" + strconv.Itoa(round) + "/" + strconv.Itoa(i)
		opts := cache.EntryOptions{Tags: []string{"corpus"}}
		if got := p.get(key, opts, answer{N: i}); got.N != i {
			p.Errorf("loaded %v", got)
		}
		p.set(key, answer{N: -i}, "corpus")
		if got := p.get(key, opts, answer{}); got.N != -i {
			p.Errorf("after a set: %v", got)
		}
		_, mark, _ := p.answers.Lookup(p.Context(), key+"/page")
		if err := p.answers.Set(key+"/page", answer{N: i}, cache.EntryOptions{Since: mark}); err != nil {
			p.Errorf("set with a mark: %v", err)
		}
		p.answers.Delete(key)
		if p.answers.Exists(key) {
			p.Error("a deleted key is there")
		}
	}
	p.group.ClearTag(p.Context(), "corpus")
	p.group.ClearPattern(p.Context(), "out/*")
	if _, err := p.group.Clear(p.Context(), "answers"); err != nil {
		p.Error(err)
	}
}

func TestCallersDoNotSeeAnOutage(t *testing.T) {
	t.Parallel()
	nowhere := "REPLICAOF 127.0.0.1 1"
	tests := []struct {
		name      string
		begin     func(t *testing.T, s *redistest.Server)
		end       func(t *testing.T, s *redistest.Server)
		connected bool   // whether it stays so
		says      string // part of the last error
	}{
		{
			"killed",
			func(t *testing.T, s *redistest.Server) { t.Helper(); check(t, s.Kill()) },
			func(t *testing.T, s *redistest.Server) { t.Helper(); check(t, s.Restart(t.Context())) }, false, "",
		},
		{
			"paused",
			func(t *testing.T, s *redistest.Server) { t.Helper(); check(t, s.Pause()) },
			func(t *testing.T, s *redistest.Server) { t.Helper(); check(t, s.Resume()) }, false, "",
		},
		{
			"out of memory",
			func(t *testing.T, s *redistest.Server) { t.Helper(); must(t, s, "CONFIG", "SET", "maxmemory", "1") },
			func(t *testing.T, s *redistest.Server) { t.Helper(); must(t, s, "CONFIG", "SET", "maxmemory", "0") },
			true, "OOM",
		},
		{
			"read-only replica",
			func(t *testing.T, s *redistest.Server) { t.Helper(); must(t, s, strings.Fields(nowhere)...) },
			func(t *testing.T, s *redistest.Server) { t.Helper(); must(t, s, "REPLICAOF", "NO", "ONE") },
			true, "READONLY",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			cfg := rediscache.Config{URL: server.URL(), LookupTimeout: 50 * time.Millisecond}
			a, b := connected(t, cfg), connected(t, cfg)
			a.set("before", from("a"))
			a.settled()
			test.begin(t, server)
			for round := range 3 {
				a.everything(round)
			}
			a.await("the state to show", func() bool {
				s := a.redis()
				if s.LastError == "" { // it is the next refusal that says so
					a.set("again", from("a"))
				}
				return s.Connected == test.connected && strings.Contains(s.LastError, test.says) && s.LastError != ""
			})
			if warned := len(a.group.Stats().Warnings) > 0; warned == test.connected {
				t.Errorf("warnings: %v", a.group.Stats().Warnings)
			}
			a.answers.Delete("before") // the others must learn of it in the end
			test.end(t, server)
			a.await("recovery of a", func() bool { s := a.redis(); return s.Connected && s.Owed == 0 })
			b.await("recovery of b", func() bool { return b.redis().Connected })
			a.settled()
			if got := b.get("before", cache.EntryOptions{}, from("b")); got == from("a") {
				t.Errorf("b got %v, which a deleted during the outage", got)
			}
			// Both share again. A store may be refused for what happened just before.
			for i := 0; ; i++ {
				key := "after/" + strconv.Itoa(i)
				a.get(key, cache.EntryOptions{}, from("a"))
				a.settled()
				if b.get(key, cache.EntryOptions{}, from("b")) == from("a") {
					break
				}
				if i == 1000 {
					t.Fatalf("not shared any more: %+v", a.redis())
				}
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What the other process had in memory during the cut is dropped before it is read again.
func TestMemoryIsDroppedWhenTheFeedComesBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	cfg := watchful(server.URL())
	a, b := connected(t, cfg), connected(t, cfg)
	a.get("k", cache.EntryOptions{}, from("a"))
	a.settled()
	b.get("k", cache.EntryOptions{}, answer{})
	check(t, server.Pause())
	b.await("b to notice", func() bool { return !b.redis().Connected })
	if got, ok := b.answers.Get("k"); !ok || got != from("a") {
		t.Errorf("memory of b served %v, %v during the cut", got, ok)
	}
	feeds := b.redis().Feeds
	check(t, server.Resume())
	b.await("the feed", func() bool { return b.redis().Feeds > feeds && b.redis().Connected })
	if b.answers.Exists("k") {
		t.Error("b still has what it had before the cut")
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	check(t, server.Kill())
	p := start(t, rediscache.Config{URL: server.URL()})
	p.everything(0)
	p.await("the reason", func() bool { return strings.Contains(p.redis().LastError, "refused") })
	s := p.group.Stats()
	if s.Redis.Connected || !s.Redis.Enabled || len(s.Warnings) != 1 {
		t.Errorf("%+v, warnings %v", s.Redis, s.Warnings)
	}
	// It comes later.
	check(t, server.Restart(t.Context()))
	p.await("the connection", func() bool { return p.redis().Connected })
}

func TestRunEndsWhileTheServerIsPaused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := connected(t, rediscache.Config{URL: server.URL()})
	check(t, server.Pause())
	p.everything(0)
	p.stop()
	check(t, server.Resume())
}

// What was invalidated last goes out before the process ends.
func TestInvalidationsGoOutBeforeTheEnd(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := connected(t, patient(server.URL())), connected(t, patient(server.URL()))
	a.set("k", from("a"))
	a.settled()
	b.get("k", cache.EntryOptions{}, answer{})
	a.answers.Delete("k")
	a.stop()
	b.await("the invalidation", func() bool { return !b.answers.Exists("k") })
	if got := b.get("k", cache.EntryOptions{}, from("b")); got != from("b") {
		t.Errorf("got %v", got)
	}
}

// A caller that gives up is neither a failure of the server nor held up by it.
func TestCancelledCallers(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := connected(t, patient(server.URL()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			_, err := p.answers.GetOrLoad(ctx, strconv.Itoa(i), func(context.Context) (answer, error) { return answer{}, nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if _, _, ok := p.answers.Lookup(ctx, strconv.Itoa(i)); ok {
				t.Error("found something")
			}
		})
	}
	all.Wait()
	if !p.redis().Connected {
		t.Errorf("the second tier counts as failed: %+v", p.redis())
	}
}

// What is no value of ours is a miss, is counted and goes.
func TestPoisonedValues(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a := connected(t, patient(server.URL()))
	a.set("good", answer{Text: strings.Repeat("good ", 1000)})
	a.settled()
	good := must(t, server, "GET", "upshift:2:e:{answers/good}")
	tests := map[string]string{
		"foreign":    "hello",
		"header":     good[:17],
		"truncated":  good[:len(good)-1],
		"cut":        good[:len(good)/2],
		"longer":     good + "x",
		"moved":      good, // under another key
		"bit":        good[:40] + string(good[40]^1) + good[41:],
		"zeros":      good[:17] + strings.Repeat("\x00", 64),
		"mark-like":  "d" + good[1:],
		"one byte":   "v",
		"all nearly": good[:17] + strings.Repeat("\xff", 300),
	}
	b := connected(t, patient(server.URL()))
	want := uint64(0)
	for name, value := range tests {
		must(t, server, "SET", "upshift:2:e:{answers/"+name+"}", value)
		if got := b.get(name, cache.EntryOptions{}, from(name)); got != from(name) {
			t.Errorf("%s: got %v", name, got)
		}
		b.settled()
		if want++; b.redis().Malformed != want {
			t.Errorf("%s: %d malformed, want %d", name, b.redis().Malformed, want)
		}
		if left := must(t, server, "GET", "upshift:2:e:{answers/"+name+"}"); left == value {
			t.Errorf("%s: still there", name)
		}
	}
	if got := b.get("good", cache.EntryOptions{}, answer{}); got.Text == "" {
		t.Error("the good one is gone")
	}
	// A key of another type is an error of the lookup, and not of the caller.
	must(t, server, "RPUSH", "upshift:2:e:{answers/list}", "x")
	if got := b.get("list", cache.EntryOptions{}, from("loader")); got != from("loader") {
		t.Errorf("got %v", got)
	}
}

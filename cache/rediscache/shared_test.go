package rediscache_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/redistest"
)

func TestProcessesShareWhatOneLoaded(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := connected(t, patient(server.URL())), connected(t, patient(server.URL()))
	opts := cache.EntryOptions{Tags: []string{"corpus", "model"}}
	if got := a.get("q", opts, from("a")); got != from("a") {
		t.Fatalf("got %v", got)
	}
	a.settled()
	if got := b.get("q", opts, from("b")); got != from("a") {
		t.Errorf("b got %v, want what a loaded", got)
	}
	if s := b.redis(); s.Hits != 1 {
		t.Errorf("b has %d hits in the second tier, want 1", s.Hits)
	}
	if n := b.answers.Stats().Loads; n != 0 {
		t.Errorf("b counts %d loads, want none", n)
	}
	info, ok := b.answers.Inspect("q")
	if !ok || len(info.Tags) != 2 {
		t.Errorf("the promoted entry is %+v", info)
	}
	if got, ok := b.answers.Get("q"); !ok || got != from("a") {
		t.Errorf("memory of b has %v, %v", got, ok)
	}
}

// Each way to invalidate reaches the memory of the other process and the second tier.
func TestInvalidationReachesOtherProcesses(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	tests := []struct {
		name string
		do   func(p *process)
	}{
		{"delete", func(p *process) { p.answers.Delete("q/1") }},
		{"set", func(p *process) { p.set("q/1", from("set")) }},
		{"clear the cache", func(p *process) { p.answers.Clear() }},
		{"clear by name", func(p *process) { _, _ = p.group.Clear(context.Background(), "answers") }},
		{"clear all", func(p *process) { p.group.ClearAll(context.Background()) }},
		{"pattern of the cache", func(p *process) { p.answers.ClearPattern("q/*") }},
		{"pattern of all", func(p *process) { p.group.ClearPattern(context.Background(), "q/*") }},
		{"tag", func(p *process) { p.group.ClearTag(context.Background(), "corpus") }},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := patient(server.URL())
			cfg.Prefix = "test" + strconv.Itoa(i)
			a, b := connected(t, cfg), connected(t, cfg)
			opts := cache.EntryOptions{Tags: []string{"corpus"}}
			a.get("q/1", opts, from("old"))
			a.settled()
			if got := b.get("q/1", opts, from("b")); got != from("old") {
				t.Fatalf("b got %v", got)
			}
			test.do(a)
			b.await("the invalidation", func() bool { return !b.answers.Exists("q/1") })
			want := from("new")
			if test.name == "set" {
				want = from("set")
			}
			if got := b.get("q/1", opts, from("new")); got != want {
				t.Errorf("b got %v, want %v", got, want)
			}
			if got, _ := a.answers.Get("q/1"); got == from("old") {
				t.Errorf("a still has %v", got)
			}
		})
	}
}

// What one process invalidates while another loads is not stored, neither here nor there.
func TestInvalidationDuringALoadOfAnotherProcessWins(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	tests := []struct {
		name string
		do   func(p *process)
	}{
		{"tag", func(p *process) { p.group.ClearTag(context.Background(), "corpus") }},
		{"delete", func(p *process) { p.answers.Delete("q") }},
		{"clear", func(p *process) { p.answers.Clear() }},
		{"set", func(p *process) { p.set("q", from("set"), "corpus") }},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := patient(server.URL())
			cfg.Prefix = "load" + strconv.Itoa(i)
			a, b := connected(t, cfg), connected(t, cfg)
			opts := cache.EntryOptions{Tags: []string{"corpus"}}
			heard := b.redis().Received
			got, err := b.answers.GetOrLoadWith(t.Context(), "q", opts, func(context.Context) (answer, error) {
				test.do(a)
				a.settled()
				b.await("the message", func() bool { return b.redis().Received > heard })
				return from("old"), nil
			})
			if err != nil || got != from("old") {
				t.Fatalf("who waited got %v, %v", got, err)
			}
			b.settled()
			want := from("new")
			if test.name == "set" {
				want = from("set")
			}
			if got := b.get("q", opts, from("new")); got != want {
				t.Errorf("b got %v, want %v", got, want)
			}
			c := connected(t, cfg)
			if got := c.get("q", opts, want); got == from("old") {
				t.Errorf("a third process got %v", got)
			}
		})
	}
}

// The server alone keeps an old value out, whatever the feed does: here the process that loads
// does not listen.
func TestLateStoreIsRefusedByTheServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := connected(t, patient(server.URL())), connected(t, patient(server.URL()))
	_, mark, _ := b.answers.Lookup(t.Context(), "q", "corpus")
	a.answers.Delete("q")
	a.settled()
	// The mark knows of it by now, or the server does.
	err := b.answers.Set("q", from("old"), cache.EntryOptions{Tags: []string{"corpus"}, Since: mark})
	if err == nil {
		b.await("the refusal", func() bool { return b.redis().Refused == 1 })
		b.await("memory to follow", func() bool { return !b.answers.Exists("q") })
	}
	b.settled()
	if got := a.get("q", cache.EntryOptions{}, from("new")); got != from("new") {
		t.Errorf("got %v", got)
	}
}

func TestLookupSharesWhatWasFetchedOtherwise(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := connected(t, patient(server.URL())), connected(t, patient(server.URL()))
	_, mark, ok := a.answers.Lookup(t.Context(), "page")
	if ok {
		t.Fatal("an empty server had a value")
	}
	if err := a.answers.Set("page", from("a"), cache.EntryOptions{Since: mark}); err != nil {
		t.Fatal(err)
	}
	a.settled()
	got, mark, ok := b.answers.Lookup(t.Context(), "page")
	if !ok || got != from("a") {
		t.Fatalf("b found %v, %v", got, ok)
	}
	if !b.answers.Exists("page") {
		t.Error("what was found is not in memory")
	}
	// b renews it: a must not keep the old one.
	if err := b.answers.Set("page", from("b"), cache.EntryOptions{Since: mark}); err != nil {
		t.Fatal(err)
	}
	a.await("the renewal", func() bool { v, _ := a.answers.Get("page"); return v != from("a") })
	if got, _, _ := a.answers.Lookup(t.Context(), "page"); got != from("b") {
		t.Errorf("a found %v", got)
	}
}

func TestNothingIsLeftOfWhatExpired(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := connected(t, patient(server.URL()))
	for i := range 50 {
		p.set("k"+strconv.Itoa(i), from("a"), "tag"+strconv.Itoa(i))
	}
	p.settled()
	if n, err := strconv.Atoi(must(t, server, "DBSIZE")); err != nil || n < 100 {
		t.Fatalf("the server has %d keys, %v", n, err)
	}
	keyspace := must(t, server, "INFO", "keyspace")
	keys, rest, _ := strings.Cut(strings.TrimPrefix(keyspace[strings.Index(keyspace, "keys="):], "keys="), ",")
	expires, _, _ := strings.Cut(strings.TrimPrefix(rest, "expires="), ",")
	if keys != expires {
		t.Errorf("%s keys, of which %s expire; want all", keys, expires)
	}
}

func TestCompressedValuesComeBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := connected(t, patient(server.URL())), connected(t, patient(server.URL()))
	long := answer{Text: strings.Repeat("retrieval augmented ", 10_000), N: 7}
	a.set("long", long)
	a.settled()
	if got := b.get("long", cache.EntryOptions{}, answer{}); got != long {
		t.Error("another value came back")
	}
	n, err := strconv.Atoi(must(t, server, "STRLEN", "upshift:2:e:{answers/long}"))
	if err != nil || n == 0 || n > len(long.Text)/4 {
		t.Errorf("%d bytes in the server for %d, %v", n, len(long.Text), err)
	}
}

// A pattern is remembered by the server, and concerns what was there before.
func TestAPatternLeavesTheRestOfTheSecondTier(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := connected(t, patient(server.URL())), connected(t, patient(server.URL()))
	for i := range 20 {
		a.set("a/"+strconv.Itoa(i), from("a"))
		a.set("b/"+strconv.Itoa(i), from("a"))
	}
	a.settled()
	b.answers.ClearPattern("a/*")
	b.settled()
	for i := range 20 {
		if got := b.get("a/"+strconv.Itoa(i), cache.EntryOptions{}, from("b")); got != from("b") {
			t.Errorf("a/%d: %v", i, got)
		}
		if got := b.get("b/"+strconv.Itoa(i), cache.EntryOptions{}, from("b")); got != from("a") {
			t.Errorf("b/%d: %v", i, got)
		}
	}
}

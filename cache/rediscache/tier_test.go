package rediscache_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// listener is a feed that remembers.
type listener struct {
	live     chan struct{}
	messages chan string
}

func (l *listener) Live()            { l.live <- struct{}{} }
func (l *listener) Lost(error)       {}
func (l *listener) Deliver(m []byte) { l.messages <- string(m) }

// run runs a tier without a group until the test ends, and returns it connected.
func run(t *testing.T, cfg rediscache.Config) (*rediscache.Tier, *listener) {
	t.Helper()
	tier, err := rediscache.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{live: make(chan struct{}, 100), messages: make(chan string, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- tier.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-l.live
	return tier, l
}

func TestOperations(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, heard := run(t, patient(server.URL()))
	b, _ := run(t, patient(server.URL()))
	ctx := t.Context()
	look := func(names ...string) cache.RemoteView {
		t.Helper()
		v, err := a.Lookup(ctx, "c/k", names)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	apply := func(want error, op cache.RemoteOp) {
		t.Helper()
		op.Key, op.TTL = "c/k", time.Minute
		if op.Version != "" {
			op.Version = strings.Repeat(op.Version, 16)
		}
		if errs := b.Apply(ctx, []cache.RemoteOp{op}); len(errs) != 1 || !errors.Is(errs[0], want) {
			t.Errorf("%+v: %v, want %v", op, errs, want)
		}
	}
	first := look("g", "n:c")
	if first.Value != nil || first.Version != "" || first.Generations[0] == "" || first.Generations[0] == first.Generations[1] {
		t.Fatalf("of nothing: %+v", first)
	}
	apply(nil, cache.RemoteOp{Kind: cache.RemoteStore, Value: []byte("one"), Version: "1", Names: []string{"g"}})
	one := look("g", "n:c")
	if string(one.Value) != "one" || !slices.Equal(one.Generations, first.Generations) {
		t.Errorf("%+v", one)
	}
	apply(cache.ErrSuperseded, cache.RemoteOp{Kind: cache.RemoteStore, Value: []byte("two"), Version: "2"})
	apply(nil, cache.RemoteOp{Kind: cache.RemoteStore, Value: []byte("two"), Version: "2", Since: one.Version})
	apply(nil, cache.RemoteOp{Kind: cache.RemoteDiscard, Since: one.Version})
	if v := look(); string(v.Value) != "two" {
		t.Errorf("a discard of another version removed it: %+v", v)
	}
	apply(nil, cache.RemoteOp{Kind: cache.RemoteForget, Message: []byte("gone")})
	gone := look()
	if gone.Value != nil || gone.Version == "" {
		t.Errorf("of a removed value: %+v", gone)
	}
	if m := <-heard.messages; m != "gone" {
		t.Errorf("heard %q", m)
	}
	apply(cache.ErrSuperseded, cache.RemoteOp{Kind: cache.RemoteStore, Value: []byte("late"), Version: "3"})
	apply(nil, cache.RemoteOp{Kind: cache.RemoteReplace, Value: []byte("four"), Version: "4"})
	if v := look(); string(v.Value) != "four" {
		t.Errorf("%+v", v)
	}
	apply(nil, cache.RemoteOp{Kind: cache.RemoteRenew, Names: []string{"g"}})
	if v := look("g", "n:c"); v.Generations[0] == first.Generations[0] || v.Generations[1] != first.Generations[1] {
		t.Errorf("after a renewal of g: %v, before %v", v.Generations, first.Generations)
	}
}

// After a few failures nobody waits for the server any more, and it is asked again when it is back.
func TestBreaker(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	tier, _ := run(t, rediscache.Config{URL: server.URL(), LookupTimeout: 50 * time.Millisecond})
	check(t, server.Pause())
	ask := func() error {
		_, err := tier.Lookup(t.Context(), "c/k", []string{"g"})
		return err
	}
	deadline := time.Now().Add(30 * time.Second)
	asked := 0
	for err := ask(); err != cache.ErrRemoteUnavailable; err = ask() { //nolint:errorlint // the bare error is that of the breaker
		if asked++; time.Now().After(deadline) || err == nil {
			t.Fatalf("after %d failures it is still asked: %v", asked, err)
		}
	}
	if asked > 10 {
		t.Errorf("%d callers waited", asked)
	}
	check(t, server.Resume())
	for ask() != nil {
		if time.Now().After(deadline) {
			t.Fatal("it is not asked again")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url, says string
	}{
		{"redis://127.0.0.1:1", ""},
		{"rediss://user:secret@cache.example:6380/2", ""},
		{"valkey://127.0.0.1:1", ""},
		{"redis+cluster://a:1?addr=b:2&addr=c:3", ""},
		{"redis+sentinel://a:1?addr=b:2&master_set=main", ""},
		{"redis+sentinel://a:1?addr=b:2", "master_set"},
		{"unix:///run/redis.sock?db=1", ""},
		{"", "must be a URL"},
		{"redis://", "must be a URL"},
		{"http://:secret@a:1", "URL scheme"},
		{"redis://:secret@a:1/x", "database number"},
		{"redis://:secret@a:1/1/2", "URL path"},
		{"redis://:secret@a:1?dial_timeout=soon", "dial timeout"},
		{"redis://:secret@a:bad", "must be a URL"},
	}
	for _, test := range tests {
		t.Run(test.url, func(t *testing.T) {
			t.Parallel()
			_, err := rediscache.New(rediscache.Config{URL: test.url}, nil)
			switch {
			case test.says == "" && err != nil:
				t.Error(err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
				t.Errorf("got %v, want %q", err, test.says)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
	for _, bad := range []rediscache.Config{
		{URL: "redis://a:1", Prefix: "a{b}"}, {URL: "redis://a:1", LookupTimeout: -1}, {URL: "redis://a:1", Prefix: strings.Repeat("x", 65)},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

package rediscache_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// In a cluster rueidis puts off looks at the topology, for a second at most, in a goroutine that
// outlives its client.
func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		if err := asChild(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

type answer struct {
	Text string
	N    int
}

// process is what one process has: a group with a tier of its own, running.
type process struct {
	*testing.T
	group   *cache.Group
	answers *cache.Cache[answer]
	stop    func()
}

// patient waits longer than a program would, for a machine that is busy: what is tested here is not
// how long.
func patient(url string) rediscache.Config {
	cfg := watchful(url)
	cfg.FeedTimeout = 15 * time.Second
	cfg.URL += "&write_timeout=20s"
	if !strings.Contains(url, "?") {
		cfg.URL = url + "?write_timeout=20s"
	}
	return cfg
}

// watchful is patient, but notices a server that is silent.
func watchful(url string) rediscache.Config {
	return rediscache.Config{URL: url, LookupTimeout: 5 * time.Second, ApplyTimeout: 5 * time.Second}
}

// start starts a process; it is stopped with the test.
func start(t *testing.T, cfg rediscache.Config) *process {
	t.Helper()
	remote, err := rediscache.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	group, err := cache.NewShared(cache.Config{}, remote)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cache.Named(group, "answers", cache.Options[answer]{Codec: cache.JSON[answer]{Version: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- group.Run(ctx) }()
	p := &process{T: t, group: group, answers: answers}
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(p.stop)
	return p
}

// connected starts a process and waits until it has its second tier.
func connected(t *testing.T, cfg rediscache.Config) *process {
	t.Helper()
	p := start(t, cfg)
	p.await("the connection", func() bool { return p.redis().Connected })
	return p
}

func (p *process) redis() cache.RedisStats { return p.group.Stats().Redis }

// await polls until a condition holds.
func (p *process) await(what string, holds func() bool) {
	p.Helper()
	if !poll(holds) {
		p.Fatalf("waited in vain for %s; %+v", what, p.redis())
	}
}

func poll(holds func() bool) bool { return pollFor(30*time.Second, holds) }

func pollFor(longest time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(longest); !holds(); time.Sleep(500 * time.Microsecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// settled waits until everything that was queued has reached the server.
func (p *process) settled() {
	p.Helper()
	p.await("the queue", func() bool { s := p.redis(); return s.Queued == 0 && s.Owed == 0 && s.Unsent == 0 })
}

// get loads a key; the loader says so in the value.
func (p *process) get(key string, opts cache.EntryOptions, value answer) answer {
	p.Helper()
	got, err := p.answers.GetOrLoadWith(p.Context(), key, opts, func(context.Context) (answer, error) { return value, nil })
	if err != nil {
		p.Fatalf("get %s: %v", key, err)
	}
	return got
}

// finds waits until a process finds a value in the second tier, which it must be able to ask for that.
func (p *process) finds(key string, want answer) {
	p.Helper()
	p.await(key+" in the second tier", func() bool {
		got, _, ok := p.answers.Lookup(p.Context(), key)
		return ok && got == want
	})
}

func (p *process) set(key string, value answer, tags ...string) {
	p.Helper()
	if err := p.answers.Set(key, value, cache.EntryOptions{Tags: tags}); err != nil {
		p.Fatal(err)
	}
}

func must(t *testing.T, s *redistest.Server, args ...string) string {
	t.Helper()
	reply, err := s.Do(t.Context(), args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return reply
}

func from(process string) answer { return answer{Text: fmt.Sprintf("from %s", process)} }

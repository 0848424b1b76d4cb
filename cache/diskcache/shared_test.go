package diskcache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
)

type answer struct {
	Text string
	N    int
}

// process is a group over a directory, as a program has it.
type process struct {
	testing.TB
	group   *cache.Group
	answers *cache.Cache[answer]
	stop    func()
}

func start(tb testing.TB, cfg Config) *process {
	tb.Helper()
	disk, err := New(cfg, nil)
	if err != nil {
		tb.Fatal(err)
	}
	group, err := cache.NewShared(cache.Config{MaxEntries: 100_000}, disk)
	if err != nil {
		tb.Fatal(err)
	}
	answers, err := cache.Named(group, "answers", cache.Options[answer]{Codec: cache.JSON[answer]{Version: "1"}})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- group.Run(ctx) }()
	p := &process{TB: tb, group: group, answers: answers}
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	}
	tb.Cleanup(p.stop)
	p.await("the directory", func() bool { // open and asked, or refused
		s := p.disk()
		return s.Open || s.LastError != "" && s.LastError != errNotOpen.Error()
	})
	return p
}

func (p *process) disk() cache.DiskStats { return p.group.Stats().Disk }

func (p *process) await(what string, holds func() bool) {
	p.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatalf("waited in vain for %s; %+v", what, p.disk())
		}
	}
}

// settled waits until everything that was queued is written.
func (p *process) settled() {
	p.Helper()
	p.await("the queue", func() bool { s := p.disk(); return s.Queued == 0 && s.Owed == 0 && s.Unsent == 0 })
}

func (p *process) get(key string, value answer, tags ...string) answer {
	p.Helper()
	got, err := p.answers.GetOrLoadWith(context.Background(), key, cache.EntryOptions{Tags: tags},
		func(context.Context) (answer, error) { return value, nil })
	if err != nil {
		p.Fatalf("get %s: %v", key, err)
	}
	return got
}

// What was loaded is there after a restart, what was invalidated in any way is not.
func TestARestartIsWarm(t *testing.T) {
	t.Parallel()
	cfg := Config{Dir: t.TempDir(), MaxBytes: MinBytes}
	p := start(t, cfg)
	for i := range 500 {
		p.get("old"+strconv.Itoa(i), answer{"first", i}, "corpus", "n"+strconv.Itoa(i%5))
	}
	p.settled()
	p.answers.Delete("old1")
	if err := p.answers.Set("old2", answer{"set", 2}, cache.EntryOptions{}); err != nil {
		t.Fatal(err)
	}
	p.group.ClearTag(t.Context(), "n3")
	p.group.ClearPattern(t.Context(), "old49?")
	p.answers.ClearPattern("old48?")
	p.settled()
	p.stop()
	p = start(t, cfg)
	want := func(i int) answer {
		switch {
		case i == 1, i%5 == 3, i >= 480:
			return answer{"second", i}
		case i == 2:
			return answer{"set", 2}
		}
		return answer{"first", i}
	}
	for i := range 500 {
		if got := p.get("old"+strconv.Itoa(i), answer{"second", i}, "corpus", "n"+strconv.Itoa(i%5)); got != want(i) {
			t.Errorf("%d: got %v, want %v", i, got, want(i))
		}
	}
	if s := p.disk(); s.Hits != 383 || s.Misses != 117 || s.Errors > 0 {
		t.Errorf("%+v", s)
	}
	if s := p.group.Stats(); s.Redis.Enabled || !s.Disk.Enabled || !s.Disk.Open || len(s.Warnings) > 0 {
		t.Errorf("%+v", s)
	}
	p.settled()
	p.group.ClearAll(t.Context())
	p.settled()
	p.stop()
	p = start(t, cfg)
	if got := p.get("old7", answer{"third", 7}); got != (answer{"third", 7}) {
		t.Errorf("after a clear of all: %v", got)
	}
}

// What is done before the directory is open is done to it, and costs nothing else.
func TestWritesBeforeItIsOpen(t *testing.T) {
	t.Parallel()
	cfg := Config{Dir: t.TempDir(), MaxBytes: MinBytes}
	p := start(t, cfg)
	for i := range 10 {
		p.get(strconv.Itoa(i), answer{"first", i})
	}
	p.settled()
	p.stop()
	disk, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	group, err := cache.NewShared(cache.Config{}, disk)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cache.Named(group, "answers", cache.Options[answer]{Codec: cache.JSON[answer]{Version: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	answers.Delete("3") // nothing runs yet
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- group.Run(ctx) }()
	p = &process{TB: t, group: group, answers: answers}
	p.await("the directory", func() bool { return p.disk().Open })
	p.settled()
	for i := range 10 {
		want := answer{"first", i}
		if i == 3 {
			want = answer{"second", i}
		}
		if got := p.get(strconv.Itoa(i), answer{"second", i}); got != want {
			t.Errorf("%d: got %v, want %v", i, got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Whatever the directory is, callers do not see it.
func TestCallersDoNotSeeTheDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, Config{Dir: file})
	for i := range 200 {
		key := strconv.Itoa(i)
		if got := p.get(key, answer{"a", i}, "tag"); got.N != i {
			t.Errorf("got %v", got)
		}
		if err := p.answers.Set(key, answer{"b", i}, cache.EntryOptions{}); err != nil {
			t.Error(err)
		}
		if got, ok := p.answers.Get(key); !ok || got.Text != "b" {
			t.Errorf("got %v, %v", got, ok)
		}
		p.answers.Delete(key)
	}
	p.group.ClearTag(t.Context(), "tag")
	s := p.group.Stats()
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "cache.disk.path") || s.Disk.LastError == "" || s.Disk.Open {
		t.Errorf("%+v, warnings %q", s.Disk, s.Warnings)
	}
	if ok, _, lastError := p.group.Remote(); ok || lastError == "" {
		t.Errorf("%v, %q", ok, lastError)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is only an example's
	// life is what a process does from its start to its end.
	life := func() string {
		disk, err := New(Config{Dir: dir, MaxBytes: 64 << 20}, nil)
		if err != nil {
			panic(err)
		}
		group, err := cache.NewShared(cache.Config{}, disk)
		if err != nil {
			panic(err)
		}
		prices, err := cache.Named(group, "prices", cache.Options[string]{Codec: cache.JSON[string]{}})
		if err != nil {
			panic(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- group.Run(ctx) }()
		for !group.Stats().Disk.Open {
			time.Sleep(time.Millisecond) // a program need not wait: until then it works in memory
		}
		source := "from the directory"
		if _, err := prices.GetOrLoad(ctx, "tea", func(context.Context) (string, error) {
			source = "loaded"
			return "3.20", nil
		}); err != nil {
			panic(err)
		}
		cancel()
		if err := <-done; err != nil {
			panic(err)
		}
		return source
	}
	fmt.Println(life())
	fmt.Println(life())
	// Output:
	// loaded
	// from the directory
}
